//! Tables: named columns of numbers and categories, as they come from a CSV file.

use std::collections::BTreeMap;

use fornax_core::{Array, Error, Philox, Result};

use crate::Dataset;
use crate::dataset::{self, stratify};

/// Columns of equal length.
///
/// ```
/// use fornax_data::{Column, Table};
///
/// let table = Table::new(vec![
///     Column::numbers("size", vec![1.5, 2.5, 0.5]),
///     Column::categories("fruit", [Some("pear"), Some("apple"), Some("pear")]).target(),
/// ])?;
/// let data = table.dataset()?;
/// assert_eq!(data.inputs()[0].shape(), [3, 1]);
/// assert_eq!(data.targets()[0].to_i32(), [1, 0, 1]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
}

/// A named column of a [`Table`].
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    name: String,
    target: bool,
    values: Values,
}

/// The values of a [`Column`].
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Numbers; NaN where the value is missing.
    Numbers(Vec<f32>),
    /// Categories.
    Categories(Categories),
}

/// Strings of a small vocabulary; each row holds its position there.
#[derive(Clone, Debug, PartialEq)]
pub struct Categories {
    vocabulary: Vec<String>,
    codes: Vec<Option<u32>>,
}

impl Categories {
    /// The categories with these codes.
    pub(crate) fn new(vocabulary: Vec<String>, codes: Vec<Option<u32>>) -> Self {
        Self { vocabulary, codes }
    }

    /// The distinct categories: as the schema lists them, else in the order of their bytes.
    pub fn vocabulary(&self) -> &[String] {
        &self.vocabulary
    }

    /// For each row the position in the vocabulary; none where the value is missing.
    pub fn codes(&self) -> &[Option<u32>] {
        &self.codes
    }

    /// For each row the category; none where the value is missing.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        self.codes.iter().map(|code| code.map(|code| self.vocabulary[code as usize].as_str()))
    }
}

impl Column {
    /// A feature of numbers; NaN stands for a missing value.
    pub fn numbers(name: impl Into<String>, values: Vec<f32>) -> Self {
        Self { name: name.into(), target: false, values: Values::Numbers(values) }
    }

    /// A feature of categories; the vocabulary is what occurs, in the order of the bytes.
    pub fn categories<S: AsRef<str>>(
        name: impl Into<String>,
        values: impl IntoIterator<Item = Option<S>>,
    ) -> Self {
        let mut builder = CategoryBuilder::default();
        values.into_iter().for_each(|value| builder.push(value.as_ref().map(AsRef::as_ref)));
        Self { name: name.into(), target: false, values: Values::Categories(builder.finish()) }
    }

    /// The same column as a target.
    pub fn target(self) -> Self {
        Self { target: true, ..self }
    }

    pub(crate) fn new(name: String, target: bool, values: Values) -> Self {
        Self { name, target, values }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is what a model is to predict.
    pub fn is_target(&self) -> bool {
        self.target
    }

    /// The values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Numbers(numbers) => numbers.len(),
            Values::Categories(categories) => categories.codes.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of rows without a value.
    pub fn missing_count(&self) -> usize {
        match &self.values {
            Values::Numbers(numbers) => numbers.iter().filter(|x| x.is_nan()).count(),
            Values::Categories(categories) => categories.codes.iter().filter(|code| code.is_none()).count(),
        }
    }

    fn gather(&self, rows: &[usize]) -> Self {
        let values = match &self.values {
            Values::Numbers(numbers) => Values::Numbers(rows.iter().map(|&row| numbers[row]).collect()),
            Values::Categories(Categories { vocabulary, codes }) => {
                let codes = rows.iter().map(|&row| codes[row]).collect();
                Values::Categories(Categories::new(vocabulary.clone(), codes))
            }
        };
        Self { name: self.name.clone(), target: self.target, values }
    }

    /// The column as the target of a model: numbers as they are, categories as their codes.
    fn as_target(&self) -> Result<Array> {
        if let Some(row) = self.first_missing() {
            return Err(Error::data(format!("target {}, row {row}", self.name), "no value", "one"));
        }
        Ok(match &self.values {
            Values::Numbers(numbers) => numbers.clone().into(),
            Values::Categories(categories) => {
                categories.codes.iter().flatten().map(|&code| code as i32).collect::<Vec<_>>().into()
            }
        })
    }

    fn first_missing(&self) -> Option<usize> {
        match &self.values {
            Values::Numbers(numbers) => numbers.iter().position(|x| x.is_nan()),
            Values::Categories(categories) => categories.codes.iter().position(Option::is_none),
        }
    }
}

impl Table {
    /// A table of these columns.
    ///
    /// # Errors
    /// If there is none, if two have the same name, or if their lengths differ.
    pub fn new(columns: Vec<Column>) -> Result<Self> {
        let Some(first) = columns.first() else {
            return Err(Error::argument("columns", "none", "at least one"));
        };
        for (index, column) in columns.iter().enumerate() {
            if column.len() != first.len() {
                return Err(Error::shape(
                    format!("column {}", column.name),
                    format!("{} rows", column.len()),
                    format!("{}, as column {}", first.len(), first.name),
                ));
            }
            if columns[..index].iter().any(|other| other.name == column.name) {
                return Err(Error::argument(
                    "columns",
                    format!("the name {} twice", column.name),
                    "distinct names",
                ));
            }
        }
        Ok(Self { columns })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.columns[0].len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The columns, in the order of the file.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns that are not targets.
    pub fn features(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| !column.target)
    }

    /// The columns that a model is to predict.
    pub fn targets(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.target)
    }

    /// The column of that name.
    ///
    /// # Errors
    /// If there is none; the message lists those there are.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            Error::data("table", format!("no column {name}"), format!("one of {}", names.join(", ")))
        })
    }

    /// The rows at `indices` in that order, copied.
    ///
    /// # Panics
    /// If an index reaches past the last row.
    pub fn gather(&self, indices: &[usize]) -> Self {
        Self { columns: self.columns.iter().map(|column| column.gather(indices)).collect() }
    }

    /// Splits at random, as [`Dataset::split_random`].
    ///
    /// # Errors
    /// If the fraction is not between 0 and 1, or if a side would be empty.
    pub fn split_random(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        let at = dataset::split_point(self.len(), fraction)?;
        let order = Philox::new(seed).named("split").permutation(self.len());
        Ok((self.gather(&order[..at]), self.gather(&order[at..])))
    }

    /// Splits at random within each category of the first target, as [`Dataset::split_stratified`].
    ///
    /// # Errors
    /// If there is no target of categories, if the fraction is not between 0 and 1, or if a side would be empty.
    pub fn split_stratified(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        dataset::split_point(self.len(), fraction)?;
        let codes = self.targets().find_map(|column| match &column.values {
            Values::Categories(categories) => Some(&categories.codes),
            Values::Numbers(_) => None,
        });
        let codes =
            codes.ok_or_else(|| Error::data("table", "no target of categories", "one to stratify by"))?;
        let classes: Vec<usize> =
            codes.iter().map(|code| code.map_or(usize::MAX, |code| code as usize)).collect();
        let (train, held_out) = stratify(&classes, fraction, seed)?;
        Ok((self.gather(&train), self.gather(&held_out)))
    }

    /// The features, all numbers, as one input `[rows, features]` and each target as `[rows]`: numbers as `f32`,
    /// categories as their codes.
    ///
    /// # Errors
    /// If a feature holds categories (a [`TableEncoder`](crate::preprocessing::TableEncoder) turns them into
    /// numbers), if there is no feature, or if a value is missing.
    pub fn dataset(&self) -> Result<Dataset> {
        let mut features = vec![];
        for column in self.features() {
            let place = |row| format!("column {}, row {row}", column.name);
            let Values::Numbers(numbers) = &column.values else {
                return Err(Error::data(
                    format!("column {}", column.name),
                    "categories",
                    "numbers; a TableEncoder makes them",
                ));
            };
            if let Some(row) = column.first_missing() {
                return Err(Error::data(place(row), "no value", "a number; a TableEncoder fills it in"));
            }
            features.push(numbers);
        }
        if features.is_empty() {
            return Err(Error::data("table", "no feature", "at least one"));
        }
        let values = (0..self.len()).flat_map(|row| features.iter().map(move |column| column[row])).collect();
        let x = Array::from_vec([self.len(), features.len()], values)?;
        Dataset::from_parts(vec![x], self.targets().map(Column::as_target).collect::<Result<_>>()?)
    }
}

/// Collects categories, then numbers them in the order of their bytes, so that codes do not depend on the rows'
/// order.
#[derive(Default)]
pub(crate) struct CategoryBuilder {
    seen: BTreeMap<String, u32>,
    codes: Vec<Option<u32>>,
}

impl CategoryBuilder {
    pub(crate) fn push(&mut self, value: Option<&str>) {
        let code = value.map(|value| match self.seen.get(value) {
            Some(&code) => code,
            None => {
                let code = self.seen.len() as u32;
                self.seen.insert(value.to_string(), code);
                code
            }
        });
        self.codes.push(code);
    }

    pub(crate) fn finish(self) -> Categories {
        let mut rank = vec![0; self.seen.len()];
        self.seen.values().enumerate().for_each(|(place, &code)| rank[code as usize] = place as u32);
        let codes = self.codes.into_iter().map(|code| code.map(|code| rank[code as usize])).collect();
        Categories::new(self.seen.into_keys().collect(), codes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize) -> Table {
        Table::new(vec![
            Column::numbers("x", (0..rows).map(|x| x as f32).collect()),
            Column::categories("y", (0..rows).map(|x| Some(if x % 4 == 0 { "rare" } else { "common" })))
                .target(),
        ])
        .unwrap()
    }

    #[test]
    fn categories_are_coded_in_the_order_of_their_bytes() {
        let column = Column::categories("c", [Some("b"), None, Some("a"), Some("b")]);
        let Values::Categories(categories) = column.values() else { panic!("categories") };
        assert_eq!(categories.vocabulary(), ["a", "b"]);
        assert_eq!(categories.codes(), [Some(1), None, Some(0), Some(1)]);
        assert_eq!(categories.iter().collect::<Vec<_>>(), [Some("b"), None, Some("a"), Some("b")]);
        assert_eq!(column.missing_count(), 1);
    }

    #[test]
    fn splits_keep_rows_whole_and_classes_in_proportion() {
        let (train, test) = table(40).split_stratified(0.2, 1).unwrap();
        for (part, rare) in [(&train, 8), (&test, 2)] {
            let data = part.dataset().unwrap();
            let (x, y) = (data.inputs()[0].to_f32(), data.targets()[0].to_i32());
            assert!(x.iter().zip(&y).all(|(x, &y)| (*x as i32 % 4 == 0) == (y == 1)));
            assert_eq!(y.iter().filter(|&&y| y == 1).count(), rare);
        }
        let (train, test) = table(40).split_random(0.25, 1).unwrap();
        assert_eq!((train.len(), test.len()), (30, 10));
        assert!(table(40).split_random(1.0, 1).is_err());
    }

    #[test]
    fn what_cannot_be_a_data_set_is_named() {
        let names = |table: Result<Table>| table.and_then(|table| table.dataset()).unwrap_err().to_string();
        assert!(names(Table::new(vec![])).contains("at least one"));
        assert!(
            names(Table::new(vec![Column::numbers("a", vec![1.0]), Column::numbers("b", vec![])]))
                .contains("b")
        );
        let twice = vec![Column::numbers("a", vec![1.0]), Column::numbers("a", vec![1.0])];
        assert!(names(Table::new(twice)).contains("the name a twice"));
        assert!(names(Table::new(vec![Column::categories("c", [Some("x")])])).contains("TableEncoder"));
        assert!(
            names(Table::new(vec![Column::numbers("a", vec![1.0, f32::NAN])])).contains("column a, row 1")
        );
        let target = Column::categories("t", [Some("x"), None]).target();
        let features = Column::numbers("a", vec![1.0, 2.0]);
        assert!(names(Table::new(vec![features, target])).contains("target t, row 1"));
        assert!(table(3).column("z").unwrap_err().to_string().contains("one of x, y"));
    }
}
