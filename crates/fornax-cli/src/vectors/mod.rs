//! `fornax vectors`: word vectors trained, asked, evaluated, converted.

mod train;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use fornax::nlp::{KeyedVectors, SubwordVectors, VectorFile};
use fornax::{Error, Result};
use train::Train;

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
        Command::Train(options) => options.run(),
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
