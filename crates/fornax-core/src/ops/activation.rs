//! Activation functions: `y = f(x)`, elementwise, or over the last axis for the softmax family.

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::record;
use crate::DynTensor;

/// An activation function with Keras's name, formula and default constants.
///
/// Serde writes Keras's name and reads Keras's other forms too: `swish` and `hard_swish`, nothing for `linear`, and
/// an object `{"class_name": "function", "config": "relu"}`.
///
/// Source: `keras.activations`, Keras 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// `x`.
    #[default]
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x` where positive, else `0.2 x`.
    LeakyRelu,
    /// `x` where positive, else `e^x - 1`.
    Elu,
    /// `1.0507 x` where positive, else `1.0507 * 1.67326 (e^x - 1)`.
    Selu,
    /// `x` where positive, else `max(0, x) + min(0, e^x - 1)` (CELU with alpha 1).
    Celu,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `clip(x / 6 + 1/2, 0, 1)`.
    HardSigmoid,
    /// `log sigmoid x`.
    LogSigmoid,
    /// `tanh x`.
    Tanh,
    /// `clip(x, -1, 1)`.
    HardTanh,
    /// `x - tanh x`.
    TanhShrink,
    /// `x Phi(x)`, with the normal distribution function by erf.
    Gelu,
    /// `x sigmoid x` (also called swish).
    #[serde(alias = "swish")]
    Silu,
    /// `x hard_sigmoid x` (also called hard swish).
    #[serde(alias = "hard_swish")]
    HardSilu,
    /// `x tanh(softplus x)`.
    Mish,
    /// `log(1 + e^x)`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `(x + sqrt(x^2 + 4)) / 2`.
    Squareplus,
    /// `e^x`.
    Exponential,
    /// `x - 0.5` above `0.5`, `x + 0.5` below `-0.5`, else 0.
    SoftShrink,
    /// `x` where `|x| > 0.5`, else 0.
    HardShrink,
    /// `e^x_i / sum_j e^x_j` over the last axis.
    Softmax,
    /// `log softmax` over the last axis.
    LogSoftmax,
}

impl Serialize for Activation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Activation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Form)
    }
}

struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = Activation;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the name of an activation")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Activation, E> {
        Activation::deserialize(name.into_deserializer())
    }

    fn visit_unit<E: Error>(self) -> Result<Activation, E> {
        Ok(Activation::Linear)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Activation, A::Error> {
        let mut found = None;
        while let Some(key) = object.next_key::<String>()? {
            if key == "config" {
                found = Some(object.next_value::<Activation>()?);
            } else {
                object.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        found.ok_or_else(|| A::Error::missing_field("config"))
    }
}

const SELU_ALPHA: f64 = 1.673_263_242_354_377_3;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

impl Activation {
    /// Every activation, for tests and tables.
    pub const ALL: [Self; 25] = [
        Self::Linear,
        Self::Relu,
        Self::Relu6,
        Self::LeakyRelu,
        Self::Elu,
        Self::Selu,
        Self::Celu,
        Self::Sigmoid,
        Self::HardSigmoid,
        Self::LogSigmoid,
        Self::Tanh,
        Self::HardTanh,
        Self::TanhShrink,
        Self::Gelu,
        Self::Silu,
        Self::HardSilu,
        Self::Mish,
        Self::Softplus,
        Self::Softsign,
        Self::Squareplus,
        Self::Exponential,
        Self::SoftShrink,
        Self::HardShrink,
        Self::Softmax,
        Self::LogSoftmax,
    ];

    /// Whether the slope is a function of the output alone, so that a fused operation need not keep its input.
    pub fn slope_from_output(self) -> bool {
        matches!(self, Self::Linear | Self::Relu | Self::Sigmoid | Self::Tanh)
    }
}

/// Activations on a backend.
pub trait ActivationOps: Burn {
    /// `f(x)`.
    fn activate(x: DynTensor<Self>, activation: Activation) -> DynTensor<Self> {
        reference(x, activation)
    }

    /// The cotangent of `x` from that of `y = f(x)`.
    fn activate_backward(
        x: DynTensor<Self>,
        y: DynTensor<Self>,
        dy: DynTensor<Self>,
        activation: Activation,
    ) -> DynTensor<Self> {
        reference_backward(x, y, dy, activation)
    }
}

pub(crate) fn reference<B: Burn>(x: DynTensor<B>, activation: Activation) -> DynTensor<B> {
    use Activation as A;
    match activation {
        A::Linear => x,
        A::Relu => x.clamp_min(0.0),
        A::Relu6 => x.clamp_min(0.0).clamp_max(6.0),
        A::LeakyRelu => x.clone().clamp_min(0.0).add(x.clamp_max(0.0).mul_scalar(0.2)),
        A::Elu | A::Celu => x.clone().clamp_min(0.0).add(x.clamp_max(0.0).exp().add_scalar(-1.0)),
        A::Selu => {
            let negative = x.clone().clamp_max(0.0).exp().add_scalar(-1.0).mul_scalar(SELU_ALPHA);
            x.clamp_min(0.0).add(negative).mul_scalar(SELU_SCALE)
        }
        A::Sigmoid => x.sigmoid(),
        A::HardSigmoid => x.add_scalar(3.0).clamp_min(0.0).clamp_max(6.0).mul_scalar(1.0 / 6.0),
        A::LogSigmoid => x.neg().softplus().neg(),
        A::Tanh => x.tanh(),
        A::HardTanh => x.clamp_min(-1.0).clamp_max(1.0),
        A::TanhShrink => x.clone().sub(x.tanh()),
        A::Gelu => x.clone().mul(normal_distribution(x)),
        A::Silu => x.clone().mul(x.sigmoid()),
        A::HardSilu => x.clone().mul(reference(x, A::HardSigmoid)),
        A::Mish => x.clone().mul(x.softplus().tanh()),
        A::Softplus => x.softplus(),
        A::Softsign => x.clone().div(x.abs().add_scalar(1.0)),
        A::Squareplus => x.clone().square().add_scalar(4.0).sqrt().add(x).mul_scalar(0.5),
        A::Exponential => x.exp(),
        A::SoftShrink => x.clone().add_scalar(-0.5).clamp_min(0.0).add(x.add_scalar(0.5).clamp_max(0.0)),
        A::HardShrink => {
            let small = x.clone().abs().less_equal_scalar(0.5);
            x.fill_where(small, 0.0)
        }
        A::Softmax => x.softmax(),
        A::LogSoftmax => x.log_softmax(),
    }
}

/// `dy * f'(x)`; the two softmaxes subtract the row's projection.
pub(crate) fn reference_backward<B: Burn>(
    x: DynTensor<B>,
    y: DynTensor<B>,
    dy: DynTensor<B>,
    activation: Activation,
) -> DynTensor<B> {
    use Activation as A;
    let last = x.rank() - 1;
    let one_minus = |t: DynTensor<B>| t.neg().add_scalar(1.0);
    match activation {
        A::Linear => dy,
        A::Relu => dy.fill_where(y.less_equal_scalar(0.0), 0.0),
        A::Relu6 => {
            let inside = y.less_equal_scalar(0.0).not().and(y.less_scalar(6.0));
            dy.fill_where(inside.not(), 0.0)
        }
        A::LeakyRelu => dy.clone().replace_where(x.less_equal_scalar(0.0), dy.mul_scalar(0.2)),
        A::Elu | A::Celu => dy.clone().replace_where(x.less_equal_scalar(0.0), dy.mul(y.add_scalar(1.0))),
        A::Selu => {
            let scaled = dy.clone().mul_scalar(SELU_SCALE);
            scaled.replace_where(x.less_equal_scalar(0.0), dy.mul(y.add_scalar(SELU_SCALE * SELU_ALPHA)))
        }
        A::Sigmoid => dy.mul(y.clone().sub(y.square())),
        A::HardSigmoid => {
            let outside = x.abs().less_scalar(3.0).not();
            dy.mul_scalar(1.0 / 6.0).fill_where(outside, 0.0)
        }
        A::LogSigmoid => dy.mul(x.neg().sigmoid()),
        A::Tanh => dy.mul(one_minus(y.square())),
        A::HardTanh => dy.fill_where(x.abs().less_scalar(1.0).not(), 0.0),
        A::TanhShrink => dy.mul(x.tanh().square()),
        A::Gelu => {
            let density = x
                .clone()
                .square()
                .mul_scalar(-0.5)
                .exp()
                .mul_scalar(0.5 * std::f64::consts::FRAC_2_SQRT_PI)
                .mul_scalar(std::f64::consts::FRAC_1_SQRT_2);
            dy.mul(normal_distribution(x.clone()).add(x.mul(density)))
        }
        A::Silu => {
            let s = x.clone().sigmoid();
            dy.mul(s.clone().add(x.mul(s.clone().sub(s.square()))))
        }
        A::HardSilu => {
            let slope = x.clone().mul_scalar(1.0 / 3.0).add_scalar(0.5);
            let slope = slope.fill_where(x.less_equal_scalar(-3.0), 0.0);
            dy.mul(slope.fill_where(x.less_scalar(3.0).not(), 1.0))
        }
        A::Mish => {
            let t = x.clone().softplus().tanh();
            dy.mul(t.clone().add(x.clone().mul(x.sigmoid()).mul(one_minus(t.square()))))
        }
        A::Softplus => dy.mul(x.sigmoid()),
        A::Softsign => dy.div(x.abs().add_scalar(1.0).square()),
        A::Squareplus => {
            let root = x.clone().square().add_scalar(4.0).sqrt();
            dy.mul(x.div(root).add_scalar(1.0).mul_scalar(0.5))
        }
        A::Exponential => dy.mul(y),
        A::SoftShrink | A::HardShrink => dy.fill_where(x.abs().less_equal_scalar(0.5), 0.0),
        A::Softmax => {
            let projection = dy.clone().mul(y.clone()).sum_axis(last);
            dy.sub(projection).mul(y)
        }
        A::LogSoftmax => {
            let total = dy.clone().sum_axis(last);
            dy.sub(y.exp().mul(total))
        }
    }
}

fn normal_distribution<B: Burn>(x: DynTensor<B>) -> DynTensor<B> {
    x.mul_scalar(std::f64::consts::FRAC_1_SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5)
}

impl<B: ActivationOps, C: CheckpointStrategy> ActivationOps for Autodiff<B, C> {
    fn activate(x: DynTensor<Self>, activation: Activation) -> DynTensor<Self> {
        if activation == Activation::Linear {
            return x;
        }
        record(
            [x],
            |[x]| {
                let y = B::activate(x.clone(), activation);
                (y.clone(), (x, y, activation))
            },
            |(x, y, activation), dy, _| [Some(B::activate_backward(x, y, dy, activation))],
        )
    }
}
