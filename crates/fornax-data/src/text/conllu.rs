//! CoNLL-U, the format of Universal Dependencies: ten columns divided by tabs, comments, an empty line after each
//! sentence.
//!
//! Words are the syntactic ones: ranges of a surface token (`1-2`) and empty nodes (`1.1`) are left out.
//! Source: <https://universaldependencies.org/format.html>.

use std::io::BufRead;
use std::path::Path;

use fornax_core::{Error, Result};

use super::lines::lines_of;
use crate::files;

/// A word and its annotation; `_` stands for none, as in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConlluToken {
    /// The word as it is written.
    pub form: String,
    /// Its dictionary form.
    pub lemma: String,
    /// The universal part of speech.
    pub upos: String,
    /// The part of speech of the language.
    pub xpos: String,
    /// Morphological features.
    pub feats: String,
    /// The word that this one depends on, counted from 1; 0 for the root, none where it is not annotated.
    pub head: Option<usize>,
    /// The relation to it.
    pub deprel: String,
}

/// A sentence with its comments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConlluSentence {
    /// The lines that begin with `#`, without it.
    pub comments: Vec<String>,
    /// The words.
    pub tokens: Vec<ConlluToken>,
}

/// The sentences of a CoNLL-U file, gzipped or not.
///
/// # Errors
/// If the file cannot be read or a line is not of the format; names file and line.
pub fn read_conllu(path: impl AsRef<Path>) -> Result<Vec<ConlluSentence>> {
    let path = path.as_ref();
    parse_conllu(files::open(path)?, path)
}

/// [`read_conllu`] of a text that `name` stands for in errors.
///
/// # Errors
/// As for [`read_conllu`].
///
/// ```
/// let text = "# text = Dogs bark\n1\tDogs\tdog\tNOUN\tNNS\t_\t2\tnsubj\t_\t_\n2\tbark\tbark\tVERB\tVBP\t_\t0\troot\t_\t_\n";
/// let sentences = fornax_data::text::parse_conllu(text.as_bytes(), "train.conllu")?;
/// assert_eq!(sentences[0].tokens[0].upos, "NOUN");
/// assert_eq!(sentences[0].tokens[1].head, Some(0));
/// # Ok::<(), fornax_core::Error>(())
/// ```
pub fn parse_conllu(text: impl BufRead, name: impl AsRef<Path>) -> Result<Vec<ConlluSentence>> {
    let name = name.as_ref();
    let (mut sentences, mut sentence) = (vec![], ConlluSentence::default());
    let mut last = 0;
    lines_of(text, name, |number, line| {
        last = number;
        if line.trim().is_empty() {
            return finish(&mut sentence, &mut sentences, name, number);
        }
        if let Some(comment) = line.strip_prefix('#') {
            sentence.comments.push(comment.trim().to_owned());
            return Ok(());
        }
        let wrong =
            |found: String, wanted: String| Err(Error::format(name, format!("line {number}"), found, wanted));
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, form, lemma, upos, xpos, feats, head, deprel, _deps, _misc] = fields[..] else {
            return wrong(format!("{} columns", fields.len()), "10, divided by tabs".into());
        };
        if id.contains(['-', '.']) {
            return Ok(());
        }
        let next = sentence.tokens.len() + 1;
        if id.parse() != Ok(next) {
            return wrong(format!("id {id:?}"), format!("{next}, the next word of its sentence"));
        }
        let head = match head {
            "_" => None,
            head => match head.parse() {
                Ok(head) => Some(head),
                Err(_) => return wrong(format!("head {head:?}"), "the number of a word, 0 or _".into()),
            },
        };
        let [form, lemma, upos, xpos, feats, deprel] =
            [form, lemma, upos, xpos, feats, deprel].map(str::to_owned);
        sentence.tokens.push(ConlluToken { form, lemma, upos, xpos, feats, head, deprel });
        Ok(())
    })?;
    finish(&mut sentence, &mut sentences, name, last)?;
    Ok(sentences)
}

/// Keeps a sentence that has words, once its heads are known to be in it.
fn finish(
    sentence: &mut ConlluSentence,
    sentences: &mut Vec<ConlluSentence>,
    name: &Path,
    line: usize,
) -> Result<()> {
    let words = sentence.tokens.len();
    if let Some(outside) = sentence.tokens.iter().filter_map(|token| token.head).find(|&head| head > words) {
        let at = format!("sentence that ends at line {line}");
        return Err(Error::format(name, at, format!("head {outside}"), format!("0 to {words}, its words")));
    }
    let sentence = std::mem::take(sentence);
    if words > 0 {
        sentences.push(sentence);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, head: &str) -> String {
        format!("{id}\tw{id}\tl\tX\t_\t_\t{head}\tdep\t_\t_\n")
    }

    fn parse(text: &str) -> Result<Vec<ConlluSentence>> {
        parse_conllu(text.as_bytes(), "a.conllu")
    }

    #[test]
    fn words_are_the_syntactic_ones() {
        let text = [
            "# sent_id = 1\n",
            &line("1-2", "_"),
            &line("1", "2"),
            &line("2", "0"),
            &line("2.1", "_"),
            "\n\n",
        ]
        .concat();
        let sentences = parse(&[&text[..], &line("1", "_")].concat()).unwrap();
        assert_eq!(sentences.len(), 2);
        let forms: Vec<_> = sentences[0].tokens.iter().map(|token| &*token.form).collect();
        assert_eq!((forms, &*sentences[0].comments[0]), (vec!["w1", "w2"], "sent_id = 1"));
        assert_eq!(sentences[1].tokens[0].head, None);
        assert!(parse("# only a comment\n\n").unwrap().is_empty());
    }

    #[test]
    fn what_is_not_of_the_format_names_its_line() {
        let fault = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(fault("1\ta\n"), "a.conllu: line 1: found 2 columns, wanted 10, divided by tabs");
        assert_eq!(
            fault(&[line("1", "0"), line("3", "0")].concat()),
            "a.conllu: line 2: found id \"3\", wanted 2, the next word of its sentence"
        );
        assert_eq!(
            fault(&line("1", "x")),
            "a.conllu: line 1: found head \"x\", wanted the number of a word, 0 or _"
        );
        assert_eq!(
            fault(&[&line("1", "2"), "\n"].concat()),
            "a.conllu: sentence that ends at line 2: found head 2, wanted 0 to 1, its words"
        );
    }
}
