//! Initializers: the values that weights start from, the same on every backend.
//!
//! Fans are Keras's (`compute_fans`): of a kernel `[.., in, out]` the leading axes are a receptive field that
//! multiplies both. Source: Glorot and Bengio 2010; He et al. 2015; Saxe et al. 2014 (orthogonal); Keras 3.

use fornax_core::{Philox, Result};
use serde::{Deserialize, Serialize};

use crate::keras_object::from_keras_object;

/// How a weight starts.
///
/// ```
/// use fornax_core::Philox;
/// use fornax_layers::Initializer;
///
/// let kernel = Initializer::GlorotUniform.values(&[784, 64], Philox::new(1))?;
/// let limit = (6.0f32 / (784.0 + 64.0)).sqrt();
/// assert!(kernel.iter().all(|w| w.abs() <= limit));
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "class_name", content = "config")]
#[non_exhaustive]
pub enum Initializer {
    /// 0.
    Zeros,
    /// 1.
    Ones,
    /// A constant.
    Constant {
        /// The constant.
        #[serde(default)]
        value: f32,
    },
    /// Uniform within `sqrt(6 / (fan_in + fan_out))`.
    GlorotUniform,
    /// Truncated normal of deviation `sqrt(2 / (fan_in + fan_out))`.
    GlorotNormal,
    /// Uniform within `sqrt(6 / fan_in)`.
    HeUniform,
    /// Truncated normal of deviation `sqrt(2 / fan_in)`.
    HeNormal,
    /// Uniform within `sqrt(3 / fan_in)`.
    LecunUniform,
    /// Truncated normal of deviation `sqrt(1 / fan_in)`.
    LecunNormal,
    /// Uniform in `[minval, maxval)`.
    RandomUniform {
        /// The lower bound; -0.05 where a file does not say.
        #[serde(default = "minus_twentieth")]
        minval: f32,
        /// The upper bound; 0.05 where a file does not say.
        #[serde(default = "twentieth")]
        maxval: f32,
    },
    /// Normal.
    RandomNormal {
        /// The mean.
        #[serde(default)]
        mean: f32,
        /// The standard deviation; 0.05 where a file does not say.
        #[serde(default = "twentieth")]
        stddev: f32,
    },
    /// Normal, drawn again beyond two deviations.
    TruncatedNormal {
        /// The mean.
        #[serde(default)]
        mean: f32,
        /// The standard deviation before truncation; 0.05 where a file does not say.
        #[serde(default = "twentieth")]
        stddev: f32,
    },
    /// Of variance `scale / fan`, the general form of Glorot, He and Lecun.
    VarianceScaling {
        /// The factor; 1 where a file does not say.
        #[serde(default = "one_f64")]
        scale: f64,
        /// Which fan.
        #[serde(default)]
        mode: FanMode,
        /// Which distribution.
        #[serde(default)]
        distribution: Distribution,
    },
    /// A matrix with orthonormal rows or columns, times `gain`; leading axes are flattened into rows.
    Orthogonal {
        /// The factor; 1 where a file does not say.
        #[serde(default = "one")]
        gain: f32,
    },
    /// The identity matrix times `gain`.
    Identity {
        /// The factor; 1 where a file does not say.
        #[serde(default = "one")]
        gain: f32,
    },
}

from_keras_object!(
    Initializer,
    &[
        ("uniform", "RandomUniform"),
        ("normal", "RandomNormal"),
        ("zero", "Zeros"),
        ("one", "Ones"),
        ("IdentityInitializer", "Identity"),
        ("OrthogonalInitializer", "Orthogonal"),
    ]
);

/// The fan that [`Initializer::VarianceScaling`] divides by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FanMode {
    /// Inputs of a unit.
    #[default]
    FanIn,
    /// Outputs of a unit.
    FanOut,
    /// The mean of both.
    FanAvg,
}

/// The distribution of [`Initializer::VarianceScaling`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Normal, drawn again beyond two deviations, of the deviation stated after that.
    #[default]
    TruncatedNormal,
    /// Normal.
    UntruncatedNormal,
    /// Uniform.
    Uniform,
}

fn minus_twentieth() -> f32 {
    -0.05
}

fn twentieth() -> f32 {
    0.05
}

fn one() -> f32 {
    1.0
}

fn one_f64() -> f64 {
    1.0
}

/// The deviation of a standard normal truncated at two deviations; variance-scaled normals are divided by it.
const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;

impl Initializer {
    /// The values of a weight of `shape` in row-major order.
    ///
    /// # Errors
    /// If the shape does not suit: `Orthogonal` wants at least two axes, `Identity` two.
    pub fn values(self, shape: &[usize], mut random: Philox) -> Result<Vec<f32>> {
        let len = shape.iter().product();
        let (fan_in, fan_out) = fans(shape);
        let mut uniform = |limit: f64| draw(len, || random.uniform_in(-limit as f32, limit as f32));
        Ok(match self {
            Self::Zeros => vec![0.0; len],
            Self::Ones => vec![1.0; len],
            Self::Constant { value } => vec![value; len],
            Self::GlorotUniform => uniform((6.0 / (fan_in + fan_out)).sqrt()),
            Self::HeUniform => uniform((6.0 / fan_in).sqrt()),
            Self::LecunUniform => uniform((3.0 / fan_in).sqrt()),
            Self::GlorotNormal => scaled_normal(len, 2.0 / (fan_in + fan_out), random),
            Self::HeNormal => scaled_normal(len, 2.0 / fan_in, random),
            Self::LecunNormal => scaled_normal(len, 1.0 / fan_in, random),
            Self::RandomUniform { minval, maxval } => draw(len, || random.uniform_in(minval, maxval)),
            Self::RandomNormal { mean, stddev } => draw(len, || mean + stddev * random.normal()),
            Self::TruncatedNormal { mean, stddev } => draw(len, || mean + stddev * random.truncated_normal()),
            Self::VarianceScaling { scale, mode, distribution } => {
                let fan = match mode {
                    FanMode::FanIn => fan_in,
                    FanMode::FanOut => fan_out,
                    FanMode::FanAvg => (fan_in + fan_out) / 2.0,
                };
                let variance = scale / fan;
                match distribution {
                    Distribution::TruncatedNormal => scaled_normal(len, variance, random),
                    Distribution::UntruncatedNormal => draw(len, || variance.sqrt() as f32 * random.normal()),
                    Distribution::Uniform => uniform((3.0 * variance).sqrt()),
                }
            }
            Self::Orthogonal { gain } => orthogonal(shape, gain, random)?,
            Self::Identity { gain } => match *shape {
                [rows, columns] => (0..rows * columns)
                    .map(|at| if at / columns == at % columns { gain } else { 0.0 })
                    .collect(),
                _ => return Err(unsuited("Identity", shape, "two axes")),
            },
        })
    }
}

fn unsuited(name: &str, shape: &[usize], wanted: &str) -> fornax_core::Error {
    fornax_core::Error::shape(format!("initializer {name}"), format!("a weight of shape {shape:?}"), wanted)
}

fn draw(len: usize, mut value: impl FnMut() -> f32) -> Vec<f32> {
    (0..len).map(|_| value()).collect()
}

fn scaled_normal(len: usize, variance: f64, mut random: Philox) -> Vec<f32> {
    let deviation = (variance.sqrt() / TRUNCATED_DEVIATION) as f32;
    draw(len, || deviation * random.truncated_normal())
}

/// Fan in and fan out, at least 1 each.
fn fans(shape: &[usize]) -> (f64, f64) {
    let (fan_in, fan_out) = match *shape {
        [] => (1, 1),
        [only] => (only, only),
        [ref field @ .., inputs, outputs] => {
            let field: usize = field.iter().product();
            (field * inputs, field * outputs)
        }
    };
    (fan_in.max(1) as f64, fan_out.max(1) as f64)
}

/// The Q factor of a normal matrix, signs fixed so that it is uniform (Mezzadri 2007), by modified Gram-Schmidt
/// run twice, in `f64`.
fn orthogonal(shape: &[usize], gain: f32, mut random: Philox) -> Result<Vec<f32>> {
    let [leading @ .., columns] = shape else {
        return Err(unsuited("Orthogonal", shape, "at least two axes"));
    };
    if leading.is_empty() {
        return Err(unsuited("Orthogonal", shape, "at least two axes"));
    }
    let (rows, columns) = (leading.iter().product::<usize>(), *columns);
    let (count, len) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        let mut vector: Vec<f64> = (0..len).map(|_| f64::from(random.normal())).collect();
        for _ in 0..2 {
            for other in &basis {
                let projection: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(a, b)| *a -= projection * b);
            }
        }
        let norm = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        if norm > 1e-6 {
            vector.iter_mut().for_each(|a| *a /= norm);
            basis.push(vector);
        }
    }
    let at = |row: usize, column: usize| if rows < columns { basis[row][column] } else { basis[column][row] };
    Ok((0..rows * columns).map(|flat| gain * at(flat / columns, flat % columns) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keras_object::assert_reads;

    fn deviation(values: &[f32]) -> f64 {
        (values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    }

    #[test]
    fn normals_have_the_deviation_they_state() {
        for (initializer, wanted) in [
            (Initializer::GlorotNormal, (2.0f64 / 300.0).sqrt()),
            (Initializer::HeNormal, (2.0f64 / 100.0).sqrt()),
            (Initializer::LecunNormal, 0.1),
            (Initializer::RandomNormal { mean: 0.0, stddev: 0.05 }, 0.05),
        ] {
            let found = deviation(&initializer.values(&[100, 200], Philox::new(4)).unwrap());
            assert!((found / wanted - 1.0).abs() < 0.02, "{initializer:?}: {found}, wanted {wanted}");
        }
    }

    #[test]
    fn the_receptive_field_multiplies_the_fans() {
        assert_eq!(fans(&[3, 3, 32, 64]), (288.0, 576.0));
        let limit = (6.0f32 / (9.0 * 33.0)).sqrt();
        let kernel = Initializer::GlorotUniform.values(&[3, 3, 32, 1], Philox::new(1)).unwrap();
        let largest = kernel.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        assert!(largest <= limit && largest > 0.95 * limit);
    }

    #[test]
    fn orthogonal_matrices_are_orthonormal() {
        for (rows, columns) in [(5, 5), (3, 7), (8, 2)] {
            let q = Initializer::Orthogonal { gain: 1.0 }.values(&[rows, columns], Philox::new(2)).unwrap();
            let q = ndarray_product(&q, rows, columns);
            let n = rows.min(columns);
            for i in 0..n {
                for j in 0..n {
                    let wanted = f64::from(u8::from(i == j));
                    assert!((q[i * n + j] - wanted).abs() < 1e-6);
                }
            }
        }
        assert!(Initializer::Orthogonal { gain: 1.0 }.values(&[4], Philox::new(2)).is_err());
    }

    #[test]
    fn the_named_ones_are_variance_scalings() {
        let scaling = |scale, mode, distribution| Initializer::VarianceScaling { scale, mode, distribution };
        for (named, general) in [
            (Initializer::GlorotUniform, scaling(1.0, FanMode::FanAvg, Distribution::Uniform)),
            (Initializer::GlorotNormal, scaling(1.0, FanMode::FanAvg, Distribution::TruncatedNormal)),
            (Initializer::HeUniform, scaling(2.0, FanMode::FanIn, Distribution::Uniform)),
            (Initializer::LecunNormal, scaling(1.0, FanMode::FanIn, Distribution::TruncatedNormal)),
        ] {
            let values = |initializer: Initializer| initializer.values(&[3, 4, 6], Philox::new(9)).unwrap();
            for (a, b) in values(named).into_iter().zip(values(general)) {
                assert!((a - b).abs() < 1e-6, "{named:?}");
            }
        }
    }

    #[test]
    fn keras_forms_are_read() {
        assert_reads(
            &[
                r#""glorot_uniform""#,
                r#""GlorotUniform""#,
                r#"{"class_name": "GlorotUniform"}"#,
                r#"{"module": "keras.initializers", "class_name": "GlorotUniform", "registered_name": null,
                    "config": {"seed": null, "input_axes": null, "output_axes": null}}"#,
            ],
            &Initializer::GlorotUniform,
        );
        assert_reads(
            &[r#""uniform""#, r#""random_uniform""#],
            &Initializer::RandomUniform { minval: -0.05, maxval: 0.05 },
        );
        assert_reads(
            &[r#""normal""#, r#""RandomNormal""#],
            &Initializer::RandomNormal { mean: 0.0, stddev: 0.05 },
        );
        assert_reads(
            &[r#"{"class_name": "TruncatedNormal", "config": {"stddev": 0.5, "seed": 3}}"#],
            &Initializer::TruncatedNormal { mean: 0.0, stddev: 0.5 },
        );
        assert_reads(&[r#""orthogonal""#], &Initializer::Orthogonal { gain: 1.0 });
        assert_reads(
            &[r#""zeros""#, r#""zero""#, r#"{"class_name": "Zeros", "config": {}}"#],
            &Initializer::Zeros,
        );
        assert_reads(
            &[r#"{"class_name": "constant", "config": {"value": 2}}"#],
            &Initializer::Constant { value: 2.0 },
        );
        let error = serde_json::from_str::<Initializer>(r#""gloriot""#).unwrap_err().to_string();
        assert!(error.contains("unknown variant `Gloriot`") && error.contains("GlorotUniform"), "{error}");
    }

    fn ndarray_product(q: &[f32], rows: usize, columns: usize) -> Vec<f64> {
        let n = rows.min(columns);
        let at = |row: usize, column: usize| f64::from(q[row * columns + column]);
        let mut product = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                product[i * n + j] = if rows < columns {
                    (0..columns).map(|k| at(i, k) * at(j, k)).sum()
                } else {
                    (0..rows).map(|k| at(k, i) * at(k, j)).sum()
                };
            }
        }
        product
    }
}
