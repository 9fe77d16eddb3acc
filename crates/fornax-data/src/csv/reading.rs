//! Columns while a file is read, and the width of its lines.

use std::collections::HashMap;

use super::Kind;
use crate::table::{Categories, CategoryBuilder, Column, Values};

/// How many fields a line has to have.
#[derive(Clone, Copy)]
pub(super) enum Width {
    Exactly(usize),
    AtLeast(usize),
}

impl Width {
    pub(super) fn fits(self, found: usize) -> bool {
        match self {
            Self::Exactly(width) => found == width,
            Self::AtLeast(width) => found >= width,
        }
    }
}

impl std::fmt::Display for Width {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(width) => write!(f, "{width}"),
            Self::AtLeast(width) => write!(f, "at least {width}"),
        }
    }
}

/// A column while its file is read.
pub(super) struct Building {
    pub(super) name: String,
    pub(super) target: bool,
    pub(super) position: usize,
    pub(super) values: Filling,
}

pub(super) enum Filling {
    Numbers(Vec<f32>),
    Learned(CategoryBuilder),
    Fixed { vocabulary: Vec<String>, codes: Vec<Option<u32>>, known: HashMap<String, u32> },
}

impl Filling {
    pub(super) fn new(kind: &Kind) -> Option<Self> {
        match kind {
            Kind::Number => Some(Self::Numbers(vec![])),
            Kind::Category => Some(Self::Learned(CategoryBuilder::default())),
            Kind::CategoryOf(vocabulary) => {
                let known = vocabulary.iter().cloned().zip(0..).collect();
                Some(Self::Fixed { vocabulary: vocabulary.clone(), codes: vec![], known })
            }
            Kind::Ignore => None,
        }
    }
}

impl Building {
    /// Adds a value; an error says what was wanted.
    pub(super) fn push(&mut self, value: Option<&str>) -> Result<(), String> {
        match (&mut self.values, value) {
            (Filling::Numbers(numbers), None) => numbers.push(f32::NAN),
            (Filling::Numbers(numbers), Some(text)) => match text.parse::<f32>() {
                Ok(number) if number.is_finite() => numbers.push(number),
                _ => return Err("a finite number".into()),
            },
            (Filling::Learned(builder), value) => builder.push(value),
            (Filling::Fixed { codes, .. }, None) => codes.push(None),
            (Filling::Fixed { vocabulary, codes, known }, Some(text)) => match known.get(text) {
                Some(&code) => codes.push(Some(code)),
                None => return Err(format!("one of {}", vocabulary.join(", "))),
            },
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Column {
        let values = match self.values {
            Filling::Numbers(numbers) => Values::Numbers(numbers),
            Filling::Learned(builder) => Values::Categories(builder.finish()),
            Filling::Fixed { vocabulary, codes, .. } => {
                Values::Categories(Categories::new(vocabulary, codes))
            }
        };
        Column::new(self.name, self.target, values)
    }
}
