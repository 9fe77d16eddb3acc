//! A text classifier's file: that of its network (logistic regression is one layer), with tokenizer, vocabulary and names of the
//! classes beside it.

use std::path::Path;

use fornax_core::{Array, Backend, Error, Result};
use fornax_data::archive;
use fornax_layers::layers::Dense;
use fornax_layers::{Network, Sequential};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::encoder::TextEncoder;
use super::{Kind, TextClassifier, TextTokenizer};
use crate::fasttext_classifier::Header;
use crate::file;
use crate::{FastTextModel, FittedLogisticRegression, TfidfVectorizer};

/// What the file has beside the network.
#[derive(Serialize, Deserialize)]
struct Beside<I> {
    class_names: Vec<String>,
    input: I,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum InputRef<'a> {
    Words(&'a TextEncoder),
    Tfidf(&'a TfidfVectorizer),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Input {
    Words(Box<TextEncoder>),
    Tfidf(Box<TfidfVectorizer>),
}

/// The file of fastText's classifier, whose tables are no network.
#[derive(Serialize, Deserialize)]
struct FastTextFile {
    class_names: Vec<String>,
    tokenizer: TextTokenizer,
    fasttext: Header,
}

/// The version of that file.
const VERSION: u64 = 1;

impl<B: Backend> TextClassifier<B> {
    /// Saves all of it in one file, whole or not at all. `fornax::load_network` reads its network alone.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let beside = |input| Beside { class_names: self.class_names.clone(), input };
        match &self.kind {
            Kind::Network { encoder, network } => {
                file::save(network, &beside(InputRef::Words(encoder)), path)
            }
            Kind::FastText { tokenizer, model } => {
                let (fasttext, arrays) = model.parts()?;
                let class_names = self.class_names.clone();
                let header = FastTextFile { class_names, tokenizer: tokenizer.clone(), fasttext };
                archive::write(path.as_ref(), VERSION, &header, &arrays)
            }
            Kind::Regression { tfidf, regression } => {
                file::save(&as_network::<B>(regression)?, &beside(InputRef::Tfidf(tfidf)), path)
            }
        }
    }

    /// What [`save`](Self::save) wrote, on the default device.
    ///
    /// # Errors
    /// If the file cannot be read, is no text classifier or names a layer that Fornax does not have.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_on(path, B::Device::default())
    }

    /// [`load`](Self::load) on a device.
    ///
    /// # Errors
    /// As for `load`.
    pub fn load_on(path: impl AsRef<Path>, device: B::Device) -> Result<Self> {
        let path = path.as_ref();
        let (header, arrays) = archive::read::<Json>(path, VERSION)?;
        if header.get("fasttext").is_some() {
            let header = serde_json::from_value(header);
            let header: FastTextFile =
                header.map_err(|error| Error::format(path, "metadata fornax", error, "a text classifier"))?;
            let model = FastTextModel::from_parts(path, header.fasttext, arrays)?;
            if model.classes() != header.class_names.len() || model.classes() == 0 {
                let wanted = format!("{}, as there are names, and one at least", header.class_names.len());
                return Err(Error::format(path, "outputs", format!("{} classes", model.classes()), wanted));
            }
            let kind = Kind::FastText { tokenizer: header.tokenizer, model: Box::new(model) };
            return Ok(Self { class_names: header.class_names, kind });
        }
        let (network, beside) = file::load(path, "the words of a text classifier", device)?;
        Self::of_parts(network, beside).map_err(|error| error.within(path.display()))
    }

    fn of_parts(network: Network<B>, beside: Beside<Input>) -> Result<Self> {
        let Beside { class_names, input } = beside;
        let classes = class_names.len();
        let kind = match input {
            Input::Words(encoder) => {
                encoder.check()?;
                let outputs = network.output_shapes();
                let fits = matches!(&outputs[..], [output] if output.axes() == [Some(classes)]);
                if !fits || network.input_shapes().len() != 1 {
                    return Err(Error::mismatch(
                        "network of a text classifier",
                        format!("outputs {outputs:?}"),
                        format!("one input, and one output of {classes} classes"),
                    ));
                }
                Kind::Network { encoder, network }
            }
            Input::Tfidf(tfidf) => {
                let bias = network.weight("dense/bias")?.to_f32();
                let regression = FittedLogisticRegression::from_parts(network.weight("dense/kernel")?, bias)?;
                let found = (regression.coefficients().row_count(), regression.classes());
                let wanted = (tfidf.counts().terms().len(), classes);
                if found != wanted {
                    let [found, wanted] = [found, wanted]
                        .map(|(terms, classes)| format!("{terms} n-grams and {classes} classes"));
                    return Err(Error::mismatch("coefficients", found, wanted));
                }
                Kind::Regression { tfidf, regression }
            }
        };
        Ok(Self { class_names, kind })
    }
}

/// Logistic regression as the layer that it is.
fn as_network<B: Backend>(regression: &FittedLogisticRegression) -> Result<Network<B>> {
    let outputs = regression.intercept().len();
    let features = regression.coefficients().row_count();
    let mut network = Sequential::<B>::new([features]).add(Dense::new(outputs)).build()?;
    network.set_weight("dense/kernel", regression.coefficients())?;
    network.set_weight("dense/bias", &Array::from_vec([outputs], regression.intercept().to_vec())?)?;
    Ok(network)
}
