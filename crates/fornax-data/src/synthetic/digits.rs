//! Handwritten-like digits: each class is a few strokes, and each image draws them with another hand.
//!
//! A hand is an affine map (size, slant, rotation, place), a smooth warp, a pen width and an ink; the paper adds
//! noise. A pixel is inked by its distance to the nearest stroke, with a soft edge.

use std::f32::consts::TAU;

use fornax_core::{Array, Philox};

use crate::Dataset;

const SIDE: usize = 28;

type Point = (f32, f32);

/// `count` **synthetic** images of digits: inputs `[count, 28, 28, 1]` in `[0, 1]`, kept as bytes, and labels
/// `[count]` of ten classes, balanced to within one sample and in random order. The same count and seed give the
/// same images on every machine.
///
/// ```
/// let data = fornax_data::synthetic::digits(20, 1);
/// assert_eq!(data.inputs()[0].shape(), [20, 28, 28, 1]);
/// assert_eq!(data.targets()[0].to_i32().iter().filter(|&&label| label == 7).count(), 2);
/// ```
pub fn digits(count: usize, seed: u64) -> Dataset {
    let rng = Philox::new(seed).named("digits");
    let strokes: Vec<Vec<Vec<Point>>> = (0..10).map(strokes).collect();
    let labels: Vec<i32> =
        rng.named("order").permutation(count).into_iter().map(|i| (i % 10) as i32).collect();
    let mut bytes = Vec::with_capacity(count * SIDE * SIDE);
    for (index, &label) in labels.iter().enumerate() {
        draw(&strokes[label as usize], rng.stream(index as u64), &mut bytes);
    }
    let images = Array::from_bytes([count, SIDE, SIDE, 1], bytes, 1.0 / 255.0).expect("one image a label");
    Dataset::new(images, labels).expect("one label an image")
}

/// How far the digits of a line are from each other, in pixels.
const PITCH: usize = 20;

/// `count` **synthetic** images of one to `longest` digits in a line: inputs `[count, 28, width, 1]` in `[0, 1]`, kept
/// as bytes, `width` 28 and 20 a digit more than one; targets `[count, longest]`, one more than each digit, from left to
/// right, padded with 0 (the blank of a CTC loss). Where a digit stands is not told, nor how many there are.
///
/// ```
/// let data = fornax_data::synthetic::digit_lines(20, 4, 1);
/// assert_eq!(data.inputs()[0].shape(), [20, 28, 88, 1]);
/// assert_eq!(data.targets()[0].shape(), [20, 4]);
/// ```
pub fn digit_lines(count: usize, longest: usize, seed: u64) -> Dataset {
    let rng = Philox::new(seed).named("digit lines");
    let strokes: Vec<Vec<Vec<Point>>> = (0..10).map(strokes).collect();
    let longest = longest.max(1);
    let width = SIDE + (longest - 1) * PITCH;
    let (mut bytes, mut labels) = (vec![0; count * SIDE * width], vec![0; count * longest]);
    let lines = bytes.chunks_mut(SIDE * width).zip(labels.chunks_mut(longest));
    for (index, (line, labels)) in lines.enumerate() {
        let mut rng = rng.stream(index as u64);
        let length = 1 + rng.below(longest);
        let first = rng.below((longest - length) * PITCH + 1);
        for (place, label) in labels[..length].iter_mut().enumerate() {
            let digit = rng.below(10);
            *label = digit as i32 + 1;
            let mut image = Vec::with_capacity(SIDE * SIDE);
            draw(&strokes[digit], rng.named("hand").stream(place as u64), &mut image);
            for (row, pixels) in image.chunks(SIDE).enumerate() {
                let start = row * width + first + place * PITCH;
                let under = line[start..start + SIDE].iter_mut();
                under.zip(pixels).for_each(|(under, &pixel)| *under = pixel.max(*under));
            }
        }
    }
    let images = Array::from_bytes([count, SIDE, width, 1], bytes, 1.0 / 255.0).expect("one image a line");
    let labels = Array::from_i32([count, longest], labels).expect("as many labels as a line may hold");
    Dataset::new(images, labels).expect("one row of labels a line")
}

/// The strokes of a digit as polylines; x to the right, y down, both in -1..1.
fn strokes(digit: usize) -> Vec<Vec<Point>> {
    match digit {
        0 => vec![arc((0.0, 0.0), (0.55, 0.95), 0.0, 1.0)],
        1 => vec![vec![(-0.3, -0.6), (0.05, -0.95), (0.05, 0.95)]],
        2 => vec![join(arc((0.0, -0.45), (0.5, 0.5), 0.55, 1.08), vec![(-0.55, 0.92), (0.6, 0.92)])],
        3 => vec![join(
            arc((-0.05, -0.48), (0.5, 0.46), 0.6, 1.25),
            arc((-0.05, 0.46), (0.58, 0.5), 0.75, 1.4),
        )],
        4 => vec![vec![(0.1, -0.95), (-0.6, 0.25), (0.6, 0.25)], vec![(0.3, -0.35), (0.3, 0.95)]],
        5 => vec![
            vec![(0.5, -0.92), (-0.35, -0.92)],
            join(vec![(-0.35, -0.92), (-0.42, -0.08)], arc((-0.02, 0.38), (0.55, 0.56), 0.62, 1.4)),
        ],
        6 => vec![join(
            vec![(0.35, -0.92), (0.0, -0.65), (-0.3, -0.25), (-0.48, 0.2)],
            arc((0.02, 0.42), (0.5, 0.5), 0.5, -0.52),
        )],
        7 => vec![vec![(-0.55, -0.9), (0.55, -0.9), (0.2, -0.2), (-0.1, 0.95)]],
        8 => vec![arc((0.0, -0.47), (0.42, 0.46), 0.25, 1.25), arc((0.0, 0.47), (0.53, 0.48), 0.75, 1.75)],
        _ => vec![join(
            arc((-0.02, -0.42), (0.48, 0.5), 0.0, -1.0),
            vec![(0.46, -0.42), (0.42, 0.1), (0.28, 0.55), (0.05, 0.95)],
        )],
    }
}

/// Part of an ellipse, from `start` to `end` turns; 0 is to the right and a quarter turn is down.
fn arc(center: Point, radius: Point, start: f32, end: f32) -> Vec<Point> {
    let steps = ((end - start).abs() * 20.0).ceil() as usize;
    (0..=steps)
        .map(|step| {
            let angle = TAU * (start + (end - start) * step as f32 / steps as f32);
            (center.0 + radius.0 * angle.cos(), center.1 + radius.1 * angle.sin())
        })
        .collect()
}

fn join(mut first: Vec<Point>, second: Vec<Point>) -> Vec<Point> {
    first.extend(second);
    first
}

/// One image, appended to `bytes`.
fn draw(strokes: &[Vec<Point>], mut rng: Philox, bytes: &mut Vec<u8>) {
    let hand = Hand::new(&mut rng);
    let pen = rng.uniform_in(0.9, 1.7);
    let ink = rng.uniform_in(0.75, 1.0);
    let soft = rng.uniform_in(0.5, 1.1);
    let mut page = [0.0f32; SIDE * SIDE];
    for stroke in strokes {
        let points: Vec<Point> = stroke.iter().map(|&point| hand.place(point)).collect();
        for segment in points.windows(2) {
            ink_segment(&mut page, segment[0], segment[1], pen, soft);
        }
    }
    let mut noise = [0.0f32; SIDE * SIDE];
    let grain = rng.uniform_in(0.02, 0.12);
    rng.fill_uniform(&mut noise);
    bytes.extend(page.iter().zip(noise).map(|(&pixel, noise)| {
        let value = ink * pixel + grain * (noise - 0.5);
        (255.0 * value).clamp(0.0, 255.0) as u8
    }));
}

/// How one image bends the strokes.
struct Hand {
    matrix: [f32; 4],
    shift: Point,
    bend: [f32; 4],
    phase: [f32; 2],
}

impl Hand {
    fn new(rng: &mut Philox) -> Self {
        let angle = rng.uniform_in(-0.2, 0.2);
        let slant = rng.uniform_in(-0.3, 0.2);
        let (wide, high) = (rng.uniform_in(7.0, 10.5), rng.uniform_in(8.2, 10.8));
        let (sin, cos) = angle.sin_cos();
        // Rotation, after slant, after scale.
        let matrix = [cos * wide, (-cos * slant - sin) * high, sin * wide, (cos - sin * slant) * high];
        let shift = (13.5 + rng.uniform_in(-1.8, 1.8), 13.5 + rng.uniform_in(-1.5, 1.5));
        let bend = [(); 4].map(|()| rng.uniform_in(-0.09, 0.09));
        let phase = [(); 2].map(|()| rng.uniform_in(0.0, TAU));
        Self { matrix, shift, bend, phase }
    }

    /// A point of the unit square on the page, in pixels.
    fn place(&self, (x, y): Point) -> Point {
        let [a, b, c, d] = self.bend;
        let [p, q] = self.phase;
        let (x, y) = (
            x + a * (2.3 * y + p).sin() + b * (4.1 * y + q).sin(),
            y + c * (2.3 * x + q).sin() + d * (4.1 * x + p).sin(),
        );
        let [xx, xy, yx, yy] = self.matrix;
        (xx * x + xy * y + self.shift.0, yx * x + yy * y + self.shift.1)
    }
}

/// Inks the pixels nearer than `pen` to the segment; the edge fades over `soft` pixels.
fn ink_segment(page: &mut [f32; SIDE * SIDE], from: Point, to: Point, pen: f32, soft: f32) {
    let reach = pen + soft;
    let span = |a: f32, b: f32| {
        let low = (a.min(b) - reach).ceil().max(0.0) as usize;
        let high = (a.max(b) + reach).floor().min(SIDE as f32 - 1.0);
        low..(high + 1.0).max(0.0) as usize
    };
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let squared = (dx * dx + dy * dy).max(1e-6);
    for row in span(from.1, to.1) {
        for column in span(from.0, to.0) {
            let (x, y) = (column as f32 - from.0, row as f32 - from.1);
            let along = ((x * dx + y * dy) / squared).clamp(0.0, 1.0);
            let distance = ((x - along * dx).powi(2) + (y - along * dy).powi(2)).sqrt();
            let pixel = &mut page[row * SIDE + column];
            *pixel = pixel.max(((reach - distance) / (2.0 * soft)).clamp(0.0, 1.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_decide_everything_and_classes_are_balanced() {
        let (a, b) = (digits(105, 3), digits(105, 3));
        assert_eq!(a, b);
        let other = digits(105, 4);
        assert_ne!(a.inputs()[0], other.inputs()[0]);
        assert_ne!(a.targets()[0], other.targets()[0]);
        let labels = a.targets()[0].to_i32();
        for class in 0..10 {
            let count = labels.iter().filter(|&&label| label == class).count();
            assert!((10..=11).contains(&count), "{count} of class {class}");
        }
        assert!(labels.windows(2).any(|pair| pair[0] > pair[1] + 1), "the order is random");
        assert!(digits(0, 1).is_empty());
    }

    #[test]
    fn lines_hold_as_many_digits_as_their_labels_say() {
        let set = digit_lines(60, 4, 5);
        assert_eq!(digit_lines(60, 4, 5), set);
        assert_ne!(digit_lines(60, 4, 6), set);
        let (images, labels) = (set.inputs()[0].to_f32(), set.targets()[0].to_i32());
        let mut lengths = [0; 5];
        for (image, labels) in images.chunks(28 * 88).zip(labels.chunks(4)) {
            let length = labels.iter().take_while(|&&label| label > 0).count();
            assert!(
                labels[length..].iter().all(|&label| label == 0)
                    && labels.iter().all(|label| (0..=10).contains(label))
            );
            lengths[length] += 1;
            let inked = (0..88).filter(|column| (0..28).any(|row| image[row * 88 + column] > 0.5)).count();
            assert!(
                inked >= 3 * length && inked <= 28 + 20 * (length - 1),
                "{inked} columns for {length} digits"
            );
        }
        assert!(lengths[0] == 0 && lengths[1..].iter().all(|&count| count > 0), "{lengths:?}");
    }

    #[test]
    fn a_linear_classifier_tells_the_digits_apart() {
        let (train, test) = (digits(2000, 1).flatten(), digits(500, 2).flatten());
        let accuracy = softmax_regression(&train, &test);
        assert!(accuracy > 0.8, "{accuracy}");
    }

    /// Plain gradient descent on single samples; returns the accuracy on `test`.
    fn softmax_regression(train: &Dataset, test: &Dataset) -> f32 {
        let mut weights = vec![[0.0f32; 10]; 785];
        let logits = |weights: &[[f32; 10]], pixels: &[f32]| {
            let mut out = weights[784];
            for (row, &pixel) in weights.iter().zip(pixels) {
                (0..10).for_each(|class| out[class] += row[class] * pixel);
            }
            out
        };
        let (x, y) = (train.inputs()[0].to_f32(), train.targets()[0].to_i32());
        for _ in 0..3 {
            for (pixels, &label) in x.chunks(784).zip(&y) {
                let scores = logits(&weights, pixels);
                let top = scores.iter().copied().fold(f32::MIN, f32::max);
                let sum: f32 = scores.iter().map(|score| (score - top).exp()).sum();
                let mut slope = scores.map(|score| 0.02 * (score - top).exp() / sum);
                slope[label as usize] -= 0.02;
                for (row, &pixel) in weights.iter_mut().zip(pixels.iter().chain([&1.0])) {
                    (0..10).for_each(|class| row[class] -= slope[class] * pixel);
                }
            }
        }
        let (x, y) = (test.inputs()[0].to_f32(), test.targets()[0].to_i32());
        let right = x.chunks(784).zip(&y).filter(|(pixels, label)| {
            let scores = logits(&weights, pixels);
            (0..10).max_by(|&a, &b| scores[a].total_cmp(&scores[b])) == Some(**label as usize)
        });
        right.count() as f32 / y.len() as f32
    }
}
