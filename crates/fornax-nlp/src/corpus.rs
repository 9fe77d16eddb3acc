//! Texts that are read as often as training needs them, from memory or from files larger than that.

use std::path::{Path, PathBuf};

use fornax_core::Result;
use fornax_data::text::{Tokenizer, for_each_line};

/// Texts in an order that is the same each time.
pub trait Corpus: Sync {
    /// Calls `each` with the tokens of every text.
    ///
    /// # Errors
    /// If a text cannot be read, or the first error of `each`.
    fn visit(&self, each: &mut dyn FnMut(&mut dyn Iterator<Item = &str>) -> Result<()>) -> Result<()>;
}

/// Tokens in memory.
pub trait Tokens {
    /// What a token is.
    type Token: AsRef<str>;

    /// The tokens in their order.
    fn tokens(&self) -> &[Self::Token];
}

impl<S: AsRef<str>> Tokens for Vec<S> {
    type Token = S;

    fn tokens(&self) -> &[S] {
        self
    }
}

impl<S: AsRef<str>, const N: usize> Tokens for [S; N] {
    type Token = S;

    fn tokens(&self) -> &[S] {
        self
    }
}

impl<T: Tokens + Sync> Corpus for [T] {
    fn visit(&self, each: &mut dyn FnMut(&mut dyn Iterator<Item = &str>) -> Result<()>) -> Result<()> {
        self.iter().try_for_each(|text| each(&mut text.tokens().iter().map(AsRef::as_ref)))
    }
}

impl<T: Tokens + Sync> Corpus for Vec<T> {
    fn visit(&self, each: &mut dyn FnMut(&mut dyn Iterator<Item = &str>) -> Result<()>) -> Result<()> {
        self.as_slice().visit(each)
    }
}

/// The lines of files in UTF-8, gzipped or not, each a text; they are read anew each time.
///
/// Default: tokens are what stands between white space, as it is written.
///
/// ```
/// use fornax_nlp::{Corpus, LineCorpus};
/// use fornax_data::text::{Punctuation, Tokenizer};
///
/// let path = std::env::temp_dir().join(format!("fornax-corpus-{}.txt", std::process::id()));
/// std::fs::write(&path, "One line.\nAnother one!\n").unwrap();
/// let corpus = LineCorpus::new([&path]).tokenizer(Tokenizer::new().lowercase(true).punctuation(Punctuation::Remove));
/// let mut texts: Vec<Vec<String>> = vec![];
/// corpus.visit(&mut |tokens| Ok(texts.push(tokens.map(str::to_owned).collect())))?;
/// assert_eq!(texts, [vec!["one", "line"], vec!["another", "one"]]);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LineCorpus {
    paths: Vec<PathBuf>,
    tokenizer: Tokenizer,
}

impl LineCorpus {
    /// The lines of the files, one file after the other.
    pub fn new<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Self {
        let paths = paths.into_iter().map(|path| path.as_ref().to_owned()).collect();
        Self { paths, tokenizer: Tokenizer::new() }
    }

    /// How lines become tokens.
    pub fn tokenizer(self, tokenizer: Tokenizer) -> Self {
        Self { tokenizer, ..self }
    }
}

impl Corpus for LineCorpus {
    fn visit(&self, each: &mut dyn FnMut(&mut dyn Iterator<Item = &str>) -> Result<()>) -> Result<()> {
        for path in &self.paths {
            for_each_line(path, |_, line| {
                let tokens = self.tokenizer.tokens(line);
                each(&mut tokens.iter().map(|token| &**token))
            })?;
        }
        Ok(())
    }
}
