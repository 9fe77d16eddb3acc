//! fastText's `.bin` file, version 12 (and 11), as fastText and gensim write it.
//!
//! Numbers are little-endian. Magic number and version; dimension, window, epochs, least count, wrong words, word n-grams, loss
//! (1 hierarchical softmax, 2 negative sampling, 3 softmax, 4 one against all), model (1 CBOW, 2 skip-gram, 3 classifier),
//! buckets, shortest and longest n-gram, rate of updates (32 bits each), sample (f64); entries, words, labels (32 bits), tokens,
//! pruned n-grams or -1 (64 bits); for each entry its bytes, a zero, its count (64 bits), 0 for a word or 1 for a label; then
//! twice a byte that is 1 for quantised vectors, rows and columns (64 bits) and the numbers of a table.

use std::io::{BufRead, Read};
use std::path::Path;

use fornax_core::{Backend, Error, Result};
use fornax_data::files;

use super::{Architecture, Word2Vec, WordVectors};
use crate::{Subwords, WordCounts};

pub(crate) const MAGIC: i32 = 793_712_314;
const VERSION: i32 = 12;
const NEGATIVE_SAMPLING: i32 = 2;
const CBOW: i32 = 1;
const SKIP_GRAM: i32 = 2;
const CLASSIFIER: i32 = 3;

/// The longest word that a file may have, in bytes.
const LONGEST: usize = 1 << 20;

/// What a file holds.
pub(crate) struct FastTextFile {
    pub(crate) settings: Word2Vec,
    pub(crate) counts: WordCounts,
    /// `[words + buckets, dimension]`.
    pub(crate) inputs: Vec<f32>,
    /// `[words, dimension]` of a model of negative sampling; empty unless it was wanted.
    outputs: Vec<f32>,
}

impl FastTextFile {
    /// The n-grams; of a model without any, those of no length.
    pub(crate) fn subwords(&self) -> Subwords {
        self.settings.subwords.unwrap_or(Subwords { min_n: 0, max_n: 0, buckets: 0 })
    }
}

/// Reads a file, with the outputs only if they are wanted. Memory grows with what is read, whatever the file says of itself.
pub(crate) fn read(path: &Path, outputs: bool) -> Result<FastTextFile> {
    let mut file = Reader { path, file: files::open(path)?, offset: 0 };
    let magic = file.i32()?;
    let version = file.i32()?;
    if magic != MAGIC || !(11..=VERSION).contains(&version) {
        let found = format!("number {magic} and version {version}");
        return Err(file.fault(found, format!("{MAGIC} and version 11 or {VERSION} of a fastText model")));
    }
    let dimension = file.size("dimension", 1)?;
    let (window, epochs) = (file.size("window", 1)?, file.size("epochs", 0)?);
    let (min_count, negative) = (file.size("least count", 0)?, file.size("wrong words", 0)?);
    let _word_ngrams = file.i32()?;
    let (loss, model) = (file.i32()?, file.i32()?);
    if outputs && (loss != NEGATIVE_SAMPLING || ![CBOW, SKIP_GRAM].contains(&model)) {
        let found = format!("loss {loss} of model {model}");
        return Err(file.fault(found, "negative sampling (2) of CBOW (1) or skip-gram (2)"));
    }
    let buckets = file.size("buckets", 0)?;
    let (min_n, mut max_n) = (file.size("shortest n-gram", 0)?, file.size("longest n-gram", 0)?);
    let _updates = file.i32()?;
    let sample = file.f64()?;
    if version == 11 && model == CLASSIFIER {
        // Such models stated n-grams and had none.
        max_n = 0;
    }
    let (entries, words, labels) = (file.i32()?, file.size("words", 0)?, file.size("labels", 0)?);
    if i64::from(entries) != (words + labels) as i64 {
        return Err(file.fault(format!("{entries} entries"), format!("{words} words and {labels} labels")));
    }
    let _tokens = file.i64()?;
    let pruned = file.i64()?;
    if pruned >= 0 {
        return Err(file.fault("a pruned vocabulary", "a model that is not quantised"));
    }
    let (mut names, mut counts) = (vec![], vec![]);
    for entry in 0..words + labels {
        let (name, count, kind) = (file.name()?, file.i64()?, file.array::<1>()?[0]);
        if kind != u8::from(entry >= words) || count < 0 {
            let found = format!("kind {kind} and count {count} of {name:?}");
            return Err(file.fault(found, "words (0) before labels (1), with counts"));
        }
        if entry < words {
            names.push(name);
            counts.push(count as u64);
        }
    }
    let counts = WordCounts::new(names, counts).map_err(|error| error.within(path.display()))?;
    let inputs = file.table([words + buckets, dimension])?;
    let outputs = if outputs { file.table([words, dimension])? } else { vec![] };
    let mut settings = Word2Vec::new(dimension).window(window).epochs(epochs).min_count(min_count as u64);
    settings = settings.negative(negative).sample(sample).learning_rate(0.05);
    if model == CBOW {
        settings = settings.architecture(Architecture::Cbow);
    }
    if max_n > 0 && buckets > 0 {
        // fastText takes 0 as 1.
        settings = settings.subwords(Subwords { min_n: min_n.max(1), max_n, buckets });
    }
    Ok(FastTextFile { settings, counts, inputs, outputs })
}

impl<B: Backend> WordVectors<B> {
    /// Writes a `.bin` file that fastText and gensim read, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written, a word has a byte 0, or there is a tree of hierarchical softmax, which is not the one that
    /// fastText would make.
    pub fn save_fasttext(&self, path: impl AsRef<Path>) -> Result<()> {
        let settings = &self.settings;
        if settings.hierarchical_softmax {
            return Err(Error::argument(
                "hierarchical_softmax",
                true,
                "negative sampling for a fastText file",
            ));
        }
        if let Some(word) = self.counts.words().iter().find(|word| word.contains('\0')) {
            return Err(Error::data("word", format!("{word:?}"), "one without a byte 0"));
        }
        let number = |name: &str, value: u64| {
            let wanted = || format!("at most {} for a fastText file", i32::MAX);
            i32::try_from(value).map_err(|_| Error::argument(name, value, wanted()))
        };
        let model = match settings.architecture {
            Architecture::Cbow => CBOW,
            Architecture::SkipGram => SKIP_GRAM,
        };
        let none = Subwords { min_n: 0, max_n: 0, buckets: 0 };
        let Subwords { min_n, max_n, buckets } = settings.subwords.unwrap_or(none);
        let words = number("words", self.counts.len() as u64)?;
        let numbers = [
            MAGIC,
            VERSION,
            number("dimension", settings.dimension as u64)?,
            number("window", settings.window as u64)?,
            number("epochs", settings.epochs as u64)?,
            number("min_count", settings.min_count)?,
            number("negative", settings.negative as u64)?,
            1,
            NEGATIVE_SAMPLING,
            model,
            number("buckets", buckets as u64)?,
            number("min_n", min_n as u64)?,
            number("max_n", max_n as u64)?,
            100,
        ];
        let dimension = settings.dimension;
        files::write_whole(path.as_ref(), |file| {
            numbers.iter().try_for_each(|number| file.write_all(&number.to_le_bytes()))?;
            file.write_all(&settings.sample.to_le_bytes())?;
            [words, words, 0].iter().try_for_each(|number| file.write_all(&number.to_le_bytes()))?;
            file.write_all(&self.counts.total().to_le_bytes())?;
            file.write_all(&(-1i64).to_le_bytes())?;
            for (word, count) in self.counts.words().iter().zip(self.counts.counts()) {
                file.write_all(word.as_bytes())?;
                file.write_all(&[0])?;
                file.write_all(&count.to_le_bytes())?;
                file.write_all(&[0])?;
            }
            for table in self.rows() {
                file.write_all(&[0])?;
                for size in [table.len() / dimension, dimension] {
                    file.write_all(&(size as u64).to_le_bytes())?;
                }
                table.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))?;
            }
            Ok(())
        })
    }

    /// A model of a `.bin` file, to be trained on; what the file does not say is as by default, the learning rate 0.05.
    ///
    /// # Errors
    /// If the file cannot be read, is none of fastText, holds quantised vectors, or was not trained by negative sampling.
    pub fn load_fasttext(path: impl AsRef<Path>, device: B::Device) -> Result<Self> {
        let path = path.as_ref();
        let file = read(path, true)?;
        Self::restored(file.settings, file.counts, None, [file.inputs, file.outputs], vec![], device)
            .map_err(|error| error.within(path.display()))
    }
}

struct Reader<'a> {
    path: &'a Path,
    file: Box<dyn BufRead>,
    /// Bytes that were read.
    offset: u64,
}

impl Reader<'_> {
    fn fault(&self, found: impl ToString, wanted: impl ToString) -> Error {
        Error::format(self.path, format!("byte {}", self.offset), found, wanted)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes).map_err(|error| files::read_error(self.path, error))?;
        self.offset += N as u64;
        Ok(bytes)
    }

    fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_le_bytes)
    }

    fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn f64(&mut self) -> Result<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// A number that is not negative.
    fn size(&mut self, name: &str, least: i32) -> Result<usize> {
        let found = self.i32()?;
        if found < least {
            return Err(self.fault(format!("{name} {found}"), format!("at least {least}")));
        }
        Ok(found as usize)
    }

    /// Bytes up to a zero.
    fn name(&mut self) -> Result<String> {
        let mut bytes = vec![];
        let mut limited = (&mut self.file).take(LONGEST as u64 + 1);
        limited.read_until(0, &mut bytes).map_err(|error| files::read_error(self.path, error))?;
        if bytes.pop() != Some(0) {
            return Err(self.fault(format!("{} bytes without an end", bytes.len()), "a word and a byte 0"));
        }
        self.offset += bytes.len() as u64 + 1;
        String::from_utf8(bytes)
            .map_err(|error| self.fault(String::from_utf8_lossy(error.as_bytes()), "a word in UTF-8"))
    }

    /// A table of this shape.
    fn table(&mut self, shape: [usize; 2]) -> Result<Vec<f32>> {
        if self.array::<1>()? != [0] {
            return Err(self.fault("quantised vectors", "vectors that are not quantised"));
        }
        let found = [self.i64()?, self.i64()?];
        if found != shape.map(|size| size as i64) {
            return Err(self.fault(format!("a table {found:?}"), format!("{shape:?}")));
        }
        let len = shape[0].checked_mul(shape[1]).and_then(|len| len.checked_mul(4));
        let mut left =
            len.ok_or_else(|| self.fault(format!("a table {found:?}"), "one that memory holds"))?;
        let (mut values, mut bytes) = (vec![], vec![0; 1 << 16]);
        while left > 0 {
            let part = &mut bytes[..left.min(1 << 16)];
            self.file.read_exact(part).map_err(|error| files::read_error(self.path, error))?;
            let numbers = part.chunks_exact(4).map(|bytes| [bytes[0], bytes[1], bytes[2], bytes[3]]);
            values.extend(numbers.map(f32::from_le_bytes));
            left -= part.len();
            self.offset += part.len() as u64;
        }
        Ok(values)
    }
}
