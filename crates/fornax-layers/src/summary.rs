//! The summary of a network as text: a table of its layers in the manner of Keras 3, and the sizes of its weights.

use fornax_core::Backend;

use crate::{Network, Shape};

impl<B: Backend> Network<B> {
    /// A table of the layers with their output shapes and numbers of weights; layers with several inputs or calls
    /// say what they are connected to.
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use fornax_core::Flex;
    /// use fornax_layers::{Sequential, layers::Dense};
    ///
    /// let network = Sequential::<Flex>::new([784]).add(Dense::new(10)).build()?;
    /// let summary = network.summary();
    /// assert!(summary.contains("│ dense (Dense)                   │ (None, 10)             │         7,850 │"));
    /// assert!(summary.contains(" Total params: 7,850 (30.66 KB)"));
    /// # }
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    pub fn summary(&self) -> String {
        let mut table = if self.is_chain() {
            Table::new([("Layer (type)", 31), ("Output Shape", 22), ("Param #", 13)])
        } else {
            Table::new([("Layer (type)", 19), ("Output Shape", 17), ("Param #", 10), ("Connected to", 17)])
        };
        if !self.is_chain() {
            for (index, shape) in self.graph.inputs.iter().enumerate() {
                let name = format!("{} (InputLayer)", input_name(index));
                table.row([name, shape.to_string(), "0".into(), "-".into()]);
            }
        }
        for (index, member) in self.graph.layers.iter().enumerate() {
            let calls = || self.graph.calls.iter().filter(move |call| call.layer == index);
            let shapes = calls().next_back().map(|call| shapes_text(&call.shapes)).unwrap_or_default();
            let parameters: usize = member.weights.clone().map(|at| self.elements(at)).sum();
            let connections: Vec<String> =
                calls().flat_map(|call| &call.inputs).map(|&slot| self.origin(slot)).collect();
            table.row([
                format!("{} ({})", member.name, member.node.class_name()),
                shapes,
                thousands(parameters),
                connections.join(", "),
            ]);
        }
        let [trainable, fixed] = [true, false].map(|wanted| -> usize {
            let of_kind = |at: &usize| self.variables[*at].trainable() == wanted;
            (0..self.variables.len()).filter(of_kind).map(|at| self.elements(at)).sum()
        });
        let size = |count: usize| format!("{} ({})", thousands(count), memory(count));
        format!(
            "Model: \"{}\"\n{table} Total params: {}\n Trainable params: {}\n Non-trainable params: {}\n",
            self.name,
            size(trainable + fixed),
            size(trainable),
            size(fixed),
        )
    }

    /// Whether each layer takes the one output of the one before.
    fn is_chain(&self) -> bool {
        let graph = &self.graph;
        let follows = |(at, call): (usize, &crate::graph::Call)| {
            call.layer == at && call.inputs == [at] && call.outputs.len() == 1
        };
        graph.inputs.len() == 1
            && graph.outputs == [graph.calls.len()]
            && graph.calls.iter().enumerate().all(follows)
    }

    fn elements(&self, at: usize) -> usize {
        self.variables[at].shape().iter().product()
    }

    /// `layer[call][output]`, the tensor in a slot.
    fn origin(&self, slot: usize) -> String {
        let Some(at) = self.graph.calls.iter().position(|call| call.outputs.contains(&slot)) else {
            return format!("{}[0][0]", input_name(slot));
        };
        let call = &self.graph.calls[at];
        let earlier = self.graph.calls[..at].iter().filter(|other| other.layer == call.layer).count();
        format!("{}[{earlier}][{}]", self.graph.layers[call.layer].name, slot - call.outputs.start)
    }
}

fn input_name(index: usize) -> String {
    if index == 0 { "input_layer".into() } else { format!("input_layer_{index}") }
}

fn shapes_text(shapes: &[Shape]) -> String {
    match shapes {
        [shape] => shape.to_string(),
        _ => format!("[{}]", shapes.iter().map(Shape::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// `50890` as `50,890`.
fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What `count` weights of 32 bits take.
fn memory(count: usize) -> String {
    let mut size = count as f64 * 4.0;
    let mut units = ["B", "KB", "MB", "GB", "TB"].iter();
    let mut unit = units.next().expect("there are units");
    while size >= 1024.0
        && let Some(next) = units.next()
    {
        size /= 1024.0;
        unit = next;
    }
    format!("{size:.2} {unit}")
}

/// A table whose cells break at spaces; a column is as wide as its longest word, and never narrower than stated.
struct Table {
    columns: Vec<(&'static str, usize)>,
    rows: Vec<Vec<String>>,
}

/// The column of numbers, which are aligned on the right.
const NUMBERS: usize = 2;

impl Table {
    fn new<const N: usize>(columns: [(&'static str, usize); N]) -> Self {
        Self { columns: columns.to_vec(), rows: vec![] }
    }

    fn row(&mut self, cells: [String; 4]) {
        let cells = cells.into_iter().take(self.columns.len());
        for ((_, width), cell) in self.columns.iter_mut().zip(cells.clone()) {
            let longest = cell.split(' ').map(|word| word.chars().count()).max();
            *width = longest.unwrap_or(0).max(*width);
        }
        self.rows.push(cells.collect());
    }

    fn rule(
        &self,
        f: &mut std::fmt::Formatter<'_>,
        [left, line, cross, right]: [char; 4],
    ) -> std::fmt::Result {
        let lines: Vec<String> =
            self.columns.iter().map(|(_, width)| line.to_string().repeat(width + 2)).collect();
        writeln!(f, "{left}{}{right}", lines.join(&cross.to_string()))
    }

    fn cells(&self, f: &mut std::fmt::Formatter<'_>, border: char, cells: &[String]) -> std::fmt::Result {
        let wrapped: Vec<Vec<String>> =
            cells.iter().zip(&self.columns).map(|(cell, (_, width))| wrap(cell, *width)).collect();
        for line in 0..wrapped.iter().map(Vec::len).max().unwrap_or(0) {
            for (column, ((_, width), cell)) in self.columns.iter().zip(&wrapped).enumerate() {
                let text = cell.get(line).map_or("", String::as_str);
                match column {
                    NUMBERS => write!(f, "{border} {text:>width$} ")?,
                    _ => write!(f, "{border} {text:<width$} ")?,
                }
            }
            writeln!(f, "{border}")?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let titles: Vec<String> = self.columns.iter().map(|(title, _)| (*title).to_owned()).collect();
        self.rule(f, ['┏', '━', '┳', '┓'])?;
        self.cells(f, '┃', &titles)?;
        self.rule(f, ['┡', '━', '╇', '┩'])?;
        for (at, row) in self.rows.iter().enumerate() {
            if at > 0 {
                self.rule(f, ['├', '─', '┼', '┤'])?;
            }
            self.cells(f, '│', row)?;
        }
        self.rule(f, ['└', '─', '┴', '┘'])
    }
}

/// The text in lines of at most `width` characters, broken at spaces.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
