//! [`Translator`]: a text of one language in, its translation out.

mod builder;
mod file;
mod languages;
mod models;

use fornax_core::{Array, Backend, Error, Result};
use fornax_data::text::Padding;
use fornax_layers::Network;
use fornax_sequence::decoding::{
    BeamSearch, EncoderDecoderStep, Hypothesis, Limits, StepDecoder, TransformerStep, greedy,
};
use fornax_sequence::layers::{RNNEncoderDecoder, Transformer};

pub use builder::TranslatorBuilder;
use languages::{END, Languages, START};
pub use models::{TranslationGRU, TranslationModel, TranslationTransformer};

/// A translator that [`TranslatorBuilder`] has learned: tokenizers and vocabularies of both languages, and weights.
///
/// A translation has at most 60 words, or half as many again as its text where that is more. Marks of a sentence stand
/// behind the word before them; `<unk>` stands for a word that is not in the vocabulary. The translation of a text does not
/// depend on the texts that are translated with it, but for rounding.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::Cpu;
/// use fornax_nlp::{TranslationGRU, Translator, TranslatorBuilder};
///
/// let pairs: Vec<_> = [("guten Tag!", "good day!"), ("Tag, Frau", "day, madam")].into_iter().cycle().take(64).collect();
/// let model = TranslationGRU::new().dimension(8).units(16).dropout(0.0);
/// let builder = TranslatorBuilder::new(model).learning_rate(0.02).warmup(4).batch_size(8).verbose(false);
/// let (translator, _) = builder.fit(&pairs)?;
/// assert_eq!(translator.translate("Guten Tag !")?, "good day!");
///
/// let path = std::env::temp_dir().join(format!("fornax-translator-{}.fornax", std::process::id()));
/// translator.save(&path)?;
/// assert_eq!(Translator::<Cpu>::load(&path)?.translate("Tag, Frau")?, "day, madam");
/// # std::fs::remove_file(path).unwrap();
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Translator<B: Backend> {
    languages: Languages,
    network: Network<B>,
    architecture: Architecture,
}

/// A translation of a text that a beam search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// The text.
    pub text: String,
    /// What translations are ordered by: the logarithm of the probability over the length penalty.
    pub score: f64,
}

/// The layer that translates.
#[derive(Clone, Copy, Debug)]
enum Architecture {
    Transformer,
    Recurrent,
}

impl Architecture {
    /// That of a network.
    fn of<B: Backend>(network: &Network<B>) -> Result<Self> {
        if network.layer::<Transformer>(Self::Transformer.layer()).is_ok() {
            return Ok(Self::Transformer);
        }
        network.layer::<RNNEncoderDecoder>(Self::Recurrent.layer()).map(|_| Self::Recurrent)
    }

    /// The layer's name.
    fn layer(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::Recurrent => "rnn_encoder_decoder",
        }
    }
}

/// Texts that are translated together, where they are short.
const BATCH: usize = 100;
/// Steps that a translation may always have.
const STEPS: usize = 60;
/// The words of the longest text that is translated; memory and time of attention grow with their square.
const LONGEST: usize = 1000;

impl<B: Backend> Translator<B> {
    /// The network from ids of both languages to the logits of the next word.
    pub fn network(&self) -> &Network<B> {
        &self.network
    }

    /// The number of words of the source and of the target that are told apart.
    pub fn vocabulary_lens(&self) -> [usize; 2] {
        self.languages.sizes()
    }

    /// The translation of a text, the most probable word at each step. Without a word it is empty.
    ///
    /// # Errors
    /// If the text has more than 1000 words, or weights are not finite.
    pub fn translate(&self, text: &str) -> Result<String> {
        Ok(self.translate_batch(&[text])?.swap_remove(0))
    }

    /// The translation of each text, the most probable word at each step.
    ///
    /// # Errors
    /// As for [`translate`](Self::translate).
    pub fn translate_batch<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<String>> {
        let found = self.decode(texts, None)?;
        found.iter().map(|found| self.languages.target.decode(&found[0].tokens)).collect()
    }

    /// The best translations of each text, best first, as many as the search is told (`n_best`).
    ///
    /// There are fewer where the model gives no more of them a probability above 0.
    ///
    /// # Errors
    /// As for [`translate`](Self::translate), and if the search's settings make no sense.
    pub fn search<S: AsRef<str>>(&self, texts: &[S], search: &BeamSearch) -> Result<Vec<Vec<Translation>>> {
        let translation = |found: &Hypothesis| {
            let text = self.languages.target.decode(&found.tokens)?;
            Ok(Translation { text, score: found.score })
        };
        let found = self.decode(texts, Some(search))?;
        found.iter().map(|found| found.iter().map(translation).collect()).collect()
    }

    /// Hypotheses for each text, one at least without a search.
    fn decode<S: AsRef<str>>(
        &self,
        texts: &[S],
        search: Option<&BeamSearch>,
    ) -> Result<Vec<Vec<Hypothesis>>> {
        let ids = texts.iter().map(|text| self.languages.source.encode(text.as_ref()));
        let ids = ids.collect::<Result<Vec<_>>>()?;
        if let Some(at) = ids.iter().position(|ids| ids.len() > LONGEST) {
            let wanted = format!("at most {LONGEST}");
            return Err(Error::data(format!("words of text {at}"), ids[at].len(), wanted));
        }
        let empty = Hypothesis { tokens: vec![], log_probability: 0.0, score: 0.0, ended: true };
        let mut found = vec![vec![empty]; texts.len()];
        // Texts of near-equal length together, so that little of a batch is padding; fewer of long ones, whose steps are kept.
        let mut order: Vec<usize> = (0..ids.len()).filter(|&at| !ids[at].is_empty()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(ids[at].len()));
        let mut rest = &order[..];
        while let Some(&longest) = rest.first() {
            let steps = STEPS.max(ids[longest].len() * 3 / 2);
            let (batch, others) = rest.split_at((BATCH * STEPS / steps).min(rest.len()));
            rest = others;
            let sources: Vec<&[i32]> = batch.iter().map(|&at| &ids[at][..]).collect();
            let sources = Padding::new().apply(&sources)?.array;
            let (name, limits) =
                (self.architecture.layer(), Limits { start: START, end: END, max_steps: steps });
            let hypotheses = match self.architecture {
                Architecture::Transformer => {
                    let decoder = TransformerStep::new(&self.network, name, steps)?;
                    run(&decoder, decoder.start(&sources)?, &sources, limits, search)?
                }
                Architecture::Recurrent => {
                    let decoder = EncoderDecoderStep::new(&self.network, name)?;
                    run(&decoder, decoder.start(&sources)?, &sources, limits, search)?
                }
            };
            for (&at, hypotheses) in batch.iter().zip(hypotheses) {
                found[at] = hypotheses;
            }
        }
        Ok(found)
    }
}

/// The hypotheses of a search for each source, or the best word at each step.
fn run<D: StepDecoder>(
    decoder: &D,
    state: D::State,
    sources: &Array,
    limits: Limits,
    search: Option<&BeamSearch>,
) -> Result<Vec<Vec<Hypothesis>>> {
    let rows = sources.shape()[0];
    match search {
        Some(search) => search.search(decoder, state, rows, limits),
        None => Ok(greedy(decoder, state, rows, limits)?.into_iter().map(|found| vec![found]).collect()),
    }
}
