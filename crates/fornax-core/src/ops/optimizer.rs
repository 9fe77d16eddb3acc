//! One step of one parameter: `(w, slots) <- rule(w, slots, g, t)`, in Keras's formulas.
//!
//! The rules are data, so that a backend can run each as one pass in place. `alpha` stands for the learning rate
//! of the step and `t` for the number of the step, from 1.
//!
//! Source: `keras/src/optimizers/*.py`, Keras 3, and the papers named at each rule.

use burn::tensor::backend::Backend as Burn;
use serde::{Deserialize, Serialize};

use super::EmbeddingOps;
use crate::{DynTensor, Indices};

/// The tensors that a rule keeps for a parameter, each of the parameter's shape.
pub type Slots<B> = Vec<DynTensor<B>>;

/// An update rule with its constants.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum UpdateRule {
    /// `w -= alpha g`; with momentum `m = momentum m - alpha g`, `w += m`, or by Nesterov
    /// `w += momentum m - alpha g`.
    Sgd {
        /// Decay of the velocity.
        momentum: f64,
        /// Whether the step looks ahead (Nesterov 1983).
        nesterov: bool,
    },
    /// `m += (1 - b1)(g - m)`, `v += (1 - b2)(g² - v)`, `w -= alpha sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt v + eps)`
    /// (Kingma and Ba 2015, the formulation before section 2.1).
    Adam {
        /// Decay of the first moment.
        beta_1: f64,
        /// Decay of the second moment.
        beta_2: f64,
        /// Added to the root.
        epsilon: f64,
        /// Whether the largest second moment so far takes the place of the present one (Reddi 2018).
        amsgrad: bool,
    },
    /// Adam with the infinity norm: `u = max(b2 u, |g|)`, `w -= alpha / (1 - b1^t) m / (u + eps)`.
    Adamax {
        /// Decay of the first moment.
        beta_1: f64,
        /// Decay of the norm.
        beta_2: f64,
        /// Added to the norm.
        epsilon: f64,
    },
    /// Adam with Nesterov momentum (Dozat 2016): with `u_t = b1 (1 - 0.96^t / 2)` and `U_t = u_1 .. u_t`,
    /// `w -= alpha (u_{t+1} m / (1 - U_{t+1}) + (1 - u_t) g / (1 - U_t)) / (sqrt(v / (1 - b2^t)) + eps)`.
    Nadam {
        /// Decay of the first moment.
        beta_1: f64,
        /// Decay of the second moment.
        beta_2: f64,
        /// Added to the root.
        epsilon: f64,
    },
    /// `v = rho v + (1 - rho) g²`, `w -= alpha g / sqrt(v + eps)`, optionally centred and with momentum.
    Rmsprop {
        /// Decay of the mean square.
        rho: f64,
        /// Decay of the velocity.
        momentum: f64,
        /// Added under the root.
        epsilon: f64,
        /// Whether the squared mean of the gradient is subtracted under the root.
        centered: bool,
    },
    /// `a += g²`, `w -= alpha g / sqrt(a + eps)` (Duchi 2011); `a` starts at `initial_accumulator_value`.
    Adagrad {
        /// Where the sum of squares starts.
        initial_accumulator_value: f64,
        /// Added under the root.
        epsilon: f64,
    },
    /// `a = rho a + (1 - rho) g²`, `d = -sqrt(u + eps) / sqrt(a + eps) g`, `u = rho u + (1 - rho) d²`,
    /// `w += alpha d` (Zeiler 2012).
    Adadelta {
        /// Decay of both mean squares.
        rho: f64,
        /// Added under the roots.
        epsilon: f64,
    },
    /// `w -= alpha sign(b1 m + (1 - b1) g)`, then `m = b2 m + (1 - b2) g` (Chen 2023).
    Lion {
        /// Weight of the moment in the step.
        beta_1: f64,
        /// Decay of the moment.
        beta_2: f64,
    },
}

impl UpdateRule {
    /// Where each slot starts.
    pub fn slots(&self) -> Vec<f64> {
        match *self {
            Self::Sgd { momentum, .. } => vec![0.0; usize::from(momentum > 0.0)],
            Self::Adam { amsgrad, .. } => vec![0.0; 2 + usize::from(amsgrad)],
            Self::Adamax { .. } | Self::Nadam { .. } | Self::Adadelta { .. } => vec![0.0; 2],
            Self::Rmsprop { momentum, centered, .. } => {
                vec![0.0; 1 + usize::from(momentum > 0.0) + usize::from(centered)]
            }
            Self::Adagrad { initial_accumulator_value, .. } => vec![initial_accumulator_value],
            Self::Lion { .. } => vec![0.0],
        }
    }
}

/// Optimizer steps on a backend.
pub trait OptimizerOps: Burn {
    /// Whether the gradient of a table is cheaper kept as that of the rows that were looked up, even where a step moves all rows.
    const ROW_GRADIENTS: bool = false;

    /// The weight after step `t` (from 1) with learning rate `alpha` by the gradient; `slots` change in place.
    fn update(
        rule: &UpdateRule,
        weight: DynTensor<Self>,
        slots: &mut Slots<Self>,
        gradient: DynTensor<Self>,
        alpha: f64,
        t: u64,
    ) -> DynTensor<Self> {
        reference(rule, weight, slots, gradient, alpha, t)
    }

    /// The same by the gradients `[count, width]` of the distinct, ascending `rows [count]` of a table; that of its other rows is 0.
    fn update_by_rows(
        rule: &UpdateRule,
        table: DynTensor<Self>,
        slots: &mut Slots<Self>,
        rows: Indices<Self>,
        gradient: DynTensor<Self>,
        alpha: f64,
        t: u64,
    ) -> DynTensor<Self>
    where
        Self: EmbeddingOps,
    {
        reference_by_rows(rule, table, slots, rows, gradient, alpha, t)
    }

    /// The same of those rows alone; the other rows of the table and of its slots stay as they are.
    fn update_rows(
        rule: &UpdateRule,
        table: DynTensor<Self>,
        slots: &mut Slots<Self>,
        rows: Indices<Self>,
        gradient: DynTensor<Self>,
        alpha: f64,
        t: u64,
    ) -> DynTensor<Self>
    where
        Self: EmbeddingOps,
    {
        reference_of_rows(rule, table, slots, rows, gradient, alpha, t)
    }
}

pub(crate) fn reference_by_rows<B: OptimizerOps + EmbeddingOps>(
    rule: &UpdateRule,
    table: DynTensor<B>,
    slots: &mut Slots<B>,
    rows: Indices<B>,
    gradient: DynTensor<B>,
    alpha: f64,
    t: u64,
) -> DynTensor<B> {
    let gradient = B::embedding_lookup_backward(table.shape()[0], rows, gradient);
    B::update(rule, table, slots, gradient, alpha, t)
}

pub(crate) fn reference_of_rows<B: OptimizerOps + EmbeddingOps>(
    rule: &UpdateRule,
    table: DynTensor<B>,
    slots: &mut Slots<B>,
    rows: Indices<B>,
    gradient: DynTensor<B>,
    alpha: f64,
    t: u64,
) -> DynTensor<B> {
    let of_rows = |table: &DynTensor<B>| B::embedding_lookup(table.clone(), rows.clone());
    let mut slots_of_rows: Slots<B> = slots.iter().map(of_rows).collect();
    let new = B::update(rule, of_rows(&table), &mut slots_of_rows, gradient, alpha, t);
    let tables = std::mem::take(slots).into_iter().zip(slots_of_rows);
    *slots = tables.map(|(table, new)| B::replace_rows(table, rows.clone(), new)).collect();
    B::replace_rows(table, rows, new)
}

/// `rate x + (1 - rate) y`.
fn blend<B: Burn>(x: DynTensor<B>, y: DynTensor<B>, rate: f64) -> DynTensor<B> {
    x.mul_scalar(rate).add(y.mul_scalar(1.0 - rate))
}

/// `rate x + (1 - rate) y` as `x + (1 - rate)(y - x)`, which is how Keras rounds the moments.
fn approach<B: Burn>(x: DynTensor<B>, y: DynTensor<B>, rate: f64) -> DynTensor<B> {
    x.clone().add(y.sub(x).mul_scalar(1.0 - rate))
}

/// Nadam's `u_t` and the product `U_t`.
fn nadam_momentum(beta_1: f64, t: u64) -> (f64, f64) {
    // 0.96^1000 is below 2^-53: from there on the factor of beta_1 is 1 in double precision.
    let (mut power, mut product) = (1.0, beta_1.powf(t as f64));
    for _ in 1..=t.min(1000) {
        power *= 0.96;
        product *= 1.0 - 0.5 * power;
    }
    let last = 0.96f64.powf(t as f64);
    (beta_1 * (1.0 - 0.5 * last), product)
}

pub(crate) fn reference<B: Burn>(
    rule: &UpdateRule,
    w: DynTensor<B>,
    slots: &mut Slots<B>,
    g: DynTensor<B>,
    alpha: f64,
    t: u64,
) -> DynTensor<B> {
    let power = |base: f64| base.powf(t as f64);
    match *rule {
        UpdateRule::Sgd { momentum, nesterov } => {
            let step = g.mul_scalar(-alpha);
            let Some(velocity) = slots.first_mut() else { return w.add(step) };
            *velocity = velocity.clone().mul_scalar(momentum).add(step.clone());
            let ahead = velocity.clone();
            w.add(if nesterov { ahead.mul_scalar(momentum).add(step) } else { ahead })
        }
        UpdateRule::Adam { beta_1, beta_2, epsilon, .. } => {
            let m = approach(slots[0].clone(), g.clone(), beta_1);
            let mut v = approach(slots[1].clone(), g.square(), beta_2);
            slots[0] = m.clone();
            slots[1] = v.clone();
            if let Some(largest) = slots.get_mut(2) {
                *largest = largest.clone().maximum(v);
                v = largest.clone();
            }
            let alpha = alpha * (1.0 - power(beta_2)).sqrt() / (1.0 - power(beta_1));
            w.sub(m.mul_scalar(alpha).div(v.sqrt().add_scalar(epsilon)))
        }
        UpdateRule::Adamax { beta_1, beta_2, epsilon } => {
            let m = approach(slots[0].clone(), g.clone(), beta_1);
            let u = slots[1].clone().mul_scalar(beta_2).maximum(g.abs());
            slots[0] = m.clone();
            slots[1] = u.clone();
            w.sub(m.mul_scalar(alpha / (1.0 - power(beta_1))).div(u.add_scalar(epsilon)))
        }
        UpdateRule::Nadam { beta_1, beta_2, epsilon } => {
            let (momentum, product) = nadam_momentum(beta_1, t);
            let next = nadam_momentum(beta_1, t + 1).0;
            let m = approach(slots[0].clone(), g.clone(), beta_1);
            let v = approach(slots[1].clone(), g.clone().square(), beta_2);
            slots[0] = m.clone();
            slots[1] = v.clone();
            let m_hat = m
                .mul_scalar(next / (1.0 - product * next))
                .add(g.mul_scalar((1.0 - momentum) / (1.0 - product)));
            let v_hat = v.mul_scalar(1.0 / (1.0 - power(beta_2)));
            w.sub(m_hat.mul_scalar(alpha).div(v_hat.sqrt().add_scalar(epsilon)))
        }
        UpdateRule::Rmsprop { rho, momentum, epsilon, centered } => {
            slots[0] = blend(slots[0].clone(), g.clone().square(), rho);
            let mut denominator = slots[0].clone();
            if centered {
                let last = slots.len() - 1;
                slots[last] = blend(slots[last].clone(), g.clone(), rho);
                denominator = denominator.sub(slots[last].clone().square());
            }
            let step = g.mul_scalar(alpha).div(denominator.add_scalar(epsilon).sqrt());
            if momentum > 0.0 {
                slots[1] = slots[1].clone().mul_scalar(momentum).add(step);
                w.sub(slots[1].clone())
            } else {
                w.sub(step)
            }
        }
        UpdateRule::Adagrad { epsilon, .. } => {
            slots[0] = slots[0].clone().add(g.clone().square());
            w.sub(g.mul_scalar(alpha).div(slots[0].clone().add_scalar(epsilon).sqrt()))
        }
        UpdateRule::Adadelta { rho, epsilon } => {
            let root = |x: DynTensor<B>| x.add_scalar(epsilon).sqrt();
            slots[0] = blend(slots[0].clone(), g.clone().square(), rho);
            let step = root(slots[1].clone()).mul(g).div(root(slots[0].clone()));
            slots[1] = blend(slots[1].clone(), step.clone().square(), rho);
            w.sub(step.mul_scalar(alpha))
        }
        UpdateRule::Lion { beta_1, beta_2 } => {
            let step = blend(slots[0].clone(), g.clone(), beta_1).sign();
            slots[0] = blend(slots[0].clone(), g, beta_2);
            w.sub(step.mul_scalar(alpha))
        }
    }
}

impl<B: OptimizerOps, C: burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy> OptimizerOps
    for burn::backend::Autodiff<B, C>
{
}
