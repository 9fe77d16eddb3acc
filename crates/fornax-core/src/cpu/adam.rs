//! Adam's step (Kingma and Ba 2015), in one pass in place: `m += (1 - b1)(g - m)`, `v += (1 - b2)(g² - v)`,
//! `w -= alpha m / (sqrt v + eps)`.
//!
//! Four slices are read and three written, and large ones often begin at addresses that end in the same twelve bits. A load
//! waits for a store before it whose address ends in the same bits, and then takes twice as long in all. So two vectors of each
//! slice are read before those in front of them are written.
//!
//! The moments of a weight that gets no gradient any more (of a unit at rest, of a word that does not come) fade until they
//! are denormal, and stay so, because what a step takes from a few units in the last place rounds to nothing. Products with such numbers
//! take some processors many times as long. So moments are 0 below a size at which they cannot be told from it beside `eps`.

use crate::lanes::{Kernel, LINE, Lanes};

/// First moments below are 0: `alpha m / sqrt v` of those above is not denormal.
const LEAST_FIRST: f32 = 1e-30;
/// Second moments below are 0: `b2 v` of those above is not denormal.
const LEAST_SECOND: f32 = 2.0 * f32::MIN_POSITIVE;
/// The squares of gradients below are 0: `(1 - b2) g²` of those above is not denormal.
const LEAST_GRADIENT: f32 = 1e-17;

/// The rates of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// The learning rate, corrected for the moments' start.
    pub(super) alpha: f32,
    /// `1 - beta_1`.
    pub(super) first: f32,
    /// `1 - beta_2`.
    pub(super) second: f32,
    pub(super) epsilon: f32,
}

/// # Panics
/// If the slices are not equally long.
pub(super) fn adam(w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32], rates: Rates) {
    assert!([m.len(), v.len(), g.len()] == [w.len(); 3], "moments and gradient are the weight's");
    let (len, g) = (w.len(), g.as_ptr());
    let (w, m, v) = (w.as_mut_ptr(), m.as_mut_ptr(), v.as_mut_ptr());
    // SAFETY: each slice has `len` numbers.
    unsafe { Adam { w, m, v, g, stride: 1, len, rates }.run_widest() }
}

/// The step by a gradient of zeros.
///
/// # Panics
/// If the slices are not equally long.
pub(super) fn adam_at_rest(w: &mut [f32], m: &mut [f32], v: &mut [f32], rates: Rates) {
    static ZEROS: [f32; LINE] = [0.0; LINE];
    assert!([m.len(), v.len()] == [w.len(); 2], "moments are the weight's");
    let (len, g) = (w.len(), ZEROS.as_ptr());
    let (w, m, v) = (w.as_mut_ptr(), m.as_mut_ptr(), v.as_mut_ptr());
    // SAFETY: each slice has `len` numbers, and the zeros are as many as a vector's.
    unsafe { Adam { w, m, v, g, stride: 0, len, rates }.run_widest() }
}

struct Adam {
    w: *mut f32,
    m: *mut f32,
    v: *mut f32,
    g: *const f32,
    /// 1, or 0 where each vector of the gradient is the first.
    stride: usize,
    len: usize,
    rates: Rates,
}

/// A vector of each slice.
#[derive(Clone, Copy)]
struct Part<L> {
    w: L,
    m: L,
    v: L,
    g: L,
}

// No closures: they would be functions of their own, compiled without the vectors' instructions.
impl Kernel for Adam {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let pair = 2 * L::LEN;
        let whole = self.len / pair * pair;
        unsafe {
            if whole > 0 {
                let mut next = self.pair::<L>(0);
                for at in (0..whole).step_by(pair) {
                    let [first, second] = next;
                    next = self.pair(if at + pair < whole { at + pair } else { at });
                    let (first, second) = (self.moved(first), self.moved(second));
                    self.store(first, at);
                    self.store(second, at + L::LEN);
                }
            }
            for at in (whole..self.len).step_by(L::LEN) {
                let len = self.len - at;
                let part = self.moved(Part {
                    w: L::load_part(self.w.add(at), len),
                    m: L::load_part(self.m.add(at), len),
                    v: L::load_part(self.v.add(at), len),
                    g: L::load_part(self.g.add(at * self.stride), len),
                });
                part.w.store_part(self.w.add(at), len);
                part.m.store_part(self.m.add(at), len);
                part.v.store_part(self.v.add(at), len);
            }
        }
    }
}

impl Adam {
    #[inline(always)]
    unsafe fn pair<L: Lanes>(&self, at: usize) -> [Part<L>; 2] {
        unsafe { [self.load(at), self.load(at + L::LEN)] }
    }

    #[inline(always)]
    unsafe fn load<L: Lanes>(&self, at: usize) -> Part<L> {
        unsafe {
            Part {
                w: L::load(self.w.add(at)),
                m: L::load(self.m.add(at)),
                v: L::load(self.v.add(at)),
                g: L::load(self.g.add(at * self.stride)),
            }
        }
    }

    #[inline(always)]
    unsafe fn store<L: Lanes>(&self, part: Part<L>, at: usize) {
        unsafe {
            part.w.store(self.w.add(at));
            part.m.store(self.m.add(at));
            part.v.store(self.v.add(at));
        }
    }

    #[inline(always)]
    unsafe fn moved<L: Lanes>(&self, Part { w, m, v, g }: Part<L>) -> Part<L> {
        unsafe {
            let Rates { alpha, first, second, epsilon } = &self.rates;
            let (m, v) = (m.at_least(L::splat(&LEAST_FIRST)), v.at_least(L::splat(&LEAST_SECOND)));
            let m = g.subtract(m).multiply_add(L::splat(first), m);
            let square = g.at_least(L::splat(&LEAST_GRADIENT));
            let v = square.multiply(square).subtract(v).multiply_add(L::splat(second), v);
            let by = v.root().add(L::splat(epsilon));
            Part { w: w.subtract(L::splat(alpha).multiply(m).divide(by)), m, v, g }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Philox;
    use crate::lanes::by_any_vectors;

    const RATES: Rates = Rates { alpha: 1e-2, first: 0.1, second: 0.01, epsilon: 1e-7 };

    /// Steps by vectors `L` and by a loop in `f64`, on slices that end where their numbers end.
    fn check<L: Lanes>() {
        let mut random = Philox::new(1);
        for len in (0..=70).chain([513]) {
            let mut numbers = |scale: f32| (0..len).map(|_| scale * random.normal()).collect::<Vec<f32>>();
            let (mut w, mut m, mut v, mut g) = (numbers(1.0), numbers(0.1), numbers(1e-3), numbers(1.0));
            v.iter_mut().for_each(|x| *x = x.abs());
            for at in (0..len).step_by(5) {
                (m[at], v[at], g[at]) = (0.0, 0.0, 0.0);
            }
            let before = [&w, &m, &v].map(|x| x.clone());
            // SAFETY: each slice has `len` numbers; the caller knows the instructions.
            unsafe {
                let (w, m, v) = (w.as_mut_ptr(), m.as_mut_ptr(), v.as_mut_ptr());
                Adam { w, m, v, g: g.as_ptr(), stride: 1, len, rates: RATES }.run::<L>();
            }
            for at in 0..len {
                let [weight, first, second] = before.each_ref().map(|x| f64::from(x[at]));
                let gradient = f64::from(g[at]);
                let first = first + 0.1 * (gradient - first);
                let second = second + 0.01 * (gradient * gradient - second);
                let wanted = [weight - 1e-2 * first / (second.sqrt() + 1e-7), first, second];
                for (found, wanted) in [w[at], m[at], v[at]].into_iter().zip(wanted) {
                    assert!(
                        (f64::from(found) - wanted).abs() <= 1e-6 * wanted.abs().max(0.1),
                        "{found}, wanted {wanted}"
                    );
                }
            }
        }
    }

    #[test]
    fn steps_are_those_of_a_loop_by_any_vectors() {
        by_any_vectors!(check);
    }

    /// Small numbers become 0 by any vectors; what is no number stays.
    fn check_least<L: Lanes>() {
        const NUMBERS: [f32; 8] = [1e-20, -1e-20, 1e-40, 0.5, -0.5, f32::NAN, f32::NEG_INFINITY, 1e-10];
        let mut found = [0.0f32; 16];
        for at in (0..16).step_by(L::LEN) {
            let numbers = [NUMBERS, NUMBERS].concat();
            // SAFETY: both have 16 numbers; the caller knows the instructions.
            unsafe {
                L::load(numbers.as_ptr().add(at)).at_least(L::splat(&1e-10)).store(found.as_mut_ptr().add(at))
            };
        }
        let wanted = [0.0, 0.0, 0.0, 0.5, -0.5, f32::NAN, f32::NEG_INFINITY, 1e-10];
        let same = |(found, wanted): (&f32, &f32)| found == wanted || (found.is_nan() && wanted.is_nan());
        assert!(found.iter().zip(wanted.iter().cycle()).all(same), "{found:?}");
    }

    #[test]
    fn small_numbers_by_any_vectors() {
        by_any_vectors!(check_least);
    }

    #[test]
    fn a_gradient_of_zeros() {
        let mut random = Philox::new(2);
        for len in [0, 1, 15, 16, 33, 70, 128] {
            let mut numbers = || (0..len).map(|_| random.normal()).collect::<Vec<f32>>();
            let (w, m) = (numbers(), numbers());
            let v: Vec<f32> = m.iter().map(|m| m * m).collect();
            let [mut by_zeros, mut at_rest] = [(w.clone(), m.clone(), v.clone()), (w, m, v)];
            adam(&mut by_zeros.0, &mut by_zeros.1, &mut by_zeros.2, &vec![0.0; len], RATES);
            adam_at_rest(&mut at_rest.0, &mut at_rest.1, &mut at_rest.2, RATES);
            assert_eq!(by_zeros, at_rest);
        }
    }

    /// Moments fade to 0, not to a denormal number.
    #[test]
    fn fading_moments() {
        let (mut w, mut m, mut v) = ([1.0; 40], [0.0; 40], [0.0; 40]);
        adam(&mut w, &mut m, &mut v, &[1e-3; 40], RATES);
        for _ in 0..10_000 {
            adam_at_rest(&mut w, &mut m, &mut v, RATES);
            assert!(m.iter().chain(&v).all(|x| *x == 0.0 || x.is_normal()), "{} {}", m[0], v[0]);
        }
        assert_eq!((m, v), ([0.0; 40], [0.0; 40]));
        adam(&mut w, &mut m, &mut v, &[1e-19; 40], RATES);
        assert!(m.iter().chain(&v).all(|x| *x == 0.0 || x.is_normal()), "{} {}", m[0], v[0]);
    }

    #[test]
    fn extreme_gradients() {
        // Squares that vanish and that overflow, and what is no number: none of it is hidden.
        for (gradient, finite) in [(0.0, true), (1e-30, true), (1e30, false), (f32::NAN, false)] {
            let (mut w, mut m, mut v) = ([1.0; 40], [0.0; 40], [0.0; 40]);
            for _ in 0..2 {
                adam(&mut w, &mut m, &mut v, &[gradient; 40], RATES);
            }
            assert!(w.iter().all(|w| w.is_finite() == finite), "{gradient}: {}", w[0]);
        }
    }
}
