//! Adam and plain SGD in one pass in place; the other rules run by Burn's operations.

use super::host::HostTensor;
use super::impl_for_cpu;
use crate::DynTensor;
use crate::ops::{OptimizerOps, Slots, UpdateRule, optimizer};

simd_fn! {
    /// `m += (1 - b1)(g - m)`, `v += (1 - b2)(g² - v)`, `w -= alpha m / (sqrt v + eps)`.
    fn adam(w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32], rates: [f32; 4]) {
        let [alpha, first, second, epsilon] = rates;
        for (((w, m), v), &g) in w.iter_mut().zip(m).zip(v).zip(g) {
            *m += (g - *m) * first;
            *v += (g * g - *v) * second;
            *w -= alpha * *m / (v.sqrt() + epsilon);
        }
    }
}

simd_fn! {
    /// `w -= alpha g`.
    fn descend(w: &mut [f32], g: &[f32], alpha: f32) {
        w.iter_mut().zip(g).for_each(|(w, &g)| *w -= alpha * g);
    }
}

impl_for_cpu!(OptimizerOps {
    fn update(
        rule: &UpdateRule,
        weight: DynTensor<Self>,
        slots: &mut Slots<Self>,
        gradient: DynTensor<Self>,
        alpha: f64,
        t: u64,
    ) -> DynTensor<Self> {
        match *rule {
            UpdateRule::Adam { beta_1, beta_2, epsilon, amsgrad: false } => {
                let (mut w, g) = (weight.standard(), gradient.standard());
                let corrected = alpha * (1.0 - beta_2.powf(t as f64)).sqrt() / (1.0 - beta_1.powf(t as f64));
                let rates = [corrected, 1.0 - beta_1, 1.0 - beta_2, epsilon].map(|rate| rate as f32);
                let [m, v] = &mut slots[..] else { panic!("Adam keeps two moments") };
                adam(w.floats_mut(), m.floats_mut(), v.floats_mut(), g.floats(), rates);
                w
            }
            UpdateRule::Sgd { momentum: 0.0, .. } => {
                let (mut w, g) = (weight.standard(), gradient.standard());
                descend(w.floats_mut(), g.floats(), alpha as f32);
                w
            }
            _ => optimizer::reference(rule, weight, slots, gradient, alpha, t),
        }
    }
});
