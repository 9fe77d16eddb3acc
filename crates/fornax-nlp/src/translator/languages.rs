//! [`Languages`]: texts of two languages as ids of words, and ids as a text.

use fornax_core::{Array, Error, Result};
use fornax_data::text::{Padding, Tokenizer, Vocabulary, VocabularyBuilder};
use fornax_data::{Dataset, LengthBuckets};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

const SPECIALS: [&str; 4] = ["<pad>", "<unk>", "<start>", "<end>"];
const UNKNOWN: i32 = 1;
/// What the target begins with.
pub(super) const START: i32 = 2;
/// What the target ends with.
pub(super) const END: i32 = 3;

/// A tokenizer, and a vocabulary that begins with `SPECIALS`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Language {
    tokenizer: Tokenizer,
    pub(super) vocabulary: Vocabulary,
}

/// The language that is translated, and that which is translated into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Languages {
    pub(super) source: Language,
    pub(super) target: Language,
}

impl Language {
    fn fit(
        tokenizer: &Tokenizer,
        texts: &[Vec<String>],
        min_count: usize,
        most: Option<usize>,
    ) -> Result<Self> {
        let builder = VocabularyBuilder::new().specials(SPECIALS).min_count(min_count);
        let vocabulary = match most {
            Some(most) => builder.max_size(most).fit(texts)?,
            None => builder.fit(texts)?,
        };
        Ok(Self { tokenizer: tokenizer.clone(), vocabulary })
    }

    /// The ids of words. A word that is spelled like a special token is an unknown one.
    fn ids(&self, words: &[String]) -> Result<Vec<i32>> {
        let mut ids = self.vocabulary.encode(words)?;
        ids.iter_mut().filter(|id| (**id as usize) < SPECIALS.len()).for_each(|id| *id = UNKNOWN);
        Ok(ids)
    }

    /// The ids of the words of a text.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<i32>> {
        self.ids(&self.tokenizer.tokens(text))
    }

    /// Words as a text: marks of a sentence stand behind the word before them.
    pub(super) fn decode(&self, ids: &[i32]) -> Result<String> {
        let mut text = String::new();
        for word in self.vocabulary.decode(ids)? {
            if !text.is_empty() && ![".", ",", "!", "?", ";", ":"].contains(&word) {
                text.push(' ');
            }
            text.push_str(word);
        }
        Ok(text)
    }

    fn begins_with_specials(&self) -> bool {
        self.vocabulary.tokens().iter().take(SPECIALS.len()).eq(&SPECIALS)
    }
}

/// The words of the two sides of pairs, each of which has at least one.
pub(super) fn words<S: AsRef<str> + Sync>(
    tokenizers: &[Tokenizer; 2],
    pairs: &[(S, S)],
) -> Result<[Vec<Vec<String>>; 2]> {
    if pairs.is_empty() {
        return Err(Error::data("pairs", "none", "at least one"));
    }
    let both = |(source, target): &(S, S)| {
        (tokenizers[0].tokens(source.as_ref()), tokenizers[1].tokens(target.as_ref()))
    };
    let (source, target): (Vec<_>, Vec<_>) = pairs.par_iter().map(both).unzip();
    for (side, words) in [("source", &source), ("target", &target)] {
        if let Some(at) = words.iter().position(Vec::is_empty) {
            return Err(Error::data(format!("{side} of pair {at}"), "no word", "at least one"));
        }
    }
    Ok([source, target])
}

impl Languages {
    pub(super) fn fit(
        tokenizers: &[Tokenizer; 2],
        words: &[Vec<Vec<String>>; 2],
        min_count: usize,
        most: Option<usize>,
    ) -> Result<Self> {
        let language = |side: usize| Language::fit(&tokenizers[side], &words[side], min_count, most);
        Ok(Self { source: language(0)?, target: language(1)? })
    }

    /// An error if a file holds what no builder makes.
    pub(super) fn check(&self) -> Result<()> {
        for (side, language) in [("source", &self.source), ("target", &self.target)] {
            if !language.begins_with_specials() {
                let tokens = language.vocabulary.tokens();
                let found = format!("{:?}", &tokens[..tokens.len().min(SPECIALS.len())]);
                return Err(Error::mismatch(
                    format!("vocabulary of the {side}"),
                    found,
                    format!("{SPECIALS:?} at first"),
                ));
            }
        }
        Ok(())
    }

    /// The number of words of each language.
    pub(super) fn sizes(&self) -> [usize; 2] {
        [self.source.vocabulary.len(), self.target.vocabulary.len()]
    }

    /// Source and target from its start on, `[pairs, longest]`, to be answered by the target up to its end; and the longer length
    /// of each pair.
    pub(super) fn dataset(
        &self,
        words: &[Vec<Vec<String>>; 2],
        longest: usize,
    ) -> Result<(Dataset, LengthBuckets)> {
        let ids = |language: &Language, words: &[Vec<String>], longest: usize| {
            let cut = |words: &Vec<String>| language.ids(&words[..words.len().min(longest)]);
            words.par_iter().map(cut).collect::<Result<Vec<_>>>()
        };
        let source = ids(&self.source, &words[0], longest)?;
        let target = ids(&self.target, &words[1], longest - 1)?;
        let given: Vec<Vec<i32>> = target.iter().map(|words| [&[START], &words[..]].concat()).collect();
        let wanted: Vec<Vec<i32>> = target.iter().map(|words| [&words[..], &[END]].concat()).collect();
        let lengths: Vec<usize> = source.iter().zip(&given).map(|(a, b)| a.len().max(b.len())).collect();
        let pad =
            |rows: &[Vec<i32>]| -> Result<Array> { Ok(Padding::new().length(longest).apply(rows)?.array) };
        let dataset = Dataset::from_parts(vec![pad(&source)?, pad(&given)?], vec![pad(&wanted)?])?;
        Ok((dataset, LengthBuckets::new(lengths).inputs([0, 1]).targets([0])))
    }
}

#[cfg(test)]
mod tests {
    use fornax_data::text::Punctuation;

    use super::*;

    #[test]
    fn pairs_are_ids_and_ids_are_texts() {
        let tokenizers = [Tokenizer::new(), Tokenizer::new().punctuation(Punctuation::Split)];
        let pairs = [("a b <pad>", "y, x!"), ("c", "x")];
        let words = words(&tokenizers, &pairs).unwrap();
        let languages = Languages::fit(&tokenizers, &words, 1, None).unwrap();
        let (set, buckets) = languages.dataset(&words, 3).unwrap();
        assert_eq!((set.len(), buckets.len()), (2, 2));
        let inputs: Vec<_> = set.inputs().iter().map(|input| input.to_i32()).collect();
        // `x` occurs twice; of equal counts the order is that of bytes: `!`, `,`, `y`.
        assert_eq!(inputs, [vec![4, 5, 1, 6, 0, 0], vec![2, 7, 6, 2, 4, 0]]);
        assert_eq!(set.targets()[0].to_i32(), [7, 6, 3, 4, 3, 0]);
        assert_eq!(languages.target.decode(&[7, 6, 4, 5]).unwrap(), "y, x!");
        assert_eq!(languages.source.encode(" b d").unwrap(), [5, 1]);
        assert!(languages.check().is_ok());
        let other = VocabularyBuilder::new().fit(&words[0]).unwrap();
        let source = Language { vocabulary: other, ..languages.source.clone() };
        assert!(Languages { source, ..languages }.check().is_err());
    }
}
