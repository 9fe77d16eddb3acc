//! `fornax text`: text classifiers of files, with fastText's names for what means the same.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use fornax::data::files::write_target;
use fornax::data::text::{Encoding, LabelledTexts, SeveralLabels, TrecLabels};
use fornax::device::DeviceName;
use fornax::nlp::{FastTextClassifier, TextModel, VectorFile};
use fornax::prelude::*;
use fornax::{Error, Result};

use crate::device::{Job, dispatch};
use crate::output::written;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Learn a classifier from labelled texts and save it in one file.
    Train(Box<Train>),
    /// The label and the probability of each line of a file.
    Predict(Predict),
    /// Accuracy, and precision, recall and F1 of each class.
    Eval(Eval),
}

#[derive(Args)]
struct Source {
    /// The labelled texts: a file, or a folder where the format is one of folders.
    #[arg(long)]
    input: PathBuf,
    /// How they are written.
    #[arg(long, value_enum, default_value = "fasttext")]
    format: Format,
    /// detect, utf-8, latin-1 or windows-1252.
    #[arg(long, default_value = "detect")]
    encoding: Encoding,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Lines of words, of which `__label__NAME` are labels.
    Fasttext,
    /// Lines of a text, a tab and a label (SST-2).
    Tsv,
    /// Lines `LABEL:fine text`; LABEL is the class.
    Trec,
    /// Lines `LABEL:fine text`; both are the class.
    TrecFine,
    /// CSV records of class, title and description.
    AgNews,
    /// A folder with rt-polarity.neg and rt-polarity.pos.
    Mr,
    /// A folder with the archive or the folder aclImdb; its train part is learned from, its test part evaluated on.
    Imdb,
    /// A folder a class, a file a text.
    Folders,
}

#[derive(Clone, Copy, ValueEnum)]
enum Model {
    /// Logistic regression on TF-IDF of n-grams.
    Tfidf,
    /// A linear model of hashed word n-grams, as fastText trains it.
    Fasttext,
    /// Convolutions over windows of words (Kim 2014).
    Cnn,
    /// Word vectors and an LSTM.
    Lstm,
    /// The mean of word vectors.
    Bag,
    /// Word vectors and self-attention.
    Transformer,
}

#[derive(Args)]
struct Train {
    #[command(flatten)]
    source: Source,
    /// Where the classifier is saved.
    #[arg(long)]
    output: PathBuf,
    /// What is learned.
    #[arg(long, value_enum, default_value = "tfidf")]
    model: Model,
    /// The greatest number of epochs.
    #[arg(long)]
    epoch: Option<usize>,
    /// The learning rate of Adam (lazy), of fasttext that of the first text.
    #[arg(long)]
    lr: Option<f64>,
    /// The elements of a word vector.
    #[arg(long)]
    dim: Option<usize>,
    /// The greatest number of words of an n-gram (tfidf, fasttext).
    #[arg(long = "wordNgrams", default_value_t = 2)]
    word_ngrams: usize,
    /// The vectors that n-grams are hashed to (fasttext).
    #[arg(long, default_value_t = 2_000_000)]
    bucket: usize,
    /// How often a word has to occur, or in how many texts an n-gram (tfidf).
    #[arg(long = "minCount", default_value_t = 2)]
    min_count: usize,
    /// Word vectors to start from, in any format of `fornax vectors`.
    #[arg(long = "pretrainedVectors")]
    pretrained_vectors: Option<PathBuf>,
    /// Leave these vectors as they are.
    #[arg(long, requires = "pretrained_vectors")]
    freeze: bool,
    /// The share of each class that is held out to judge epochs on; 0 holds out none.
    #[arg(long, default_value_t = 0.1)]
    validation_split: f64,
    /// Texts a step.
    #[arg(long)]
    batch_size: Option<usize>,
    /// The words of a text that are read, the last ones.
    #[arg(long, default_value_t = 400)]
    max_length: usize,
    /// Seed of initial weights, order and dropout.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// cpu, ndarray, flex, cuda or cuda:N.
    #[arg(long, default_value = "cpu")]
    device: String,
}

#[derive(Args)]
struct Predict {
    /// The classifier.
    #[arg(long)]
    load: PathBuf,
    /// A file of one text a line; - is the standard input.
    #[arg(default_value = "-")]
    file: PathBuf,
    /// How many of the most probable labels are written.
    #[arg(short, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    k: u32,
    /// detect, utf-8, latin-1 or windows-1252.
    #[arg(long, default_value = "detect")]
    encoding: Encoding,
    /// cpu, ndarray, flex, cuda or cuda:N.
    #[arg(long, default_value = "cpu")]
    device: String,
}

#[derive(Args)]
struct Eval {
    /// The classifier.
    #[arg(long)]
    load: PathBuf,
    #[command(flatten)]
    source: Source,
    /// cpu, ndarray, flex, cuda or cuda:N.
    #[arg(long, default_value = "cpu")]
    device: String,
}

pub(crate) fn run(options: Options) -> Result<()> {
    match options.command {
        Command::Train(train) => {
            let device: DeviceName = train.device.parse()?;
            write_target(&train.output)?;
            let texts = train.source.read(true)?;
            let builder = train.builder()?;
            dispatch(device, Training { builder, texts, output: &train.output })
        }
        Command::Predict(predict) => {
            let device: DeviceName = predict.device.parse()?;
            let texts = lines(&predict.file, predict.encoding)?;
            dispatch(device, Predicting { load: &predict.load, texts, k: predict.k as usize })
        }
        Command::Eval(eval) => {
            let device: DeviceName = eval.device.parse()?;
            let texts = eval.source.read(false)?;
            dispatch(device, Evaluating { load: &eval.load, texts })
        }
    }
}

impl Source {
    fn read(&self, train: bool) -> Result<LabelledTexts> {
        let (path, encoding) = (&self.input, self.encoding);
        match self.format {
            Format::Fasttext => LabelledTexts::read_fasttext(path, SeveralLabels::Each, encoding),
            Format::Tsv => LabelledTexts::read_tsv(path, encoding),
            Format::Trec => LabelledTexts::read_trec(path, TrecLabels::Coarse, encoding),
            Format::TrecFine => LabelledTexts::read_trec(path, TrecLabels::Fine, encoding),
            Format::AgNews => LabelledTexts::read_ag_news(path, encoding),
            Format::Mr => {
                let files = [("neg", "rt-polarity.neg"), ("pos", "rt-polarity.pos")];
                LabelledTexts::read_class_files(files.map(|(name, file)| (name, path.join(file))), encoding)
            }
            Format::Imdb => {
                let split = datasets::imdb(path)?;
                let part = if train { split.train } else { split.test };
                Ok(part.map_texts(|text| text.replace("<br />", " ")))
            }
            Format::Folders => LabelledTexts::read_folders(path, encoding),
        }
    }
}

impl Train {
    fn builder(&self) -> Result<TextClassifierBuilder> {
        let load = |path| KeyedVectors::load(path, VectorFile::detect(path)?, None);
        let vectors = self.pretrained_vectors.as_ref().map(load).transpose()?;
        let dim = self.dim.or(vectors.as_ref().map(KeyedVectors::dimension));
        macro_rules! with_dim {
            ($model:expr) => {
                match dim {
                    Some(dim) => $model.dimension(dim).into(),
                    None => $model.into(),
                }
            };
        }
        let model: TextModel = match self.model {
            Model::Tfidf => {
                let counts = CountVectorizer::new().ngram_range(1..=self.word_ngrams).min_df(self.min_count);
                let vectorizer = TfidfVectorizer::of(counts).sublinear_tf(true);
                TfidfRegression::new().vectorizer(vectorizer).into()
            }
            Model::Fasttext => {
                let model = FastTextClassifier::new(self.dim.unwrap_or(100)).word_ngrams(self.word_ngrams);
                let model = model.min_count(self.min_count as u64).buckets(self.bucket);
                self.lr.map_or(model.clone(), |rate| model.learning_rate(rate)).into()
            }
            Model::Cnn => with_dim!(TextCNN::new()),
            Model::Lstm => with_dim!(TextLSTM::new()),
            Model::Bag => with_dim!(BagOfEmbeddings::new()),
            Model::Transformer => with_dim!(TextTransformer::new()),
        };
        let split = (self.validation_split != 0.0).then_some(self.validation_split);
        let mut builder = TextClassifierBuilder::new(model)
            .min_count(self.min_count)
            .max_length(self.max_length)
            .validation_split(split)
            .seed(self.seed);
        if let Some(vectors) = vectors {
            builder = builder.vectors(vectors, !self.freeze);
        }
        if let Some(epochs) = self.epoch {
            builder = builder.epochs(epochs);
        }
        if let Some(batch_size) = self.batch_size {
            builder = builder.batch_size(batch_size);
        }
        Ok(match (self.lr, self.model) {
            (None, _) | (_, Model::Fasttext) => builder,
            (Some(rate), _) => builder.optimizer(Adam::new(rate).lazy(true)),
        })
    }
}

struct Training<'a> {
    builder: TextClassifierBuilder,
    texts: LabelledTexts,
    output: &'a Path,
}

impl Job for Training<'_> {
    type Output = ();

    fn run<B: Backend>(self, device: B::Device) -> Result<()> {
        let (classifier, report) = self.builder.fit_on::<B>(&self.texts, device)?;
        classifier.save(self.output)?;
        let classes = classifier.class_names().len();
        println!(
            "{} texts, {classes} classes, {} words or n-grams, {:.1} s",
            report.texts, report.vocabulary, report.seconds
        );
        if let Some(validation) = report.validation {
            println!("held out:\n{validation}");
        }
        println!("saved: {}", self.output.display());
        Ok(())
    }
}

struct Predicting<'a> {
    load: &'a Path,
    texts: Vec<String>,
    k: usize,
}

impl Job for Predicting<'_> {
    type Output = ();

    fn run<B: Backend>(self, device: B::Device) -> Result<()> {
        let classifier = TextClassifier::<B>::load_on(self.load, device)?;
        let names = classifier.class_names();
        let probabilities = classifier.probabilities(&self.texts)?.to_f32();
        let mut out = io::BufWriter::new(io::stdout().lock());
        for row in probabilities.chunks_exact(names.len()) {
            let mut order: Vec<usize> = (0..names.len()).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            let best: Vec<_> = order
                .iter()
                .take(self.k)
                .map(|&class| format!("{}\t{:.4}", names[class], row[class]))
                .collect();
            written(writeln!(out, "{}", best.join("\t")));
        }
        written(out.flush());
        Ok(())
    }
}

struct Evaluating<'a> {
    load: &'a Path,
    texts: LabelledTexts,
}

impl Job for Evaluating<'_> {
    type Output = ();

    fn run<B: Backend>(self, device: B::Device) -> Result<()> {
        let classifier = TextClassifier::<B>::load_on(self.load, device)?;
        let confusion = classifier.confusion(&self.texts)?;
        println!("{}\n{confusion}", confusion.report());
        Ok(())
    }
}

/// The lines of a file or of the standard input.
fn lines(path: &Path, encoding: Encoding) -> Result<Vec<String>> {
    let text = if path == Path::new("-") {
        let mut bytes = vec![];
        let read = io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| Error::io("standard input", "read", error))?;
        encoding.decode(&bytes, "standard input")?
    } else {
        encoding.read(path)?
    };
    Ok(text.lines().map(str::to_owned).collect())
}
