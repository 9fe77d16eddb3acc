//! Sine waves whose phase and frequency differ from sample to sample, to be continued.

use std::f32::consts::TAU;

use fornax_core::{Array, Philox};

use crate::Dataset;

/// Levels that the next value falls in.
const LEVELS: f32 = 10.0;

/// `count` **synthetic** waves of `time` steps: inputs `[count, time, 1]`, a sine of random phase and of a period of 8 to
/// 24 steps with a little noise, and targets `[count, time]`: which tenth of -1..1 the wave is in at the step behind each.
/// The same count and seed give the same waves on every machine.
///
/// ```
/// let data = fornax_data::synthetic::waves(4, 10, 1);
/// assert_eq!(data.inputs()[0].shape(), [4, 10, 1]);
/// assert_eq!(data.targets()[0].shape(), [4, 10]);
/// ```
pub fn waves(count: usize, time: usize, seed: u64) -> Dataset {
    let random = Philox::new(seed).named("waves");
    let (mut inputs, mut targets) = (Vec::with_capacity(count * time), Vec::with_capacity(count * time));
    for sample in 0..count {
        let mut random = random.stream(sample as u64);
        let phase = random.uniform_in(0.0, TAU);
        let period = random.uniform_in(8.0, 24.0);
        let wave = |t: usize| (phase + TAU * t as f32 / period).sin();
        for t in 0..time {
            inputs.push(wave(t) + random.uniform_in(-0.02, 0.02));
            targets.push(((wave(t + 1) + 1.0) / 2.0 * LEVELS).clamp(0.0, LEVELS - 1.0) as i32);
        }
    }
    let inputs = Array::from_vec([count, time, 1], inputs).expect("a value a time step");
    let targets = Array::from_i32([count, time], targets).expect("a level a time step");
    Dataset::new(inputs, targets).expect("as many targets as inputs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_the_level_of_the_next_value() {
        let data = waves(50, 20, 3);
        let (x, y) = (data.inputs()[0].to_f32(), data.targets()[0].to_i32());
        for (row, levels) in x.chunks(20).zip(y.chunks(20)) {
            for (next, &level) in row[1..].iter().zip(levels) {
                let exact = (next + 1.0) / 2.0 * LEVELS;
                assert!((exact - level as f32 - 0.5).abs() < 0.75, "{next} is in level {level}");
            }
        }
        assert!((0..10).all(|level| y.contains(&level)));
        assert_eq!(waves(50, 20, 3).inputs()[0].to_f32(), x);
    }
}
