//! `fornax vectors`: word vectors trained, asked, evaluated, converted.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use fornax::data::text::{Punctuation, Tokenizer};
use fornax::nlp::{
    Architecture, Determinism, Glove, KeyedVectors, LineCorpus, SubwordVectors, Subwords, VectorFile,
    Word2Vec,
};
use fornax::{Error, Result};

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train word vectors on the lines of files.
    Train(Box<Train>),
    /// The words nearest to others.
    Similar {
        /// The vectors.
        file: PathBuf,
        /// Words to be near.
        #[arg(required = true)]
        words: Vec<String>,
        /// Words to be far from.
        #[arg(long)]
        negative: Vec<String>,
        /// The number of answers.
        #[arg(long, short = 'k', default_value_t = 10)]
        count: usize,
    },
    /// A is to B as C is to what?
    Analogy {
        /// The vectors.
        file: PathBuf,
        a: String,
        b: String,
        c: String,
        /// The number of answers.
        #[arg(long, short = 'k', default_value_t = 5)]
        count: usize,
    },
    /// The accuracy of analogies, and the agreement with people on pairs of words.
    Eval {
        /// The vectors.
        file: PathBuf,
        /// A file of analogies, as questions-words.txt.
        #[arg(long)]
        analogies: Option<PathBuf>,
        /// A file of pairs with scores, as wordsim353.tsv.
        #[arg(long)]
        pairs: Vec<PathBuf>,
        /// Only the first so many words are answers to analogies.
        #[arg(long, default_value_t = 30_000)]
        restrict: usize,
    },
    /// Write vectors in another format.
    Convert {
        /// The vectors.
        file: PathBuf,
        /// The file to write.
        output: PathBuf,
        /// Its format.
        #[arg(long)]
        to: Format,
        /// Only the first so many words.
        #[arg(long)]
        limit: Option<usize>,
    },
}

#[derive(Args)]
struct Train {
    /// Texts, one a line, gzipped or not.
    #[arg(required = true)]
    input: Vec<PathBuf>,
    /// The file to write.
    #[arg(long)]
    output: PathBuf,
    /// Its format; default: fasttext with subwords, else word2vec's text.
    #[arg(long)]
    format: Option<Format>,
    /// What is predicted from what.
    #[arg(long, default_value = "skipgram")]
    model: Model,
    /// Elements of a vector.
    #[arg(long, visible_alias = "size", default_value_t = 100)]
    dim: usize,
    /// The greatest distance of words that are near each other; default 5, of glove 15.
    #[arg(long, visible_alias = "window")]
    ws: Option<usize>,
    /// How often the texts (of glove: the pairs of words) are trained on; default 5, of glove 25.
    #[arg(long, visible_aliases = ["epochs", "iter"])]
    epoch: Option<usize>,
    /// The first learning rate; default 0.025, of glove 0.05.
    #[arg(long, visible_alias = "alpha")]
    lr: Option<f64>,
    /// Wrong words of an example.
    #[arg(long, visible_alias = "negative", default_value_t = 5)]
    neg: usize,
    /// The power of the counts in proportion to which wrong words are drawn; default 0.75, with subwords 0.5.
    #[arg(long)]
    ns_exponent: Option<f64>,
    /// Hierarchical softmax instead of wrong words.
    #[arg(long)]
    hs: bool,
    /// The share of the texts from which on words are left out.
    #[arg(long, visible_alias = "sample", default_value_t = 1e-3)]
    t: f64,
    /// How often a word has to occur.
    #[arg(long, default_value_t = 5)]
    min_count: u64,
    /// Vectors of character n-grams, as fastText.
    #[arg(long)]
    subwords: bool,
    /// Characters of the shortest n-gram.
    #[arg(long, default_value_t = 3)]
    minn: usize,
    /// Characters of the longest n-gram.
    #[arg(long, default_value_t = 6)]
    maxn: usize,
    /// Vectors that n-grams are hashed to.
    #[arg(long, default_value_t = 2_000_000)]
    bucket: usize,
    /// Lower case, and without punctuation.
    #[arg(long)]
    normalize: bool,
    /// The same vectors each time, whatever the number of threads.
    #[arg(long)]
    exact: bool,
    /// What is drawn from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A file that the state is written to after each epoch, and gone on from.
    #[arg(long)]
    checkpoint: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Model {
    Skipgram,
    Cbow,
    /// By least squares on the logarithms of how often words stand near each other.
    Glove,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    #[value(name = "word2vec-text")]
    Word2VecText,
    #[value(name = "word2vec-binary")]
    Word2VecBinary,
    Glove,
    Fornax,
    #[value(name = "fasttext")]
    FastText,
}

impl From<Format> for VectorFile {
    fn from(format: Format) -> Self {
        match format {
            Format::Word2VecText => Self::Word2VecText,
            Format::Word2VecBinary => Self::Word2VecBinary,
            Format::Glove => Self::Glove,
            Format::Fornax => Self::Fornax,
            Format::FastText => Self::FastText,
        }
    }
}

pub(crate) fn run(options: Options) -> Result<()> {
    match options.command {
        Command::Train(options) => train(&options),
        Command::Similar { file, words, negative, count } => {
            // One word alone may be unknown to vectors that know its n-grams.
            if let ([word], [], VectorFile::FastText) =
                (&words[..], &negative[..], VectorFile::detect(&file)?)
            {
                print(&SubwordVectors::load(file)?.most_similar(word, count)?);
                return Ok(());
            }
            let vectors = load(&file)?;
            print(&vectors.query().positive(words).negative(negative).count(count).answer()?);
            Ok(())
        }
        Command::Analogy { file, a, b, c, count } => {
            print(&load(&file)?.analogy(&a, &b, &c, count)?);
            Ok(())
        }
        Command::Eval { file, analogies, pairs, restrict } => {
            if analogies.is_none() && pairs.is_empty() {
                return Err(Error::argument("eval", "no file", "--analogies or --pairs"));
            }
            let vectors = load(&file)?;
            if let Some(path) = analogies {
                println!("{}", vectors.evaluate_analogies(path, restrict)?);
            }
            for path in pairs {
                println!("{}: {}", path.display(), vectors.evaluate_word_pairs(&path, usize::MAX)?);
            }
            Ok(())
        }
        Command::Convert { file, output, to, limit } => {
            let format = VectorFile::detect(&file)?;
            KeyedVectors::load(&file, format, limit)?.save(output, to.into())
        }
    }
}

fn load(file: &PathBuf) -> Result<KeyedVectors> {
    KeyedVectors::load(file, VectorFile::detect(file)?, None)
}

fn print(words: &[(&str, f32)]) {
    words.iter().for_each(|(word, score)| println!("{word} {score:.4}"));
}

fn train(options: &Train) -> Result<()> {
    let mut corpus = LineCorpus::new(&options.input);
    if options.normalize {
        corpus = corpus.tokenizer(Tokenizer::new().lowercase(true).punctuation(Punctuation::Remove));
    }
    let clock = std::time::Instant::now();
    let (words, losses) = match options.model {
        Model::Glove => glove(options, &corpus)?,
        Model::Skipgram | Model::Cbow => word2vec(options, &corpus)?,
    };
    let losses: Vec<String> = losses.iter().map(|loss| format!("{loss:.4}")).collect();
    println!("{words} words, losses {}, {:.1} s", losses.join(" "), clock.elapsed().as_secs_f64());
    Ok(())
}

/// The number of words, and the loss of each epoch.
fn glove(options: &Train, corpus: &LineCorpus) -> Result<(usize, Vec<f64>)> {
    if options.subwords || options.hs || options.checkpoint.is_some() {
        return Err(Error::argument(
            "--model",
            "glove",
            "skipgram or cbow with --subwords, --hs or --checkpoint",
        ));
    }
    let mut settings = Glove::new(options.dim).min_count(options.min_count).seed(options.seed);
    if let Some(window) = options.ws {
        settings = settings.window(window);
    }
    if let Some(epochs) = options.epoch {
        settings = settings.epochs(epochs);
    }
    if let Some(rate) = options.lr {
        settings = settings.learning_rate(rate);
    }
    let trained = settings.fit(corpus)?;
    let format = options.format.unwrap_or(Format::Word2VecText);
    trained.keyed_vectors().save(&options.output, format.into())?;
    Ok((trained.keyed_vectors().len(), trained.losses().to_vec()))
}

fn word2vec(options: &Train, corpus: &LineCorpus) -> Result<(usize, Vec<f64>)> {
    let mut settings = Word2Vec::new(options.dim)
        .window(options.ws.unwrap_or(5))
        .epochs(options.epoch.unwrap_or(5))
        .learning_rate(options.lr.unwrap_or(0.025))
        .negative(if options.hs { 0 } else { options.neg })
        .hierarchical_softmax(options.hs)
        .sample(options.t)
        .min_count(options.min_count)
        .seed(options.seed);
    if options.model == Model::Cbow {
        settings = settings.architecture(Architecture::Cbow);
    }
    if options.exact {
        settings = settings.determinism(Determinism::Exact);
    }
    if options.subwords {
        let subwords = Subwords::default().min_n(options.minn).max_n(options.maxn).buckets(options.bucket);
        settings = settings.subwords(subwords);
    }
    if let Some(exponent) = options.ns_exponent {
        settings = settings.noise_exponent(exponent);
    }
    if let Some(path) = &options.checkpoint {
        settings = settings.checkpoint(path);
    }
    let default = if options.subwords { Format::FastText } else { Format::Word2VecText };
    let format = options.format.unwrap_or(default);
    if format == Format::FastText && options.hs {
        return Err(Error::argument("--hs", "hierarchical softmax", "negative sampling for a fastText file"));
    }
    let vectors = settings.fit(corpus)?;
    match format {
        Format::FastText => vectors.save_fasttext(&options.output)?,
        other => vectors.keyed_vectors()?.save(&options.output, other.into())?,
    }
    Ok((vectors.counts().len(), vectors.losses().to_vec()))
}
