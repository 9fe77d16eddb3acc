//! Tables of the UCI Machine Learning Repository.

use std::path::Path;

use fornax_core::Result;

use super::{Split, locate};
use crate::csv::{Kind, Schema};
use crate::table::{Categories, Column, Table, Values};

/// The share of the test part and the seed of sets that are published without a division.
const TEST: f64 = 0.2;
const SEED: u64 = 0;

/// Adult (Becker and Kohavi 1996): whether a person of the 1994 US census earns more than 50 000 dollars; 32 561
/// rows to train and 16 281 to test, as published; 6 features of numbers, 8 of categories. The target `income` has
/// the classes `<=50K` and `>50K`. A `?` is a missing value. The comment line that begins the test file and the
/// full stops after its labels are passed over.
///
/// `dir` holds `adult.data` and `adult.test`, gzipped or not, or a folder `adult` with them.
///
/// # Errors
/// If a file is missing or damaged.
pub fn adult(dir: impl AsRef<Path>) -> Result<Split<Table>> {
    const NUMBERS: [&str; 6] =
        ["age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week"];
    const NAMES: [&str; 14] = [
        "age",
        "workclass",
        "fnlwgt",
        "education",
        "education-num",
        "marital-status",
        "occupation",
        "relationship",
        "race",
        "sex",
        "capital-gain",
        "capital-loss",
        "hours-per-week",
        "native-country",
    ];
    let schema = Schema::new().header(false).missing(["?"]).comment(b'|').trim_end('.');
    let schema =
        features(schema, &NAMES, |name| NUMBERS.contains(&name)).target("income", classes(["<=50K", ">50K"]));
    let read = |file| schema.read(locate(dir.as_ref(), "adult", &[file])?);
    Ok(Split { train: read("adult.data")?, test: read("adult.test")? })
}

/// Wisconsin diagnostic breast cancer (Wolberg, Street and Mangasarian 1995), divided: a seeded stratified fifth
/// (seed 0) is the test part. See [`wdbc_table`].
///
/// # Errors
/// If the file is missing or damaged.
pub fn wdbc(dir: impl AsRef<Path>) -> Result<Split<Table>> {
    divide(wdbc_table(dir)?)
}

/// Wisconsin diagnostic breast cancer: 569 rows, 30 features of numbers: 10 measures of cell nuclei, each by mean,
/// standard error and worst. The target `diagnosis` has the classes `B` (benign) and `M` (malignant).
///
/// `dir` holds `wdbc.data`, gzipped or not, or a folder `wdbc` with it.
///
/// # Errors
/// If the file is missing or damaged.
pub fn wdbc_table(dir: impl AsRef<Path>) -> Result<Table> {
    const MEASURES: [&str; 10] = [
        "radius",
        "texture",
        "perimeter",
        "area",
        "smoothness",
        "compactness",
        "concavity",
        "concave-points",
        "symmetry",
        "fractal-dimension",
    ];
    let mut schema =
        Schema::new().header(false).column("id", Kind::Ignore).target("diagnosis", classes(["B", "M"]));
    for kind in ["mean", "error", "worst"] {
        for measure in MEASURES {
            schema = schema.column(format!("{kind}-{measure}"), Kind::Number);
        }
    }
    schema.read(locate(dir.as_ref(), "wdbc", &["wdbc.data"])?)
}

/// German credit (Hofmann 1994), divided: a seeded stratified fifth (seed 0) is the test part. See
/// [`german_credit_table`].
///
/// # Errors
/// If the file is missing or damaged.
pub fn german_credit(dir: impl AsRef<Path>) -> Result<Split<Table>> {
    divide(german_credit_table(dir)?)
}

/// German credit: 1000 rows, 7 features of numbers, 13 of categories (codes such as `A11`). The target `risk` has
/// the classes `good` and `bad`, 1 and 2 in the file.
///
/// `dir` holds `german.data` with blanks between the fields, as published, or `german.csv` with commas, gzipped or
/// not, or a folder `german-credit` with one of them.
///
/// # Errors
/// If the file is missing or damaged.
pub fn german_credit_table(dir: impl AsRef<Path>) -> Result<Table> {
    const NUMBERS: [&str; 7] = [
        "duration",
        "credit-amount",
        "installment-rate",
        "residence-since",
        "age",
        "existing-credits",
        "people-liable",
    ];
    const NAMES: [&str; 20] = [
        "status",
        "duration",
        "credit-history",
        "purpose",
        "credit-amount",
        "savings",
        "employment",
        "installment-rate",
        "personal-status",
        "other-debtors",
        "residence-since",
        "property",
        "age",
        "other-installment-plans",
        "housing",
        "existing-credits",
        "job",
        "people-liable",
        "telephone",
        "foreign-worker",
    ];
    let path = locate(dir.as_ref(), "german-credit", &["german.data", "german.csv"])?;
    let schema = Schema::new().header(false);
    let schema = match has_commas(&path)? {
        true => schema,
        false => schema.blanks(),
    };
    let schema = features(schema, &NAMES, |name| NUMBERS.contains(&name)).target("risk", classes(["1", "2"]));
    let table = schema.read(path)?;
    Table::new(table.columns().iter().map(named_risk).collect())
}

/// Bank marketing (Moro, Laureano and Cortez 2011), divided: a seeded stratified fifth (seed 0) is the test part.
/// See [`bank_marketing_table`].
///
/// # Errors
/// If the file is missing or damaged.
pub fn bank_marketing(dir: impl AsRef<Path>) -> Result<Split<Table>> {
    divide(bank_marketing_table(dir)?)
}

/// Bank marketing: 45 211 calls of a Portuguese bank, 7 features of numbers, 9 of categories. The target `y`,
/// whether the client subscribed, has the classes `no` and `yes`. The feature `duration` is known only after the
/// call; a model that is to choose whom to call must do without it.
///
/// `dir` holds `bank-full.csv` (or `bank.csv`, a tenth of it), gzipped or not, or a folder `bank-marketing` with it.
///
/// # Errors
/// If the file is missing or damaged.
pub fn bank_marketing_table(dir: impl AsRef<Path>) -> Result<Table> {
    const NUMBERS: [&str; 7] = ["age", "balance", "day", "duration", "campaign", "pdays", "previous"];
    const NAMES: [&str; 16] = [
        "age",
        "job",
        "marital",
        "education",
        "default",
        "balance",
        "housing",
        "loan",
        "contact",
        "day",
        "month",
        "duration",
        "campaign",
        "pdays",
        "previous",
        "poutcome",
    ];
    let schema = features(Schema::new().delimiter(b';'), &NAMES, |name| NUMBERS.contains(&name));
    let path = locate(dir.as_ref(), "bank-marketing", &["bank-full.csv", "bank.csv"])?;
    schema.target("y", classes(["no", "yes"])).read(path)
}

fn divide(table: Table) -> Result<Split<Table>> {
    let (train, test) = table.split_stratified(TEST, SEED)?;
    Ok(Split { train, test })
}

fn features(schema: Schema, names: &[&str], is_number: impl Fn(&str) -> bool) -> Schema {
    names.iter().fold(schema, |schema, &name| {
        schema.column(name, if is_number(name) { Kind::Number } else { Kind::Category })
    })
}

fn classes<const N: usize>(names: [&str; N]) -> Kind {
    Kind::CategoryOf(names.map(String::from).to_vec())
}

/// Whether the first line has a comma in it.
fn has_commas(path: &Path) -> Result<bool> {
    let mut line = vec![];
    let reader = crate::files::open(path)?;
    std::io::BufRead::read_until(&mut std::io::Read::take(reader, 1 << 12), b'\n', &mut line)
        .map_err(|error| crate::files::read_error(path, error))?;
    Ok(line.contains(&b','))
}

fn named_risk(column: &Column) -> Column {
    match column.values() {
        Values::Categories(categories) if column.is_target() => {
            let names = ["good", "bad"].map(String::from).to_vec();
            let values = Values::Categories(Categories::new(names, categories.codes().to_vec()));
            Column::new(column.name().to_string(), true, values)
        }
        _ => column.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn labels(table: &Table) -> Vec<String> {
        let Values::Categories(categories) = table.targets().next().unwrap().values() else {
            panic!("categories")
        };
        categories.iter().map(|label| label.unwrap().to_string()).collect()
    }

    #[test]
    fn adult_with_its_peculiarities() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("adult");
        fs::create_dir(&folder).unwrap();
        let row = "39, ?, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, Peru";
        fs::write(folder.join("adult.data"), format!("{row}, <=50K\n{row}, >50K\n\n")).unwrap();
        fs::write(folder.join("adult.test"), format!("|1x3 Cross validator\n{row}, >50K.\n\n")).unwrap();
        let Split { train, test } = adult(dir.path()).unwrap();
        assert_eq!(
            (labels(&train), labels(&test)),
            (vec!["<=50K".into(), ">50K".into()], vec![">50K".to_string()])
        );
        assert_eq!(train.features().count(), 14);
        assert_eq!(train.column("workclass").unwrap().missing_count(), 2);
        assert_eq!(train.column("capital-gain").unwrap().values(), &Values::Numbers(vec![2174.0; 2]));
        assert_eq!(
            test.dataset().unwrap_err().kind(),
            fornax_core::ErrorKind::Data,
            "categories need an encoder"
        );
        fs::write(folder.join("adult.test"), format!("|1x3\n{row}, >50K.\n39, ?\n")).unwrap();
        let error = adult(dir.path()).unwrap_err().to_string();
        assert!(error.contains("adult.test: line 3: found 2 fields, wanted 15"), "{error}");
    }

    #[test]
    fn german_credit_with_blanks_or_commas() {
        let dir = tempfile::tempdir().unwrap();
        let good = "A11 6 A34 A43 1169 A65 A75 4 A93 A101 4 A121 67 A143 A152 2 A173 1 A192 A201 1";
        let bad = "A12 48 A32 A43 5951 A61 A73 2 A92 A101 2 A121 22 A143 A152 1 A173 1 A191 A201 2";
        let text = [[good; 10], [bad; 10]].concat().join("\n") + "\n";
        fs::write(dir.path().join("german.csv"), text.replace(' ', ",")).unwrap();
        let commas = german_credit_table(dir.path()).unwrap();
        fs::write(dir.path().join("german.data"), text).unwrap();
        assert_eq!(german_credit_table(dir.path()).unwrap(), commas);
        assert_eq!(
            commas.column("age").unwrap().values(),
            &Values::Numbers([[67.0; 10], [22.0; 10]].concat())
        );
        let Split { train, test } = german_credit(dir.path()).unwrap();
        assert_eq!((train.len(), test.len()), (16, 4));
        assert_eq!(labels(&test).iter().filter(|label| *label == "bad").count(), 2);
    }

    #[test]
    fn wdbc_and_bank_marketing() {
        let dir = tempfile::tempdir().unwrap();
        let numbers: String = (0..30).map(|x| format!(",{}.5", x)).collect();
        let rows: String =
            (0..10).map(|i| format!("{i},{}{numbers}\n", if i % 2 == 0 { "M" } else { "B" })).collect();
        fs::write(dir.path().join("wdbc.data"), rows).unwrap();
        let Split { train, test } = wdbc(dir.path()).unwrap();
        assert_eq!((train.len(), test.len(), train.features().count()), (8, 2, 30));
        let data = train.dataset().unwrap();
        assert_eq!(data.inputs()[0].rows(0..1).to_f32()[..2], [0.5, 1.5], "the id is no feature");
        assert_eq!(data.targets()[0].to_i32().iter().sum::<i32>(), 4);
        let header = "\"age\";\"job\";\"marital\";\"education\";\"default\";\"balance\";\"housing\";\"loan\";\"contact\";\
                      \"day\";\"month\";\"duration\";\"campaign\";\"pdays\";\"previous\";\"poutcome\";\"y\"";
        let row = "58;\"admin.\";\"married\";\"tertiary\";\"no\";-143;\"yes\";\"no\";\"unknown\";5;\"may\";261;1;-1;0;\"unknown\"";
        fs::write(dir.path().join("bank.csv"), format!("{header}\n{row};\"no\"\n{row};\"yes\"\n")).unwrap();
        let bank = bank_marketing_table(dir.path()).unwrap();
        assert_eq!(labels(&bank), ["no", "yes"]);
        assert_eq!(bank.column("balance").unwrap().values(), &Values::Numbers(vec![-143.0; 2]));
        let Values::Categories(jobs) = bank.column("job").unwrap().values() else { panic!("categories") };
        assert_eq!(jobs.vocabulary(), ["admin."]);
        let error = bank_marketing(tempfile::tempdir().unwrap().path()).unwrap_err().to_string();
        assert!(
            error.contains("bank-full.csv") && error.contains("fornax data get bank-marketing"),
            "{error}"
        );
    }
}
