//! `fornax vectors train`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fornax::data::files::write_target;
use fornax::data::text::{Punctuation, Tokenizer};
use fornax::nlp::{Architecture, Determinism, Glove, LineCorpus, Subwords, Word2Vec};
use fornax::{Error, Result};

use super::Format;

#[derive(Args)]
pub(super) struct Train {
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
    #[arg(long)]
    lr: Option<f64>,
    /// As --lr; of glove the power of the weight of a rare pair, default 0.75.
    #[arg(long)]
    alpha: Option<f64>,
    /// Of glove: how often a pair has to occur for the full weight; default 100.
    #[arg(long)]
    x_max: Option<f64>,
    /// Of glove: the most memory that pairs may take, in GiB; default 4.
    #[arg(long)]
    memory: Option<f64>,
    /// Wrong words of an example; default 5.
    #[arg(long, visible_alias = "negative")]
    neg: Option<usize>,
    /// The power of the counts in proportion to which wrong words are drawn; default 0.75, with subwords 0.5.
    #[arg(long)]
    ns_exponent: Option<f64>,
    /// Hierarchical softmax instead of wrong words.
    #[arg(long, conflicts_with = "neg")]
    hs: bool,
    /// The share of the texts from which on words are left out; default 0.001.
    #[arg(long, visible_alias = "sample")]
    t: Option<f64>,
    /// How often a word has to occur.
    #[arg(long, default_value_t = 5)]
    min_count: u64,
    /// Vectors of character n-grams, as fastText.
    #[arg(long)]
    subwords: bool,
    /// Characters of the shortest n-gram; default 3.
    #[arg(long, requires = "subwords")]
    minn: Option<usize>,
    /// Characters of the longest n-gram; default 6.
    #[arg(long, requires = "subwords")]
    maxn: Option<usize>,
    /// Vectors that n-grams are hashed to; default 2000000.
    #[arg(long, requires = "subwords")]
    bucket: Option<usize>,
    /// Lower case, and without punctuation.
    #[arg(long)]
    normalize: bool,
    /// The same vectors each time, whatever the number of threads (of glove they always are).
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

/// Settings with an option where it is given.
fn with<S, T>(settings: S, option: Option<T>, set: impl FnOnce(S, T) -> S) -> S {
    match option {
        Some(value) => set(settings, value),
        None => settings,
    }
}

impl Train {
    pub(super) fn run(&self) -> Result<()> {
        write_target(&self.output)?;
        let mut corpus = LineCorpus::new(&self.input);
        if self.normalize {
            corpus = corpus.tokenizer(Tokenizer::new().lowercase(true).punctuation(Punctuation::Remove));
        }
        let clock = std::time::Instant::now();
        let (words, losses) = match self.model {
            Model::Glove => self.glove(&corpus)?,
            Model::Skipgram | Model::Cbow => self.word2vec(&corpus)?,
        };
        let losses: Vec<String> = losses.iter().map(|loss| format!("{loss:.4}")).collect();
        println!("{words} words, losses {}, {:.1} s", losses.join(" "), clock.elapsed().as_secs_f64());
        Ok(())
    }

    /// Options of other models, which would otherwise be ignored.
    fn refuse(&self, options: &[(&str, bool)]) -> Result<()> {
        let model = self.model.to_possible_value().expect("no model is hidden");
        match options.iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => {
                Err(Error::argument(name, "given", format!("none with --model {}", model.get_name())))
            }
            None => Ok(()),
        }
    }

    /// The number of words, and the loss of each epoch.
    fn glove(&self, corpus: &LineCorpus) -> Result<(usize, Vec<f64>)> {
        self.refuse(&[
            ("--neg", self.neg.is_some()),
            ("--ns-exponent", self.ns_exponent.is_some()),
            ("--hs", self.hs),
            ("--t", self.t.is_some()),
            ("--subwords", self.subwords),
            ("--checkpoint", self.checkpoint.is_some()),
            ("--format fasttext", self.format == Some(Format::FastText)),
        ])?;
        let settings = Glove::new(self.dim).min_count(self.min_count).seed(self.seed);
        let settings = with(settings, self.ws, Glove::window);
        let settings = with(settings, self.epoch, Glove::epochs);
        let settings = with(settings, self.lr, Glove::learning_rate);
        let settings = with(settings, self.alpha, Glove::alpha);
        let settings = with(settings, self.x_max, Glove::x_max);
        let gibibyte = f64::from(1 << 30);
        let settings = with(settings, self.memory, |glove, memory| glove.memory((memory * gibibyte) as u64));
        let trained = settings.fit(corpus)?;
        let format = self.format.unwrap_or(Format::Word2VecText);
        trained.keyed_vectors().save(&self.output, format.into())?;
        Ok((trained.keyed_vectors().len(), trained.losses().to_vec()))
    }

    fn word2vec(&self, corpus: &LineCorpus) -> Result<(usize, Vec<f64>)> {
        self.refuse(&[("--x-max", self.x_max.is_some()), ("--memory", self.memory.is_some())])?;
        if let (Some(_), Some(alpha)) = (self.lr, self.alpha) {
            return Err(Error::argument("--alpha", alpha, "--lr alone, whose other name it is"));
        }
        let default = if self.subwords { Format::FastText } else { Format::Word2VecText };
        let format = self.format.unwrap_or(default);
        if format == Format::FastText && self.hs {
            let wanted = "negative sampling for a fastText file";
            return Err(Error::argument("--hs", "hierarchical softmax", wanted));
        }
        let mut settings = Word2Vec::new(self.dim).min_count(self.min_count).seed(self.seed);
        settings = with(settings, self.ws, Word2Vec::window);
        settings = with(settings, self.epoch, Word2Vec::epochs);
        settings = with(settings, self.lr.or(self.alpha), Word2Vec::learning_rate);
        settings = with(settings, self.neg, Word2Vec::negative);
        settings = with(settings, self.ns_exponent, Word2Vec::noise_exponent);
        settings = with(settings, self.t, Word2Vec::sample);
        settings = with(settings, self.checkpoint.as_ref(), Word2Vec::checkpoint);
        if self.hs {
            settings = settings.negative(0).hierarchical_softmax(true);
        }
        if self.model == Model::Cbow {
            settings = settings.architecture(Architecture::Cbow);
        }
        if self.exact {
            settings = settings.determinism(Determinism::Exact);
        }
        if self.subwords {
            let subwords = with(Subwords::default(), self.minn, Subwords::min_n);
            let subwords = with(subwords, self.maxn, Subwords::max_n);
            settings = settings.subwords(with(subwords, self.bucket, Subwords::buckets));
        }
        let vectors = settings.fit(corpus)?;
        match format {
            Format::FastText => vectors.save_fasttext(&self.output)?,
            other => vectors.keyed_vectors()?.save(&self.output, other.into())?,
        }
        Ok((vectors.counts().len(), vectors.losses().to_vec()))
    }
}
