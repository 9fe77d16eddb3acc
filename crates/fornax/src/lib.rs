//! Keras-class deep learning for Rust, on Burn: describe a model in ten lines, train it on the CPU or on CUDA with
//! the same code, evaluate it, and ship it as one binary.
//!
//! ```
//! # #[cfg(feature = "flex")]
//! # fn main() -> fornax::Result<()> {
//! use fornax::prelude::*;
//!
//! let digits = synthetic::digits(1000, 1).flatten();
//! let (train, test) = digits.split_validation(0.2)?;
//! let mut model = Sequential::<Cpu>::new([784])
//!     .add(Dense::new(64).activation(Relu))
//!     .add(Dense::new(10).activation(Softmax))
//!     .compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])?;
//! model.fit(&train, Fit::new().epochs(5))?;
//! assert!(model.evaluate(&test)?.get("accuracy").unwrap() > 0.8);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "flex"))]
//! # fn main() {}
//! ```
//!
//! `Cpu` becomes `Cuda` and nothing else changes. The crates behind this one can be used alone: `fornax-core`
//! (backends and their operations), `fornax-data`, `fornax-layers`, `fornax-optim`, `fornax-train`,
//! `fornax-sequence`, `fornax-nlp`, `fornax-recommend`.
#![forbid(unsafe_code)]

mod loading;

pub use fornax_core as core;
pub use fornax_core::{Array, Backend, Error, ErrorKind, Result, burn, device};
pub use fornax_data as data;
pub use fornax_layers as layers;
pub use fornax_nlp as nlp;
pub use fornax_optim as optim;
pub use fornax_recommend as recommend;
pub use fornax_sequence as sequence;
pub use fornax_train as train;
pub use loading::{Load, load_network, registry};

/// What a program that trains a model needs, under Keras's names.
///
/// Where a loss and a metric have the same name, the prelude has the loss; the metric is in
/// [`fornax_train::metrics`]. `Softmax` is the activation; the layer with an axis is
/// [`fornax_layers::layers::Softmax`].
pub mod prelude {
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    pub use fornax_core::Cpu;
    #[cfg(feature = "cuda")]
    pub use fornax_core::Cuda;
    #[cfg(feature = "flex")]
    pub use fornax_core::Flex;
    #[cfg(feature = "ndarray")]
    pub use fornax_core::NdArray;
    pub use fornax_core::ops::Activation::{
        self, Elu, Exponential, Gelu, HardSigmoid, LeakyRelu, Linear, Mish, Relu, Relu6, Selu, Sigmoid, Silu,
        Softmax, Softplus, Softsign, Tanh,
    };
    pub use fornax_core::{Array, Backend, Philox};
    pub use fornax_data::{Dataset, datasets, synthetic};
    pub use fornax_layers::layers::{
        ActivityRegularization, Add, AlphaDropout, Average, AveragePooling1D, AveragePooling2D,
        AveragePooling3D, BatchNormalization, CategoryEncoding, Concatenate, Conv1D, Conv1DTranspose, Conv2D,
        Conv2DTranspose, Conv3D, Conv3DTranspose, Cropping1D, Cropping2D, Cropping3D, Dense, DepthwiseConv1D,
        DepthwiseConv2D, Discretization, Dot, Dropout, ELU, Embedding, Flatten, GaussianDropout,
        GaussianNoise, GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D,
        GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D, GroupNormalization, LayerNormalization,
        LeakyReLU, Masking, MaxPooling1D, MaxPooling2D, MaxPooling3D, Maximum, Minimum, Multiply,
        Normalization, PReLU, Padding, Permute, RMSNormalization, ReLU, RepeatVector, Rescaling, Reshape,
        SeparableConv1D, SeparableConv2D, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D, Subtract,
        TextVectorization, UnitNormalization, UpSampling1D, UpSampling2D, UpSampling3D, ZeroPadding1D,
        ZeroPadding2D, ZeroPadding3D,
    };
    pub use fornax_layers::{
        Apply, BurnModule, Constraint, Forward, Functional, Initializer, LayerExt, Network, Regularizer,
        Sequential, Shape, Shared, Symbolic, input,
    };
    pub use fornax_nlp::{
        Architecture, BagOfEmbeddings, CountVectorizer, FastTextClassifier, KeyedVectors, LineCorpus,
        LogisticRegression, TaggedSentence, Tagger, TaggerBuilder, TextCNN, TextClassifier,
        TextClassifierBuilder, TextLSTM, TextTransformer, TfidfRegression, TfidfVectorizer, TranslationGRU,
        TranslationTransformer, Translator, TranslatorBuilder, Word2Vec,
    };
    pub use fornax_optim::{Adadelta, Adagrad, Adam, AdamW, Adamax, Lion, Nadam, RMSprop, SGD, Schedule};
    pub use fornax_recommend::{
        Bpr, ColdStart, Duplicates, Ease, Evaluation, Explain, Filter, FoldIn, Ials, Interactions, LightFm,
        Popularity, PureSvd, RankingMetric, Recommend, Score, Similar, SimilarUsers, TruncatedSvd, movielens,
    };
    pub use fornax_sequence::crf::{CRF, CrfLoss};
    pub use fornax_sequence::ctc::{Ctc, CtcDecoder};
    pub use fornax_sequence::decoding::{BeamSearch, Sampling, StepDecoder, greedy};
    pub use fornax_sequence::layers::{
        AdditiveAttention, Attention, Bidirectional, DecoderAttention, GRU, GRUCell, GroupedQueryAttention,
        LSTM, LSTMCell, MergeMode, MultiHeadAttention, PositionEmbedding, RNNEncoderDecoder,
        ReversibleEmbedding, RotaryEmbedding, SimpleRNN, SimpleRNNCell, SinePositionEncoding,
        TimeDistributed, Transformer, TransformerDecoder, TransformerEncoder,
    };
    pub use fornax_train::callbacks::{
        CsvLogger, EarlyStopping, LambdaCallback, LearningRateScheduler, ModelCheckpoint, ReduceLROnPlateau,
        TensorBoard, TerminateOnNaN,
    };
    pub use fornax_train::losses::{
        BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
        CategoricalHinge, CosineSimilarity, Hinge, Huber, KLDivergence, LogCosh, MeanAbsoluteError,
        MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError, Poisson,
        SparseCategoricalCrossentropy, SquaredHinge,
    };
    pub use fornax_train::metrics::{AUC, Accuracy, F1Score, Precision, Recall, RootMeanSquaredError};
    pub use fornax_train::{BackupAndRestore, Compile, Fit, History, Model};

    pub use crate::{Load, load_network};
}
