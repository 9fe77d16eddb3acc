//! [`Plan`]: the lengths of a convolution, and which positions meet which kernel elements.

use std::ops::Range;
use std::sync::Arc;

use super::super::kept::Kept;
use super::super::pool::three;
use super::super::product::Places;
use super::winograd::Grid;
use crate::ops::{ConvGeometry, Window};

/// Numbers of source and output in a block of images: 256 KiB.
const BLOCK: usize = 65_536;

/// Tasks into which a batch is cut at most.
const TASKS: usize = 8;

/// The lengths of a convolution over `[n, d, h, w, c]`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) batch: usize,
    pub(super) input: [usize; 3],
    pub(super) output: [usize; 3],
    pub(super) channels: usize,
    pub(super) filters: usize,
    pub(super) kernel: [usize; 3],
    pub(super) stride: [usize; 3],
    pub(super) dilation: [usize; 3],
    pub(super) before: [usize; 3],
    pub(super) groups: usize,
    /// Whether tiles of the images are transformed, whose kernels are 3 x 3 at every position. It is decided by the whole output,
    /// so that a part of it has the same bits.
    pub(super) transformed: bool,
}

/// Positions that meet the same kernel elements.
pub(super) struct Class {
    /// The positions of a block of images: where their sums begin in the source, and their numbers.
    pub(super) positions: Places,
    /// Kernel elements and channels: the place beside the position's, and the row of the kernel.
    pub(super) elements: Places,
}

/// The positions of one axis that meet the same kernel elements.
struct AxisClass {
    positions: Vec<usize>,
    /// How far the place in the source is from that of the first position.
    shifts: Vec<usize>,
    elements: Vec<usize>,
    /// Where the first position meets each of them.
    places: Vec<usize>,
}

fn axis_classes(len: usize, kernel: usize, meet: impl Fn(usize, usize) -> Option<usize>) -> Vec<AxisClass> {
    let mut classes: Vec<AxisClass> = vec![];
    for position in 0..len {
        let met = (0..kernel).filter_map(|element| Some((element, meet(position, element)?)));
        let (elements, places): (Vec<usize>, Vec<usize>) = met.unzip();
        match classes.iter_mut().find(|class| class.elements == elements) {
            Some(class) => {
                class.positions.push(position);
                class.shifts.push(places.first().map_or(0, |place| place - class.places[0]));
            }
            None => classes.push(AxisClass { positions: vec![position], shifts: vec![0], elements, places }),
        }
    }
    classes
}

/// The flat index of a position on a grid.
fn flat([_, height, width]: [usize; 3], [d, h, w]: [usize; 3]) -> usize {
    (d * height + h) * width + w
}

fn combinations([a, b, c]: [&[usize]; 3]) -> impl Iterator<Item = [usize; 3]> + '_ {
    a.iter().flat_map(move |&a| b.iter().flat_map(move |&b| c.iter().map(move |&c| [a, b, c])))
}

impl Plan {
    pub(super) fn new(x: &[usize], kernel: &[usize], geometry: &ConvGeometry) -> Self {
        let axes = kernel.len() - 2;
        let output: Vec<usize> =
            (0..axes).map(|axis| geometry.output_len(axis, x[axis + 1], kernel[axis])).collect();
        let mut plan = Self {
            batch: x[0],
            input: three(x[1..=axes].iter().copied(), 1),
            output: three(output.into_iter(), 1),
            channels: x[axes + 1],
            filters: kernel[axes + 1],
            kernel: three(kernel[..axes].iter().copied(), 1),
            stride: three(geometry.stride.iter().copied(), 1),
            dilation: three(geometry.dilation.iter().copied(), 1),
            before: three(geometry.padding.iter().map(|padding| padding.0), 0),
            groups: geometry.groups,
            transformed: false,
        };
        let steps = plan.stride == [1; 3] && plan.dilation == [1; 3] && plan.groups == 1;
        let flat = plan.kernel == [1, 3, 3] && plan.input[0] == plan.output[0];
        plan.transformed = steps && flat && plan.images().is_worth(plan.channels, plan.filters);
        plan
    }

    /// The same convolution as far as windows over its output reach: positions behind the last one are left out.
    pub(super) fn reached_by(mut self, windows: &Window) -> Self {
        let missing = 3 - windows.size.len();
        for axis in 0..windows.size.len() {
            let output = &mut self.output[missing + axis];
            let count = windows.output_len(axis, *output);
            if let ((0, 0), 1..) = (windows.padding[axis], count) {
                *output = (count - 1) * windows.stride[axis] + windows.size[axis];
            }
        }
        self
    }

    /// `[batch, spatial.., filters]` with so many spatial axes.
    pub(super) fn output_shape(&self, axes: usize) -> Vec<usize> {
        [&[self.batch], &self.output[3 - axes..], &[self.filters]].concat()
    }

    /// Channels of a group.
    pub(super) fn depth(&self) -> usize {
        self.channels / self.groups
    }

    /// Filters of a group.
    pub(super) fn width(&self) -> usize {
        self.filters / self.groups
    }

    pub(super) fn is_depthwise(&self) -> bool {
        self.depth() == 1 && self.width() == 1 && self.groups > 1
    }

    /// The grid of the images.
    pub(super) fn images(&self) -> Grid {
        let [input, output] = [self.input, self.output].map(|[_, height, width]| [height, width]);
        Grid { input, output, before: [self.before[1], self.before[2]] }
    }

    /// The grid of images whose tiles are transformed.
    pub(super) fn grid(&self) -> Option<Grid> {
        self.transformed.then(|| self.images())
    }

    /// Rows of the kernel as a matrix.
    pub(super) fn patch(&self) -> usize {
        self.kernel.iter().product::<usize>() * self.depth()
    }

    /// Numbers of an image.
    pub(super) fn image(&self) -> usize {
        self.input.iter().product::<usize>() * self.channels
    }

    /// Numbers of an image's output.
    pub(super) fn result(&self) -> usize {
        self.output.iter().product::<usize>() * self.filters
    }

    /// Images of a task, and multiply-adds of all.
    pub(super) fn tasks(&self) -> (usize, usize) {
        let cost = self.batch * self.result() * self.patch();
        (self.batch.div_ceil(TASKS).max(1), cost)
    }

    /// Images of a block.
    pub(super) fn block(&self) -> usize {
        (BLOCK / (self.image() + self.result()).max(1)).clamp(1, self.tasks().0)
    }

    /// The blocks of a task of `images` images.
    pub(super) fn blocks(&self, images: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let block = self.block();
        (0..images).step_by(block).map(move |start| start..(start + block).min(images))
    }

    /// The classes of positions on `grid`, whose axes meet places on `source` by `meet`; a kernel element is a run of
    /// `run` numbers of the source's `pitch`.
    fn classes(
        &self,
        grid: [usize; 3],
        (source, pitch, run): ([usize; 3], usize, usize),
        meet: impl Fn(usize, usize, usize) -> Option<usize>,
    ) -> Vec<Class> {
        let axes: [Vec<AxisClass>; 3] = std::array::from_fn(|axis| {
            axis_classes(grid[axis], self.kernel[axis], |position, element| meet(axis, position, element))
        });
        let per_image = [grid, source].map(|lengths| lengths.iter().product::<usize>());
        let mut classes = vec![];
        for d in &axes[0] {
            for h in &axes[1] {
                for w in &axes[2] {
                    let class = [d, h, w];
                    let (mut positions, mut elements) = (Places::default(), Places::default());
                    for image in 0..self.block() {
                        let shifts = combinations(class.map(|axis| &axis.shifts[..]));
                        let numbers = combinations(class.map(|axis| &axis.positions[..]));
                        for (shift, number) in shifts.zip(numbers) {
                            let place = (image * per_image[1] + flat(source, shift)) * pitch;
                            positions.push(place, image * per_image[0] + flat(grid, number));
                        }
                    }
                    let places = combinations(class.map(|axis| &axis.places[..]));
                    let numbers = combinations(class.map(|axis| &axis.elements[..]));
                    for (place, number) in places.zip(numbers) {
                        for at in 0..run {
                            elements
                                .push(flat(source, place) * pitch + at, flat(self.kernel, number) * run + at);
                        }
                    }
                    classes.push(Class { positions, elements });
                }
            }
        }
        classes
    }

    /// Output positions and what they meet of the input.
    pub(super) fn forward_classes(&self) -> Arc<[Class]> {
        FORWARD_CLASSES.get(self, || {
            let source = (self.input, self.channels, self.depth());
            let classes = self.classes(self.output, source, |axis, position, element| {
                let padded = position * self.stride[axis] + element * self.dilation[axis];
                padded.checked_sub(self.before[axis]).filter(|&place| place < self.input[axis])
            });
            classes.into()
        })
    }

    /// Input positions and what they meet of the output.
    pub(super) fn backward_classes(&self) -> Arc<[Class]> {
        BACKWARD_CLASSES.get(self, || {
            let source = (self.output, self.filters, self.width());
            let classes = self.classes(self.input, source, |axis, position, element| {
                let shift = (position + self.before[axis]).checked_sub(element * self.dilation[axis])?;
                let place = shift / self.stride[axis];
                (shift.is_multiple_of(self.stride[axis]) && place < self.output[axis]).then_some(place)
            });
            classes.into()
        })
    }
}

/// The classes of the last few convolutions.
static FORWARD_CLASSES: Kept<Plan, [Class]> = Kept::new();
static BACKWARD_CLASSES: Kept<Plan, [Class]> = Kept::new();
