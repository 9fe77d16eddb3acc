//! Randomness: the counter-based generator Philox4x32-10.
//!
//! A [`Philox`] is a key and a counter. The same seed and stream give the same numbers on every machine, for
//! every backend and any number of threads, and any position can be reached without drawing what is before it,
//! so a dropout mask need not be stored: its key and position are enough.
//!
//! Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC 2011.

use serde::{Deserialize, Serialize};

/// The generator Philox4x32-10: 2^64 streams a seed, 2^66 numbers a stream.
///
/// ```
/// use fornax_core::Philox;
///
/// let mut a = Philox::new(7);
/// let first = a.next_u32();
/// assert_eq!(Philox::new(7).next_u32(), first);
/// assert_ne!(Philox::new(7).stream(1).next_u32(), first);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Philox {
    seed: u64,
    stream: u64,
    position: u64,
}

impl Philox {
    /// The generator of `seed`, stream 0, from its first number.
    pub fn new(seed: u64) -> Self {
        Self { seed, stream: 0, position: 0 }
    }

    /// An independent generator: the stream is `index` mixed with the present stream.
    pub fn stream(self, index: u64) -> Self {
        Self { seed: self.seed, stream: mix(self.stream ^ mix(index.wrapping_add(1))), position: 0 }
    }

    /// An independent generator for a name, for example a weight's path.
    pub fn named(self, name: &str) -> Self {
        // FNV-1a: stable over versions and platforms, unlike the standard library's hasher.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        self.stream(hash)
    }

    /// The same stream under another seed: a layer with a seed of its own draws anew at each step all the same.
    pub fn reseeded(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The number of values drawn so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The same generator, continued at its `position`-th value.
    pub fn at(self, position: u64) -> Self {
        Self { position, ..self }
    }

    /// The next value, uniform over all of `u32`.
    pub fn next_u32(&mut self) -> u32 {
        let value = self.block(self.position / 4)[(self.position % 4) as usize];
        self.position += 1;
        value
    }

    /// The next value, uniform over all of `u64`.
    pub fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) | u64::from(self.next_u32()) << 32
    }

    /// The next value, uniform in `[0, 1)` with 24 bits.
    pub fn uniform(&mut self) -> f32 {
        to_unit(self.next_u32())
    }

    /// The next value, uniform in `[low, high)`.
    pub fn uniform_in(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// An integer, uniform in `0..bound`, without bias (Lemire 2019).
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "no integer lies below 0");
        let bound = bound as u64;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as usize;
            }
        }
    }

    /// The next value of the standard normal distribution (Box and Muller, in `f64`).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.unit_f64()).ln()).sqrt();
        (radius * (2.0 * std::f64::consts::PI * self.unit_f64()).cos()) as f32
    }

    /// The next value of the standard normal distribution truncated at two standard deviations.
    pub fn truncated_normal(&mut self) -> f32 {
        loop {
            let value = self.normal();
            if value.abs() <= 2.0 {
                return value;
            }
        }
    }

    /// A uniform permutation of `0..len` (Fisher and Yates).
    pub fn permutation(&mut self, len: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..len).collect();
        for last in (1..len).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }

    /// Fills `out` with the next values, uniform in `[0, 1)`; four values a round.
    pub fn fill_uniform(&mut self, out: &mut [f32]) {
        // SAFETY: numbers of both types are any 32 bits.
        let bits = unsafe { std::slice::from_raw_parts_mut(out.as_mut_ptr().cast(), out.len()) };
        self.fill::<true>(bits);
    }

    /// Fills `out` with the next values, uniform over all of `u32`.
    pub fn fill_u32(&mut self, out: &mut [u32]) {
        self.fill::<false>(out);
    }

    /// The next values, or the bits of `[0, 1)`'s where `UNIT`.
    fn fill<const UNIT: bool>(&mut self, out: &mut [u32]) {
        let mut rest = out.iter_mut();
        while !self.position.is_multiple_of(4) {
            let Some(value) = rest.next() else { return };
            *value = shown::<UNIT>(self.next_u32());
        }
        let rest = rest.into_slice();
        fill_blocks::<UNIT>(rest, self.position / 4, *self);
        self.position += rest.len() as u64;
    }

    fn unit_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn block(&self, index: u64) -> [u32; 4] {
        let counter = [index as u32, (index >> 32) as u32, self.stream as u32, (self.stream >> 32) as u32];
        philox4x32(counter, [self.seed as u32, (self.seed >> 32) as u32])
    }
}

/// Ten rounds of Philox on one counter (figure 2 of the paper).
fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let left = u64::from(counter[0]) * 0xD251_1F53;
        let right = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (right >> 32) as u32 ^ counter[1] ^ key[0],
            right as u32,
            (left >> 32) as u32 ^ counter[3] ^ key[1],
            left as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

/// The numbers of a stream from block `first` on.
fn fill_blocks<const UNIT: bool>(out: &mut [u32], first: u64, stream: Philox) {
    let start = 0;
    #[cfg(target_arch = "x86_64")]
    let start = if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has these instructions.
        unsafe { fill_by_avx2::<UNIT>(out, first, stream) }
    } else {
        start
    };
    for (index, chunk) in out[start..].chunks_mut(4).enumerate() {
        let block = stream.block(first.wrapping_add((start / 4 + index) as u64));
        chunk.iter_mut().zip(block).for_each(|(value, bits)| *value = shown::<UNIT>(bits));
    }
}

/// Fills whole runs of eight blocks and returns how many numbers that were. A 64-bit lane holds a 32-bit word of a
/// block; what is in its upper half does not count, as it does not to the multiplication.
// Written out: the compiler packs the words after every round when it vectorises loops by itself, three times slower.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn fill_by_avx2<const UNIT: bool>(out: &mut [u32], first: u64, stream: Philox) -> usize {
    use std::arch::x86_64::*;

    let all = |value: u64| _mm256_set1_epi64x(value as i64);
    let (m0, m1, scale) = (all(0xD251_1F53), all(0xCD9E_8D57), _mm256_set1_ps(1.0 / (1u32 << 24) as f32));
    let mut keys = [[all(0); 2]; 10];
    let mut key = [stream.seed as u32, (stream.seed >> 32) as u32];
    for keys in &mut keys {
        *keys = key.map(|key| all(key.into()));
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    let mut runs = out.chunks_exact_mut(32);
    let mut index = _mm256_add_epi64(all(first), _mm256_set_epi64x(3, 2, 1, 0));
    let mut filled = 0;
    for run in &mut runs {
        let next = _mm256_add_epi64(index, all(4));
        let mut a = [index, next];
        let mut b = a.map(|a| _mm256_srli_epi64::<32>(a));
        let (mut c, mut d) = ([all(stream.stream); 2], [all(stream.stream >> 32); 2]);
        for [key_0, key_1] in &keys {
            for half in 0..2 {
                let (left, right) = (_mm256_mul_epu32(a[half], m0), _mm256_mul_epu32(c[half], m1));
                a[half] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64::<32>(right), b[half]), *key_0);
                c[half] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64::<32>(left), d[half]), *key_1);
                (b[half], d[half]) = (right, left);
            }
        }
        let joined = |low, high| _mm256_blend_epi32::<0b1010_1010>(low, _mm256_slli_epi64::<32>(high));
        for (half, run) in run.chunks_exact_mut(16).enumerate() {
            let (ab, cd) = (joined(a[half], b[half]), joined(c[half], d[half]));
            let (even, odd) = (_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
            let blocks =
                [_mm256_permute2x128_si256::<0x20>(even, odd), _mm256_permute2x128_si256::<0x31>(even, odd)];
            for (bits, run) in blocks.into_iter().zip(run.chunks_exact_mut(8)) {
                let units = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_srli_epi32::<8>(bits)), scale);
                let numbers = if UNIT { _mm256_castps_si256(units) } else { bits };
                // SAFETY: the run has eight numbers.
                unsafe { _mm256_storeu_si256(run.as_mut_ptr().cast(), numbers) };
            }
        }
        index = _mm256_add_epi64(next, all(4));
        filled += 32;
    }
    filled
}

/// A value, or the bits of its number in `[0, 1)`.
fn shown<const UNIT: bool>(value: u32) -> u32 {
    if UNIT { to_unit(value).to_bits() } else { value }
}

fn to_unit(bits: u32) -> f32 {
    (bits >> 8) as f32 / (1u32 << 24) as f32
}

/// The finalizer of SplitMix64, a bijection.
fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers of the authors' Random123 distribution (`kat_vectors`, philox4x32 10).
    #[test]
    fn known_answers() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox4x32([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn filling_equals_drawing() {
        for start in [0, 1, 2, 3, 4, (1 << 34) - 9] {
            for len in [0, 1, 2, 3, 4, 5, 10, 63, 64, 65, 131] {
                let (mut one, mut all) = (Philox::new(3).at(start), Philox::new(3).at(start));
                let mut filled = vec![0.0; len];
                all.fill_uniform(&mut filled);
                let drawn: Vec<f32> = (0..len).map(|_| one.uniform()).collect();
                assert_eq!(filled, drawn);
                assert_eq!(one, all);
                let (mut one, mut all) = (Philox::new(3).at(start), Philox::new(3).at(start));
                let mut filled = vec![0; len];
                all.fill_u32(&mut filled);
                assert_eq!(filled, (0..len).map(|_| one.next_u32()).collect::<Vec<_>>());
                assert_eq!(one, all);
            }
        }
    }

    #[test]
    fn moments_of_the_distributions() {
        let mut rng = Philox::new(11);
        let moments = |draw: &mut dyn FnMut() -> f32| {
            let values: Vec<f64> = (0..100_000).map(|_| f64::from(draw())).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
            (mean, variance.sqrt())
        };
        let (mean, deviation) = moments(&mut || rng.uniform());
        assert!((mean - 0.5).abs() < 0.005 && (deviation - 12f64.sqrt().recip()).abs() < 0.005);
        let (mean, deviation) = moments(&mut || rng.normal());
        assert!(mean.abs() < 0.015 && (deviation - 1.0).abs() < 0.01);
        let (mean, deviation) = moments(&mut || rng.truncated_normal());
        assert!(mean.abs() < 0.015 && (deviation - 0.879_63).abs() < 0.01);
    }

    #[test]
    fn permutations_hold_every_index_once() {
        let mut order = Philox::new(5).permutation(100);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
