//! The formats that labelled texts are published in.

use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, Trim};
use fornax_core::{Error, Result};

use super::LabelledTexts;
use crate::csv::csv_error;
use crate::text::Encoding;

/// Which part of TREC's labels (`NUM:date`) names the class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrecLabels {
    /// What stands before the colon, 6 classes.
    #[default]
    Coarse,
    /// All of it, 50 classes.
    Fine,
}

/// What becomes of a line of fastText's format with several labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeveralLabels {
    /// The text is there once with each label, as fastText's softmax loss trains on one drawn at random.
    #[default]
    Each,
    /// The first label counts.
    First,
    /// An error.
    Refuse,
}

impl LabelledTexts {
    /// One file a class, one text a line (MR, `rt-polarity.neg` and `.pos`, which is in Windows-1252). Empty lines are no
    /// texts. The classes are in the order of the files.
    ///
    /// # Errors
    /// If a file cannot be read or holds a byte that has no meaning in the encoding, or a class is named twice.
    ///
    /// ```no_run
    /// use fornax_data::text::{Encoding, LabelledTexts};
    ///
    /// let files = [("negative", "data/mr/rt-polarity.neg"), ("positive", "data/mr/rt-polarity.pos")];
    /// let reviews = LabelledTexts::read_class_files(files, Encoding::Windows1252)?;
    /// assert_eq!(reviews.class_counts(), [5331, 5331]);
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    pub fn read_class_files<P: AsRef<Path>>(
        files: impl IntoIterator<Item = (impl Into<String>, P)>,
        encoding: Encoding,
    ) -> Result<Self> {
        let (mut texts, mut labels, mut names) = (vec![], vec![], vec![]);
        for (label, (name, path)) in files.into_iter().enumerate() {
            names.push(name.into());
            for line in encoding.read(path)?.lines().map(str::trim).filter(|line| !line.is_empty()) {
                texts.push(line.to_owned());
                labels.push(label as i32);
            }
        }
        Self::new(texts, labels, names)
    }

    /// Lines of a text, a tab and the name of a class (SST-2), without quotes; empty lines do not count, nor does GLUE's
    /// first line `sentence<tab>label`.
    ///
    /// # Errors
    /// If the file cannot be read or a line has no tab; names file and line.
    pub fn read_tsv(path: impl AsRef<Path>, encoding: Encoding) -> Result<Self> {
        let path = path.as_ref();
        Self::parse_tsv(&encoding.read(path)?, path)
    }

    /// [`read_tsv`](Self::read_tsv) of a text that `name` stands for in errors.
    ///
    /// # Errors
    /// As for `read_tsv`.
    ///
    /// ```
    /// use fornax_data::text::LabelledTexts;
    ///
    /// let texts = LabelledTexts::parse_tsv("a fine film\t1\nno\t0\n", "dev.tsv")?;
    /// assert_eq!((texts.texts()[0].as_str(), texts.labels()), ("a fine film", &[1, 0][..]));
    /// let error = LabelledTexts::parse_tsv("a fine film 1\n", "dev.tsv").unwrap_err();
    /// assert_eq!(error.to_string(), "dev.tsv: line 1: found no tab, wanted a text, a tab and a label");
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    pub fn parse_tsv(text: &str, name: impl AsRef<Path>) -> Result<Self> {
        let header = text.strip_prefix("sentence\tlabel").filter(|rest| rest.starts_with(['\r', '\n']));
        let text = header.unwrap_or(text);
        parse_lines(text, name.as_ref(), |line, pairs| {
            let wanted = "a text, a tab and a label";
            let (text, label) = line.rsplit_once('\t').ok_or(("no tab".to_owned(), wanted))?;
            let label = label.trim();
            if label.is_empty() {
                return Err(("no label".to_owned(), wanted));
            }
            pairs.push((text.to_owned(), label.to_owned()));
            Ok(())
        })
    }

    /// Lines `LABEL:fine text` (TREC's questions, which are in latin-1).
    ///
    /// # Errors
    /// If the file cannot be read or a line does not begin with a label; names file and line.
    pub fn read_trec(path: impl AsRef<Path>, labels: TrecLabels, encoding: Encoding) -> Result<Self> {
        let path = path.as_ref();
        Self::parse_trec(&encoding.read(path)?, path, labels)
    }

    /// [`read_trec`](Self::read_trec) of a text that `name` stands for in errors.
    ///
    /// # Errors
    /// As for `read_trec`.
    ///
    /// ```
    /// use fornax_data::text::{LabelledTexts, TrecLabels};
    ///
    /// let texts = LabelledTexts::parse_trec("HUM:ind Who was Galileo ?\n", "train_5500.label", TrecLabels::Coarse)?;
    /// assert_eq!((texts.texts()[0].as_str(), texts.class_names()), ("Who was Galileo ?", &["HUM".to_owned()][..]));
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    pub fn parse_trec(text: &str, name: impl AsRef<Path>, labels: TrecLabels) -> Result<Self> {
        parse_lines(text, name.as_ref(), |line, pairs| {
            let (label, text) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let fault = || (format!("{label:?}"), "a label as NUM:date, then a text");
            let (coarse, fine) = label.split_once(':').ok_or_else(fault)?;
            if coarse.is_empty() || fine.is_empty() {
                return Err(fault());
            }
            let label = if labels == TrecLabels::Coarse { coarse } else { label };
            pairs.push((text.trim().to_owned(), label.to_owned()));
            Ok(())
        })
    }

    /// Lines of words, of which those that begin with `__label__` name classes, wherever they stand (fastText).
    ///
    /// # Errors
    /// If the file cannot be read, or a line has no label, or several where these are refused; names file and line.
    pub fn read_fasttext(path: impl AsRef<Path>, several: SeveralLabels, encoding: Encoding) -> Result<Self> {
        let path = path.as_ref();
        Self::parse_fasttext(&encoding.read(path)?, path, several)
    }

    /// [`read_fasttext`](Self::read_fasttext) of a text that `name` stands for in errors.
    ///
    /// # Errors
    /// As for `read_fasttext`.
    ///
    /// ```
    /// use fornax_data::text::{LabelledTexts, SeveralLabels};
    ///
    /// let line = "__label__baking __label__bread How long does dough rise?\n";
    /// let texts = LabelledTexts::parse_fasttext(line, "cooking.train", SeveralLabels::Each)?;
    /// assert_eq!(texts.texts(), ["How long does dough rise?"; 2]);
    /// assert_eq!(texts.class_names(), ["baking", "bread"]);
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    pub fn parse_fasttext(text: &str, name: impl AsRef<Path>, several: SeveralLabels) -> Result<Self> {
        parse_lines(text, name.as_ref(), |line, pairs| {
            let (mut labels, mut words) = (vec![], vec![]);
            for word in line.split_whitespace() {
                match word.strip_prefix("__label__") {
                    Some(label) => labels.push(label),
                    None => words.push(word),
                }
            }
            let kept = match (labels.len(), several) {
                (0, _) => return Err(("no label".to_owned(), "a word that begins with __label__")),
                (1, _) | (_, SeveralLabels::Each) => labels.len(),
                (_, SeveralLabels::First) => 1,
                (count, SeveralLabels::Refuse) => return Err((format!("{count} labels"), "one")),
            };
            let text = words.join(" ");
            pairs.extend(labels[..kept].iter().map(|&label| (text.clone(), label.to_owned())));
            Ok(())
        })
    }

    /// Records of a CSV file without a header, quoted as in RFC 4180: field `label`, counted from 0, names the class, and
    /// the fields `texts`, joined by a blank, are the text.
    ///
    /// # Errors
    /// If the file cannot be read, a record has not all these fields or no name of a class; names file and line.
    pub fn read_csv(
        path: impl AsRef<Path>,
        label: usize,
        texts: &[usize],
        encoding: Encoding,
    ) -> Result<Self> {
        let path = path.as_ref();
        Self::parse_csv(&encoding.read(path)?, path, label, texts)
    }

    /// [`read_csv`](Self::read_csv) of a text that `name` stands for in errors.
    ///
    /// # Errors
    /// As for `read_csv`.
    ///
    /// ```
    /// use fornax_data::text::LabelledTexts;
    ///
    /// let text = "\"2\",\"Rome wins\",\"A late goal, \"\"lucky\"\" too\"\n";
    /// let texts = LabelledTexts::parse_csv(text, "test.csv", 0, &[1, 2])?;
    /// assert_eq!(texts.texts(), ["Rome wins A late goal, \"lucky\" too"]);
    /// let error = LabelledTexts::parse_csv(text, "test.csv", 3, &[1]).unwrap_err();
    /// assert_eq!(error.to_string(), "test.csv: line 1: found 3 fields, wanted at least 4");
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    pub fn parse_csv(text: &str, name: impl AsRef<Path>, label: usize, texts: &[usize]) -> Result<Self> {
        parse_records(text, name.as_ref(), label, texts, None)
    }

    /// AG News (Zhang et al. 2015): CSV records of a class from 1 to 4, a title and a description, with the published names
    /// of the classes.
    ///
    /// # Errors
    /// As for [`read_csv`](Self::read_csv), and if there is another class.
    pub fn read_ag_news(path: impl AsRef<Path>, encoding: Encoding) -> Result<Self> {
        let path = path.as_ref();
        let numbers = ["1", "2", "3", "4"];
        let read = parse_records(&encoding.read(path)?, path, 0, &[1, 2], Some(&numbers))?;
        let read = read.with_class_names(numbers)?;
        let names = ["World", "Sports", "Business", "Sci/Tech"].map(str::to_owned);
        Self::new(read.texts, read.labels, names.to_vec())
    }

    /// A folder a class, named as the class, a `.txt` file a text, in the order of their names (a part of IMDB). Other
    /// files do not count, nor do folders without a text.
    ///
    /// # Errors
    /// If a folder or file cannot be read, or there is no text.
    pub fn read_folders(directory: impl AsRef<Path>, encoding: Encoding) -> Result<Self> {
        let directory = directory.as_ref();
        let mut pairs = vec![];
        for folder in entries(directory)?.into_iter().filter(|path| path.is_dir()) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            pairs.extend(texts_in(&folder, encoding)?.into_iter().map(|text| (text, name.clone())));
        }
        if pairs.is_empty() {
            return Err(Error::format(directory, "folders", "no text", "files CLASS/NAME.txt"));
        }
        Self::from_pairs(pairs)
    }
}

/// The `.txt` files of a folder, by name.
pub(crate) fn texts_in(folder: &Path, encoding: Encoding) -> Result<Vec<String>> {
    let files = entries(folder)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "txt"));
    files.map(|file| encoding.read(file)).collect()
}

/// What is in a directory, by name.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let fault = |error| Error::io(directory, "read", error);
    let read = std::fs::read_dir(directory).map_err(fault)?;
    let mut paths = read.map(|entry| Ok(entry.map_err(fault)?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort_unstable();
    Ok(paths)
}

/// The pairs of text and class of the lines that are not empty; `each` says what it found and what it wanted.
fn parse_lines(
    text: &str,
    name: &Path,
    mut each: impl FnMut(&str, &mut Vec<(String, String)>) -> Result<(), (String, &'static str)>,
) -> Result<LabelledTexts> {
    let mut pairs = vec![];
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        each(line, &mut pairs)
            .map_err(|(found, wanted)| Error::format(name, format!("line {number}"), found, wanted))?;
    }
    LabelledTexts::from_pairs(pairs)
}

/// The texts of CSV records, whose label has to be one of `known`.
fn parse_records(
    text: &str,
    name: &Path,
    label: usize,
    texts: &[usize],
    known: Option<&[&str]>,
) -> Result<LabelledTexts> {
    let Some(last) = texts.iter().copied().max().map(|last| last.max(label)) else {
        return Err(Error::argument("fields of the text", "none", "at least one"));
    };
    let reader =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(text.as_bytes());
    let mut pairs = vec![];
    for record in reader.into_records() {
        let record = record.map_err(|error| csv_error(name, 0, error))?;
        let fault = |found: String, wanted: String| {
            let line = record.position().map_or(0, |at| at.line());
            Err(Error::format(name, format!("line {line}"), found, wanted))
        };
        if record.len() <= last {
            return fault(format!("{} fields", record.len()), format!("at least {}", last + 1));
        }
        let class = &record[label];
        match known {
            None if class.is_empty() => {
                return fault("no label".into(), format!("one in field {}", label + 1));
            }
            Some(known) if !known.contains(&class) => {
                return fault(format!("class {class:?}"), format!("one of {}", known.join(", ")));
            }
            _ => {}
        }
        let fields: Vec<&str> = texts.iter().map(|&field| &record[field]).collect();
        pairs.push((fields.join(" "), class.to_owned()));
    }
    LabelledTexts::from_pairs(pairs)
}
