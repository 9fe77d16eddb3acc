//! Tables as arrays: numbers normalized, missing ones filled in, categories one-hot.

use fornax_core::{Array, Error, Result};
use serde::{Deserialize, Serialize};

use super::StringLookup;
use crate::Dataset;
use crate::table::{Column, Table, Values};

/// Turns tables into feature arrays; fitted on the training table only.
///
/// A column of numbers becomes `(x - mean) / deviation` of the values there are (a constant one is only centred);
/// a missing number becomes the mean, that is 0, and, if asked for and if the training table misses some, sets an
/// indicator of its own. A column of `k` categories becomes `1 + k` columns: one for a missing or unknown category,
/// then one a category by frequency. Targets that are categories become the codes of the training table's
/// vocabulary.
///
/// ```
/// use fornax_data::preprocessing::TableEncoder;
/// use fornax_data::{Column, Table};
///
/// let train = Table::new(vec![
///     Column::numbers("age", vec![20.0, f32::NAN, 40.0]),
///     Column::categories("pet", [Some("cat"), Some("dog"), Some("cat")]),
/// ])?;
/// let encoder = TableEncoder::new().indicators(true).fit(&train)?;
/// assert_eq!(encoder.names(), ["age", "age missing", "pet unknown", "pet=cat", "pet=dog"]);
/// assert_eq!(encoder.apply(&train)?.rows(1..2).to_f32(), [0.0, 1.0, 0.0, 0.0, 1.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableEncoder {
    indicators: bool,
    features: Vec<Feature>,
    targets: Vec<Target>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Feature {
    Number { name: String, mean: f32, deviation: f32, indicator: bool },
    Category { name: String, lookup: StringLookup },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Target {
    name: String,
    /// None for a target of numbers.
    classes: Option<Vec<String>>,
}

impl TableEncoder {
    /// Not yet fitted, without indicators.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether numbers that the training table misses get a column that says so.
    pub fn indicators(self, indicators: bool) -> Self {
        Self { indicators, ..self }
    }

    /// Learns from the training table.
    ///
    /// # Errors
    /// If the table has no row or no feature, or if a column has no value at all.
    pub fn fit(mut self, train: &Table) -> Result<Self> {
        if train.is_empty() {
            return Err(Error::data("table", "no row", "at least one"));
        }
        self.features = train.features().map(|column| self.fit_feature(column)).collect::<Result<_>>()?;
        if self.features.is_empty() {
            return Err(Error::data("table", "no feature", "at least one"));
        }
        self.targets = train.targets().map(fit_target).collect();
        Ok(self)
    }

    /// The number of columns of the arrays.
    pub fn width(&self) -> usize {
        self.features.iter().map(Feature::width).sum()
    }

    /// The names of the columns of the arrays: `age`, `age missing`, `city unknown`, `city=Rome`.
    pub fn names(&self) -> Vec<String> {
        self.features.iter().flat_map(Feature::names).collect()
    }

    /// The classes of the first target of categories, in the order of their codes.
    pub fn classes(&self) -> Option<&[String]> {
        self.targets.iter().find_map(|target| target.classes.as_deref())
    }

    /// The features of a table, `[rows, width]`.
    ///
    /// # Errors
    /// If the encoder is not fitted, if a column is not in the table or is of another kind, or if a number is
    /// infinite.
    pub fn apply(&self, table: &Table) -> Result<Array> {
        let width = self.width();
        if width == 0 {
            return Err(Error::data("TableEncoder", "no feature", "to be fitted"));
        }
        let mut out = vec![0.0; table.len() * width];
        let mut start = 0;
        for feature in &self.features {
            feature.encode(table, &mut out, start, width)?;
            start += feature.width();
        }
        Array::from_vec([table.len(), width], out)
    }

    /// The features of a table and its targets: numbers as they are, categories as codes `[rows]`.
    ///
    /// # Errors
    /// As for [`apply`](Self::apply); if a target is missing or not of a class of the training table.
    pub fn dataset(&self, table: &Table) -> Result<Dataset> {
        let targets = self.targets.iter().map(|target| target.encode(table)).collect::<Result<_>>()?;
        Dataset::from_parts(vec![self.apply(table)?], targets)
    }

    fn fit_feature(&self, column: &Column) -> Result<Feature> {
        let name = column.name().to_string();
        if column.missing_count() == column.len() {
            return Err(Error::data(format!("column {name}"), "no value", "at least one to learn from"));
        }
        match column.values() {
            Values::Numbers(numbers) => {
                check_numbers(column, numbers)?;
                let there: Vec<f64> = numbers.iter().filter(|x| !x.is_nan()).map(|&x| f64::from(x)).collect();
                let mean = there.iter().sum::<f64>() / there.len() as f64;
                let variance = there.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / there.len() as f64;
                // Below this, what differs from the mean is rounding.
                let deviation = Some(variance.sqrt()).filter(|x| *x > 1e-7 * mean.abs()).unwrap_or(1.0);
                let indicator = self.indicators && there.len() < numbers.len();
                Ok(Feature::Number { name, mean: mean as f32, deviation: deviation as f32, indicator })
            }
            Values::Categories(categories) => {
                let lookup = StringLookup::new().fit(categories.iter().flatten())?;
                Ok(Feature::Category { name, lookup })
            }
        }
    }
}

impl Feature {
    fn width(&self) -> usize {
        match self {
            Self::Number { indicator, .. } => 1 + usize::from(*indicator),
            Self::Category { lookup, .. } => lookup.len(),
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Number { name, indicator: false, .. } => vec![name.clone()],
            Self::Number { name, .. } => vec![name.clone(), format!("{name} missing")],
            Self::Category { name, lookup } => {
                let known = lookup.vocabulary().iter().map(|token| format!("{name}={token}"));
                std::iter::once(format!("{name} unknown")).chain(known).collect()
            }
        }
    }

    /// Writes the feature's columns, from `start` on, into rows of `width`.
    fn encode(&self, table: &Table, out: &mut [f32], start: usize, width: usize) -> Result<()> {
        let rows = out.chunks_mut(width).map(|row| &mut row[start..]);
        match self {
            Self::Number { name, mean, deviation, indicator } => {
                let column = table.column(name)?;
                let Values::Numbers(numbers) = column.values() else {
                    return Err(kind_error(name, "numbers"));
                };
                check_numbers(column, numbers)?;
                for (row, x) in rows.zip(numbers) {
                    match x.is_nan() {
                        false => row[0] = (x - mean) / deviation,
                        true if *indicator => row[1] = 1.0,
                        true => {}
                    }
                }
            }
            Self::Category { name, lookup } => {
                let column = table.column(name)?;
                let Values::Categories(categories) = column.values() else {
                    return Err(kind_error(name, "categories"));
                };
                let places: Vec<usize> =
                    categories.vocabulary().iter().map(|token| lookup.index(token)).collect::<Result<_>>()?;
                for (row, code) in rows.zip(categories.codes()) {
                    row[code.map_or(0, |code| places[code as usize])] = 1.0;
                }
            }
        }
        Ok(())
    }
}

impl Target {
    fn encode(&self, table: &Table) -> Result<Array> {
        let column = table.column(&self.name)?;
        let missing = |row: usize| Error::data(format!("target {}, row {row}", self.name), "no value", "one");
        match (column.values(), &self.classes) {
            (Values::Numbers(numbers), None) => match numbers.iter().position(|x| !x.is_finite()) {
                Some(row) => Err(missing(row)),
                None => Ok(numbers.clone().into()),
            },
            (Values::Categories(categories), Some(classes)) => {
                let code = |(row, category): (usize, Option<&str>)| {
                    let category = category.ok_or_else(|| missing(row))?;
                    classes.iter().position(|class| class == category).map(|code| code as i32).ok_or_else(
                        || {
                            let place = format!("target {}, row {row}", self.name);
                            Error::data(place, category, format!("one of {}", classes.join(", ")))
                        },
                    )
                };
                Ok(categories.iter().enumerate().map(code).collect::<Result<Vec<_>>>()?.into())
            }
            (_, None) => Err(kind_error(&self.name, "numbers")),
            (_, Some(_)) => Err(kind_error(&self.name, "categories")),
        }
    }
}

fn fit_target(column: &Column) -> Target {
    let classes = match column.values() {
        Values::Numbers(_) => None,
        Values::Categories(categories) => Some(categories.vocabulary().to_vec()),
    };
    Target { name: column.name().to_string(), classes }
}

fn check_numbers(column: &Column, numbers: &[f32]) -> Result<()> {
    match numbers.iter().position(|x| x.is_infinite()) {
        Some(row) => {
            Err(Error::data(format!("column {}, row {row}", column.name()), numbers[row], "a finite number"))
        }
        None => Ok(()),
    }
}

fn kind_error(name: &str, wanted: &str) -> Error {
    let found = if wanted == "numbers" { "categories" } else { "numbers" };
    Error::data(format!("column {name}"), found, format!("{wanted}, as in the training table"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train() -> Table {
        Table::new(vec![
            Column::numbers("n", vec![1.0, 3.0, f32::NAN, 1.0, 3.0]),
            Column::numbers("constant", vec![5.0; 5]),
            Column::categories("c", [Some("a"), Some("b"), Some("b"), None, Some("b")]),
            Column::categories("y", ["no", "yes", "no", "yes", "yes"].map(Some)).target(),
        ])
        .unwrap()
    }

    fn table(n: f32, constant: f32, c: Option<&str>, y: &str) -> Table {
        Table::new(vec![
            Column::categories("y", [Some(y)]).target(),
            Column::categories("c", [c]),
            Column::numbers("constant", vec![constant]),
            Column::numbers("n", vec![n]),
        ])
        .unwrap()
    }

    #[test]
    fn only_the_training_table_is_learnt_from() {
        let encoder = TableEncoder::new().fit(&train()).unwrap();
        assert_eq!(encoder.names(), ["n", "constant", "c unknown", "c=b", "c=a"]);
        let out = encoder.apply(&train()).unwrap().to_f32();
        assert_eq!(out[..5], [-1.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(out[10..15], [0.0, 0.0, 0.0, 1.0, 0.0], "the missing number is the mean");
        assert_eq!(out[15..20], [-1.0, 0.0, 1.0, 0.0, 0.0], "the missing category is the unknown one");
        // Other tables: unknown categories, columns in another order, codes of the training table's classes.
        let other = encoder.dataset(&table(5.0, 7.0, Some("z"), "yes")).unwrap();
        assert_eq!(other.inputs()[0].to_f32(), [3.0, 2.0, 1.0, 0.0, 0.0]);
        assert_eq!(other.targets()[0].to_i32(), [1]);
        assert_eq!(encoder.classes().unwrap(), ["no", "yes"]);
        let saved = serde_json::to_string(&encoder).unwrap();
        assert_eq!(serde_json::from_str::<TableEncoder>(&saved).unwrap(), encoder);
    }

    #[test]
    fn rejections() {
        let encoder = TableEncoder::new().fit(&train()).unwrap();
        let error = |table: &Table| encoder.dataset(table).unwrap_err().to_string();
        assert!(error(&table(1.0, 5.0, Some("a"), "maybe")).contains("one of no, yes"));
        assert!(error(&table(f32::INFINITY, 5.0, Some("a"), "no")).contains("column n, row 0"));
        let missing = Table::new(vec![Column::numbers("n", vec![1.0])]).unwrap();
        assert!(encoder.apply(&missing).unwrap_err().to_string().contains("no column constant"));
        let kind = Table::new(vec![Column::categories("n", [Some("1")])]).unwrap();
        assert!(encoder.apply(&kind).unwrap_err().to_string().contains("wanted numbers"));
        assert!(TableEncoder::new().apply(&train()).is_err());
        assert!(TableEncoder::new().fit(&train().gather(&[])).is_err());
        let empty = Table::new(vec![Column::numbers("n", vec![f32::NAN])]).unwrap();
        assert!(TableEncoder::new().fit(&empty).unwrap_err().to_string().contains("column n"));
        let targets = Table::new(vec![Column::numbers("y", vec![1.0]).target()]).unwrap();
        assert!(TableEncoder::new().fit(&targets).unwrap_err().to_string().contains("no feature"));
    }
}
