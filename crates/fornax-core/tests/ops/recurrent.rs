//! Recurrent layers: every backend as a plain loop in double precision, kernels as default bodies, gradients as finite
//! differences; padding changes nothing, nor does the number of threads.

use fornax_core::ops::{
    Activation, Places, Recurrence, RecurrentCell, RecurrentInputs, RecurrentOps, Steps, Unrolled,
};
use fornax_core::{Backend, ErrorKind, Flex, NdArray, Philox};
use fornax_testkit::{Oracle, assert_close, gradient::check_gradient};
use proptest::prelude::*;

use super::{Point, Recorded, config, point, tensor, to_f32};

const CELLS: [RecurrentCell; 4] = [
    RecurrentCell::Simple,
    RecurrentCell::Lstm,
    RecurrentCell::Gru { reset_after: true },
    RecurrentCell::Gru { reset_after: false },
];

#[derive(Clone, Debug)]
struct Case {
    how: Recurrence,
    batch: usize,
    time: usize,
    features: usize,
    units: usize,
    mask: Option<Vec<bool>>,
    /// The rows of `x` where time steps take them by place.
    rows: usize,
    /// Whether the states before the first step are zeros.
    at_rest: bool,
}

impl Case {
    fn new(cell: RecurrentCell, [batch, time, features, units]: [usize; 4], sequences: bool) -> Self {
        let how = Recurrence::new(cell, sequences);
        Self { how, batch, time, features, units, mask: None, rows: 0, at_rest: false }
    }

    fn masked(mut self, mask: Vec<bool>) -> Self {
        self.how.steps = Steps::mask(mask.clone(), self.batch, self.time).unwrap();
        self.mask = Some(mask);
        self
    }

    /// Each time step takes one of so many rows.
    fn by_place(mut self, rows: usize) -> Self {
        let mut random = Philox::new(8);
        let places = (0..self.batch * self.time).map(|_| random.below(rows) as u32).collect();
        self.how.places = Some(Places::new(places, self.batch, self.time).unwrap());
        self.rows = rows;
        self
    }

    /// Small enough that no gate is saturated.
    fn points(&self) -> Vec<Point> {
        let wide = self.how.cell.gates() * self.units;
        let shapes = [
            match self.how.places {
                Some(_) => vec![self.rows, self.features],
                None => vec![self.batch, self.time, self.features],
            },
            vec![self.features, wide],
            vec![self.units, wide],
            self.how.cell.bias_shape(self.units),
            vec![self.how.cell.states(), self.batch, self.units],
        ];
        let small = |(shape, values): Point| {
            let scale = 2.0f32.powi((values.len() as f32 / 64.0).log2().ceil() as i32);
            (shape, values.into_iter().map(|value| value / scale.max(0.5)).collect())
        };
        let mut points: Vec<Point> =
            shapes.iter().zip(1..).map(|(shape, seed)| small(point(shape, seed))).collect();
        if self.at_rest {
            points[4].1.fill(0.0);
        }
        points
    }

    fn inputs<B: Backend>(&self) -> RecurrentInputs<B> {
        let [x, kernel, recurrent_kernel, bias, states] = &self.points()[..] else { unreachable!() };
        RecurrentInputs {
            x: tensor(x),
            kernel: tensor(kernel),
            recurrent_kernel: tensor(recurrent_kernel),
            bias: tensor(bias),
            states: tensor(states),
        }
    }

    /// Output and states by loops.
    fn wanted(&self) -> [Vec<f32>; 2] {
        let points: Vec<Vec<f64>> = self
            .points()
            .into_iter()
            .map(|(_, values)| values.into_iter().map(f64::from).collect())
            .collect();
        let [x, w, u, b, s] = &points[..] else { unreachable!() };
        let Self { batch, time, features, units, .. } = *self;
        let (gates, count) = (self.how.cell.gates(), self.how.cell.states());
        let wide = gates * units;
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let product = |v: &[f64], m: &[f64], column: usize| -> f64 {
            v.iter().enumerate().map(|(k, v)| v * m[k * wide + column]).sum()
        };
        let (mut sequence, mut last) = (vec![0.0; batch * time * units], vec![0.0; batch * units]);
        let mut states = s.clone();
        for row in 0..batch {
            let state = |states: &[f64], at: usize| states[(at * batch + row) * units..][..units].to_vec();
            let mut output = vec![0.0; units];
            for step in 0..time {
                let t = if self.how.reverse { time - 1 - step } else { step };
                let place = row * time + t;
                let place = self.how.places.as_ref().map_or(place, |places| places.rows()[place] as usize);
                let x = &x[place * features..][..features];
                if self.mask.as_ref().is_none_or(|mask| mask[row * time + t]) {
                    let h = state(&states, 0);
                    let z = |column: usize| product(x, w, column) + b[column];
                    let zh = |column: usize| z(column) + product(&h, u, column);
                    let gate = |gate: usize, unit: usize| sigmoid(zh(gate * units + unit));
                    let mut c = vec![];
                    output = match self.how.cell {
                        RecurrentCell::Simple => (0..units).map(|unit| zh(unit).tanh()).collect(),
                        RecurrentCell::Lstm => {
                            let before = state(&states, 1);
                            c = (0..units)
                                .map(|j| gate(1, j) * before[j] + gate(0, j) * zh(2 * units + j).tanh())
                                .collect();
                            (0..units).map(|j| gate(3, j) * c[j].tanh()).collect()
                        }
                        RecurrentCell::Gru { reset_after } => {
                            let more = |column: usize| if reset_after { b[wide + column] } else { 0.0 };
                            let gate = |gate: usize, j: usize| {
                                sigmoid(zh(gate * units + j) + more(gate * units + j))
                            };
                            let masked: Vec<f64> = (0..units).map(|j| gate(1, j) * h[j]).collect();
                            let new = |j: usize| {
                                let at = 2 * units + j;
                                let inside = match reset_after {
                                    true => gate(1, j) * (product(&h, u, at) + more(at)),
                                    false => product(&masked, u, at),
                                };
                                (z(at) + inside).tanh()
                            };
                            (0..units).map(|j| gate(0, j) * h[j] + (1.0 - gate(0, j)) * new(j)).collect()
                        }
                    };
                    for (at, values) in [&output, &c].into_iter().enumerate().take(count) {
                        states[(at * batch + row) * units..][..units].copy_from_slice(values);
                    }
                } else if self.how.zero_output_for_mask {
                    output = vec![0.0; units];
                }
                sequence[(row * time + t) * units..][..units].copy_from_slice(&output);
            }
            last[row * units..][..units].copy_from_slice(&output);
        }
        [to_f32(if self.how.return_sequences { &sequence } else { &last }), to_f32(&states)]
    }

    fn check<B: Backend>(&self) {
        let place = format!("{self:?} on {}", B::name(&Default::default()));
        let [output, states] = self.wanted();
        let found = B::recurrent(self.inputs(), &self.how);
        assert_close(&found.output.to_vec(), &output, 1e-5, &place);
        assert_close(&found.states.to_vec(), &states, 1e-5, &place);
        let (again, saved) = B::recurrent_saving(self.inputs(), &self.how);
        assert_eq!(again.output.to_vec(), found.output.to_vec(), "{place}: saving");
        let (dy, dstates) = cotangents::<B>(&again);
        let (run, kept) = Oracle::recurrent_saving(self.inputs(), &self.how);
        let (oracle_dy, oracle_dstates) = cotangents::<Oracle>(&run);
        let wanted = Oracle::recurrent_backward(
            self.inputs(),
            kept,
            oracle_dy,
            Some(oracle_dstates),
            &self.how,
            [true; 5],
        );
        for want in [[true; 5], [true, true, true, true, false]] {
            let (saved, dy, dstates) = (saved.clone(), dy.clone(), Some(dstates.clone()));
            let found = B::recurrent_backward(self.inputs(), saved, dy, dstates, &self.how, want);
            let cotangents = found.into_iter().zip(&wanted).zip(self.points()).zip(want);
            for (((found, wanted), (shape, _)), want) in cotangents {
                let (Some(found), true) = (found, want) else { continue };
                assert_eq!(found.shape(), shape, "{place}");
                let wanted = wanted.as_ref().unwrap().to_vec();
                assert_close(&found.to_vec(), &wanted, 2e-5, &format!("{place}: cotangent {shape:?}"));
            }
        }
    }
}

fn cotangents<B: Backend>(run: &Unrolled<B>) -> (fornax_core::DynTensor<B>, fornax_core::DynTensor<B>) {
    let small = |shape: Vec<usize>, seed| {
        let mut random = Philox::new(seed);
        let values = (0..shape.iter().product()).map(|_| random.uniform_in(-1.0, 1.0)).collect();
        tensor::<B>(&(shape, values))
    };
    (small(run.output.shape(), 3), small(run.states.shape(), 4))
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn runs_are_those_of_plain_loops(
        cell in prop::sample::select(&CELLS[..]),
        sizes in (1..=19usize, prop::sample::select(&[1, 2, 5, 13][..]), 1..=5usize, 1..=18usize),
        [reverse, sequences, zero, relu, at_rest] in any::<[bool; 5]>(),
        mask in prop::option::of(any::<u64>()),
        rows in prop::option::of(prop::sample::select(&[1, 3, 40][..])),
    ) {
        let (batch, time, features, units) = sizes;
        let mut case = Case::new(cell, [batch, time, features, units], sequences);
        if let Some(rows) = rows {
            case = case.by_place(rows);
        }
        if let Some(seed) = mask {
            let mut random = Philox::new(seed);
            case = case.masked((0..batch * time).map(|_| random.below(3) > 0).collect());
        }
        case.how.reverse = reverse;
        case.how.zero_output_for_mask = zero;
        case.at_rest = at_rest;
        case.check::<Oracle>();
        case.check::<Flex>();
        case.check::<NdArray>();
        if relu && cell == RecurrentCell::Simple {
            case.how.activation = Activation::Relu;
            let wanted = Oracle::recurrent(case.inputs(), &case.how).output.to_vec();
            assert_close(&Flex::recurrent(case.inputs(), &case.how).output.to_vec(), &wanted, 1e-5, "relu");
        }
    }

    /// The steps that a mask leaves out may be anywhere and hold anything.
    #[test]
    fn padding_changes_no_bit(
        cell in prop::sample::select(&CELLS[..]),
        lengths in prop::collection::vec(1..=5usize, 1..=18),
        more in 1..=3usize,
        reverse: bool,
    ) {
        let (batch, time, units) = (lengths.len(), 5, 7);
        let mut case = Case::new(cell, [batch, time, 3, units], true);
        case.how.steps = Steps::lengths(&lengths, time).unwrap();
        case.how.reverse = reverse;
        let short = Flex::recurrent(case.inputs(), &case.how);
        let mut padded = case.clone();
        padded.time += more;
        padded.how.steps = Steps::lengths(&lengths, time + more).unwrap();
        let mut inputs = padded.inputs::<Flex>();
        let noise = tensor::<Flex>(&(vec![batch, more, 3], vec![f32::NAN; batch * more * 3]));
        let x = case.inputs::<Flex>();
        inputs = RecurrentInputs { x: fornax_core::DynTensor::concatenate(vec![x.x, noise], 1), ..inputs };
        let RecurrentInputs { kernel, recurrent_kernel, bias, states, .. } = case.inputs::<Flex>();
        inputs = RecurrentInputs { kernel, recurrent_kernel, bias, states, ..inputs };
        let long = Flex::recurrent(inputs, &padded.how);
        prop_assert_eq!(short.states.to_vec(), long.states.to_vec());
        let (short, long) = (short.output.to_vec(), long.output.to_vec());
        for (row, &length) in lengths.iter().enumerate() {
            let wanted = &short[row * time * units..][..length * units];
            prop_assert_eq!(wanted, &long[row * (time + more) * units..][..length * units]);
        }
    }
}

#[test]
fn gradients_are_finite_differences() {
    let masks = [None, Some(vec![true, false, true, true, true, false])];
    for cell in CELLS {
        for (mask, [reverse, sequences, zero]) in
            masks.iter().zip([[false, true, false], [true, true, false]]).chain([
                (&masks[1], [false, false, false]),
                (&masks[1], [false, true, true]),
                (&None, [true, false, false]),
            ])
        {
            let mut case = Case::new(cell, [2, 3, 2, 3], sequences);
            if let Some(mask) = mask {
                case = case.masked(mask.clone());
            }
            case.how.reverse = reverse;
            case.how.zero_output_for_mask = zero;
            if zero {
                case.how.recurrent_dropout = Some((0.4, Philox::new(5)));
            }
            if reverse {
                case = case.by_place(4);
            }
            // A softsign has no slope from its output: it runs by the gradients of Burn's operations.
            for activation in [Activation::Tanh, Activation::Softsign] {
                case.how.activation = activation;
                check_gradient(&case.points(), 2e-4, |t| {
                    let [x, kernel, recurrent_kernel, bias, states] = [0, 1, 2, 3, 4].map(|at| t[at].clone());
                    let inputs = RecurrentInputs { x, kernel, recurrent_kernel, bias, states };
                    let run = Recorded::recurrent(inputs, &case.how);
                    // A loss that does not depend on the states, on the outputs alone, on both.
                    match (reverse, sequences) {
                        (true, true) => vec![run.states],
                        (true, false) => vec![run.output],
                        _ => vec![run.output, run.states],
                    }
                });
            }
        }
    }
}

/// Parts of the batch do not depend on the threads, nor does the order in which their sums are added.
#[test]
fn threads_change_no_bit() {
    for cell in CELLS {
        let plain = Case::new(cell, [37, 100, 24, 32], true);
        let mut random = Philox::new(6);
        let mut other = Case::new(cell, [37, 100, 24, 32], false);
        other = other.masked((0..37 * 100).map(|_| random.below(3) > 0).collect());
        other.how.reverse = true;
        let bits = |case: &Case, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (run, saved) = Flex::recurrent_saving(case.inputs(), &case.how);
                let (dy, dstates) = cotangents::<Flex>(&run);
                let inputs = case.inputs();
                let dinputs =
                    Flex::recurrent_backward(inputs, saved, dy, Some(dstates), &case.how, [true; 5]);
                let tensors = [run.output, run.states].into_iter().chain(dinputs.into_iter().flatten());
                tensors.flat_map(|tensor| tensor.to_vec()).map(f32::to_bits).collect::<Vec<_>>()
            })
        };
        for case in [&plain, &other, &plain.clone().by_place(500), &other.clone().by_place(70)] {
            let one = bits(case, 1);
            assert!(one == bits(case, 2) && one == bits(case, 4), "{cell:?}");
        }
    }
}

#[test]
fn steps_that_cannot_be_are_errors() {
    for (lengths, message) in [
        (vec![2, 0], "length of sequence 1: found 0, wanted 1 to 4"),
        (vec![5], "length of sequence 0: found 5, wanted 1 to 4"),
    ] {
        let error = Steps::lengths(&lengths, 4).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Argument, message));
    }
    let error = Places::new(vec![0; 7], 2, 4).unwrap_err();
    assert_eq!(error.to_string(), "places: found 7 rows, wanted 2 x 4, one a sequence and time step");
    let error = Steps::mask(vec![true; 7], 2, 4).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shape);
    assert_eq!(error.to_string(), "mask: found 7 truth values, wanted 2 x 4, one a sequence and time step");
}
