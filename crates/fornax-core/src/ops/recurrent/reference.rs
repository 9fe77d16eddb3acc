//! The default bodies of the recurrent layers and of their vector-Jacobian product: a time step at a time.

use burn::tensor::backend::Backend as Burn;

use super::{Recurrence, RecurrentCell, RecurrentInputs, Unrolled};
use crate::ops::{Activation, activation, dropout, embedding};
use crate::{DynTensor, Mask};

/// A run of one layer: shapes, masks and the parts of the weights.
struct Run<'a, B: Burn> {
    how: &'a Recurrence,
    units: usize,
    recurrent_kernel: DynTensor<B>,
    /// The bias of the product with the recurrent kernel, `[1, 3 units]`.
    recurrent_bias: Option<DynTensor<B>>,
    /// What drops the state.
    dropped: Option<DynTensor<B>>,
    /// For each time step where it counts, `[batch, units]`.
    counts: Option<Vec<Mask<B>>>,
    /// The time steps in their order.
    order: Vec<usize>,
}

impl<'a, B: Burn> Run<'a, B> {
    fn new(inputs: &RecurrentInputs<B>, how: &'a Recurrence) -> Self {
        let [batch, time, _] = inputs.x.shape()[..] else { panic!("x is [batch, time, features]") };
        let (units, device) = (inputs.recurrent_kernel.shape()[0], inputs.x.device());
        let dropped = how.recurrent_dropout.map(|(rate, random)| {
            let ones = DynTensor::full(&[batch, units], 1.0, &device);
            dropout::reference(ones, rate, &[batch, units], random)
        });
        let counts = how.steps.truth().map(|truth| {
            let column = |t: usize| {
                let values = (0..batch).map(|row| f32::from(truth[row * time + t])).collect();
                let counts = DynTensor::<B>::from_vec(values, &[batch, 1], &device);
                counts.equal_scalar(1.0).expand(&[batch, units])
            };
            (0..time).map(column).collect()
        });
        let recurrent_bias = match how.cell {
            RecurrentCell::Gru { reset_after: true } => Some(inputs.bias.clone().slice(0, 1, 2, 1)),
            _ => None,
        };
        let mut order: Vec<usize> = (0..time).collect();
        if how.reverse {
            order.reverse();
        }
        let recurrent_kernel = inputs.recurrent_kernel.clone();
        Self { how, units, recurrent_kernel, recurrent_bias, dropped, counts, order }
    }

    /// `new` where the step counts, else `old`.
    fn choose(&self, t: usize, new: DynTensor<B>, old: DynTensor<B>) -> DynTensor<B> {
        match &self.counts {
            Some(counts) => old.replace_where(counts[t].clone(), new),
            None => new,
        }
    }

    fn drop_state(&self, h: DynTensor<B>) -> DynTensor<B> {
        match &self.dropped {
            Some(mask) => h.mul(mask.clone()),
            None => h,
        }
    }

    /// Block `gate` of `units` columns.
    fn gate(&self, z: &DynTensor<B>, gate: usize) -> DynTensor<B> {
        z.clone().slice(1, gate * self.units, (gate + 1) * self.units, 1)
    }

    fn activate(&self, z: DynTensor<B>) -> DynTensor<B> {
        activation::reference(z, self.how.activation)
    }

    fn activate_gate(&self, z: DynTensor<B>) -> DynTensor<B> {
        activation::reference(z, self.how.recurrent_activation)
    }

    /// The states behind one step from `x W + b` and the states before it, and the activations that the backward pass
    /// reads.
    fn step(&self, z: DynTensor<B>, states: &[DynTensor<B>]) -> (Vec<DynTensor<B>>, Vec<DynTensor<B>>) {
        let (units, h) = (self.units, self.drop_state(states[0].clone()));
        let u = self.recurrent_kernel.clone();
        match self.how.cell {
            RecurrentCell::Simple => {
                let h = self.activate(z.add(h.matmul(u)));
                (vec![h.clone()], vec![h])
            }
            RecurrentCell::Lstm => {
                let z = z.add(h.matmul(u));
                let [i, f, o] = [0, 1, 3].map(|gate| self.activate_gate(self.gate(&z, gate)));
                let g = self.activate(self.gate(&z, 2));
                let c = f.clone().mul(states[1].clone()).add(i.clone().mul(g.clone()));
                let squashed = self.activate(c.clone());
                (vec![o.clone().mul(squashed.clone()), c], vec![i, f, g, o, squashed])
            }
            RecurrentCell::Gru { reset_after: true } => {
                let bias = self.recurrent_bias.clone().expect("this cell has one");
                let inside = h.matmul(u).add(bias);
                let [update, reset] =
                    [0, 1].map(|gate| self.activate_gate(self.gate(&z, gate).add(self.gate(&inside, gate))));
                let inside = self.gate(&inside, 2);
                let new = self.activate(self.gate(&z, 2).add(reset.clone().mul(inside.clone())));
                (vec![mix(&update, &states[0], &new)], vec![update, reset, new, inside])
            }
            RecurrentCell::Gru { reset_after: false } => {
                let inside = h.clone().matmul(u.clone().slice(1, 0, 2 * units, 1));
                let [update, reset] =
                    [0, 1].map(|gate| self.activate_gate(self.gate(&z, gate).add(self.gate(&inside, gate))));
                let inside = reset.clone().mul(h).matmul(self.gate(&u, 2));
                let new = self.activate(self.gate(&z, 2).add(inside));
                (vec![mix(&update, &states[0], &new)], vec![update, reset, new])
            }
        }
    }

    /// The cotangents of a step from those of the states behind it.
    fn step_backward(
        &self,
        kept: &[DynTensor<B>],
        states: &[DynTensor<B>],
        dstates: Vec<DynTensor<B>>,
    ) -> StepCotangents<B> {
        let slope = |y: &DynTensor<B>, dy: DynTensor<B>, by: Activation| {
            activation::reference_backward(y.clone(), y.clone(), dy, by)
        };
        let (f, s) = (self.how.activation, self.how.recurrent_activation);
        let (h, u) = (self.drop_state(states[0].clone()), &self.recurrent_kernel);
        let dh = dstates[0].clone();
        match (self.how.cell, kept) {
            (RecurrentCell::Simple, [y]) => self.plain(slope(y, dh, f), h, None, vec![]),
            (RecurrentCell::Lstm, [i, forget, g, o, squashed]) => {
                let dc = dstates[1].clone().add(slope(squashed, dh.clone().mul(o.clone()), f));
                let dz = [
                    slope(i, dc.clone().mul(g.clone()), s),
                    slope(forget, dc.clone().mul(states[1].clone()), s),
                    slope(g, dc.clone().mul(i.clone()), f),
                    slope(o, dh.mul(squashed.clone()), s),
                ];
                let dz = DynTensor::concatenate(dz.to_vec(), 1);
                self.plain(dz, h, None, vec![dc.mul(forget.clone())])
            }
            (RecurrentCell::Gru { .. }, [update, reset, new, inside @ ..]) => {
                let dupdate = slope(update, dh.clone().mul(states[0].clone().sub(new.clone())), s);
                let direct = dh.clone().mul(update.clone());
                let dnew = slope(new, dh.clone().sub(direct.clone()), f);
                if let [inside] = inside {
                    let dreset = slope(reset, dnew.clone().mul(inside.clone()), s);
                    let dinside = DynTensor::concatenate(
                        vec![dupdate.clone(), dreset.clone(), dnew.clone().mul(reset.clone())],
                        1,
                    );
                    let dz = DynTensor::concatenate(vec![dupdate, dreset, dnew], 1);
                    let inside = self.plain(dinside.clone(), h, Some(direct), vec![]);
                    return StepCotangents { dz, drecurrent_bias: Some(dinside.sum_axis(0)), ..inside };
                }
                let dmasked = dnew.clone().matmul(self.gate(u, 2).t());
                let dreset = slope(reset, dmasked.clone().mul(h.clone()), s);
                let dgates = DynTensor::concatenate(vec![dupdate, dreset], 1);
                let before = u.clone().slice(1, 0, 2 * self.units, 1).t();
                let dh = dgates.clone().matmul(before).add(dmasked.mul(reset.clone()));
                let dkernel =
                    vec![h.clone().t().matmul(dgates.clone()), reset.clone().mul(h).t().matmul(dnew.clone())];
                StepCotangents {
                    dz: DynTensor::concatenate(vec![dgates, dnew], 1),
                    drecurrent_kernel: DynTensor::concatenate(dkernel, 1),
                    drecurrent_bias: None,
                    dstates: vec![direct.add(self.drop_state(dh))],
                }
            }
            _ => unreachable!("a step keeps what its cell says"),
        }
    }

    /// The cotangents of a step that is `z + h U` inside, from that of the sum; `rest` are those of further states.
    fn plain(
        &self,
        dz: DynTensor<B>,
        h: DynTensor<B>,
        direct: Option<DynTensor<B>>,
        rest: Vec<DynTensor<B>>,
    ) -> StepCotangents<B> {
        let dh = self.drop_state(dz.clone().matmul(self.recurrent_kernel.clone().t()));
        let dh = match direct {
            Some(direct) => dh.add(direct),
            None => dh,
        };
        let drecurrent_kernel = h.t().matmul(dz.clone());
        let dstates = std::iter::once(dh).chain(rest).collect();
        StepCotangents { dz, drecurrent_kernel, drecurrent_bias: None, dstates }
    }
}

struct StepCotangents<B: Burn> {
    /// Of `x W + b`.
    dz: DynTensor<B>,
    drecurrent_kernel: DynTensor<B>,
    drecurrent_bias: Option<DynTensor<B>>,
    /// Of the states before the step.
    dstates: Vec<DynTensor<B>>,
}

/// `update * old + (1 - update) * new`.
fn mix<B: Burn>(update: &DynTensor<B>, old: &DynTensor<B>, new: &DynTensor<B>) -> DynTensor<B> {
    new.clone().add(update.clone().mul(old.clone().sub(new.clone())))
}

/// Element `at` of axis 0.
fn at<B: Burn>(tensor: &DynTensor<B>, at: usize) -> DynTensor<B> {
    let shape = tensor.shape()[1..].to_vec();
    tensor.clone().slice(0, at, at + 1, 1).reshape(&shape)
}

/// Tensors of one shape along a new first axis.
fn stack<B: Burn>(parts: Vec<DynTensor<B>>) -> DynTensor<B> {
    let shape = [&[1], &parts[0].shape()[..]].concat();
    DynTensor::concatenate(parts.into_iter().map(|part| part.reshape(&shape)).collect(), 0)
}

/// The inputs with `x [batch, time, features]`.
fn unfolded<B: Burn>(inputs: RecurrentInputs<B>, how: &Recurrence) -> RecurrentInputs<B> {
    let Some(places) = &how.places else { return inputs };
    let places = places.indices(&inputs.x.device());
    RecurrentInputs { x: embedding::reference(inputs.x, places), ..inputs }
}

/// The results, and for each step the states before it and its activations.
pub(crate) fn forward<B: Burn>(
    inputs: RecurrentInputs<B>,
    how: &Recurrence,
) -> (Unrolled<B>, Vec<DynTensor<B>>) {
    let inputs = unfolded(inputs, how);
    let run = Run::new(&inputs, how);
    let [batch, time, _] = inputs.x.shape()[..] else { panic!("x is [batch, time, features]") };
    let wide = how.cell.gates() * run.units;
    let bias = match run.recurrent_bias {
        Some(_) => inputs.bias.slice(0, 0, 1, 1),
        None => inputs.bias.reshape(&[1, wide]),
    };
    let z = inputs.x.permute(&[1, 0, 2]).rows().matmul(inputs.kernel).add(bias).reshape(&[time, batch, wide]);
    let mut states: Vec<_> = (0..how.cell.states()).map(|state| at(&inputs.states, state)).collect();
    let zeros = DynTensor::zeros(&[batch, run.units], &z.device());
    let (mut output, mut outputs, mut saved) = (zeros.clone(), vec![], vec![]);
    for &t in &run.order {
        let (new, kept) = run.step(at(&z, t), &states);
        let skipped = if how.zero_output_for_mask { zeros.clone() } else { output };
        output = run.choose(t, new[0].clone(), skipped);
        outputs.push(output.clone());
        saved.extend(states.iter().cloned().chain(kept));
        states = new.into_iter().zip(states).map(|(new, old)| run.choose(t, new, old)).collect();
    }
    if how.reverse {
        outputs.reverse();
    }
    let output = if how.return_sequences { stack(outputs).permute(&[1, 0, 2]) } else { output };
    (Unrolled { output, states: stack(states) }, saved)
}

/// See [`RecurrentOps::recurrent_backward`](super::RecurrentOps::recurrent_backward).
pub(crate) fn backward<B: Burn>(
    inputs: RecurrentInputs<B>,
    saved: Vec<DynTensor<B>>,
    doutput: DynTensor<B>,
    dstates: Option<DynTensor<B>>,
    how: &Recurrence,
    want: [bool; 5],
) -> [Option<DynTensor<B>>; 5] {
    let (rows, inputs) = (inputs.x.shape()[0], unfolded(inputs, how));
    let run = Run::new(&inputs, how);
    let [batch, time, features] = inputs.x.shape()[..] else { panic!("x is [batch, time, features]") };
    let (units, count) = (run.units, how.cell.states());
    let wide = how.cell.gates() * units;
    let zeros = DynTensor::zeros(&[batch, units], &doutput.device());
    let mut dstates: Vec<DynTensor<B>> = match dstates {
        Some(dstates) => (0..count).map(|state| at(&dstates, state)).collect(),
        None => vec![zeros.clone(); count],
    };
    let doutputs = how.return_sequences.then(|| doutput.clone().permute(&[1, 0, 2]));
    // The cotangent of the output that the steps behind repeat.
    let mut carried = if how.return_sequences { zeros.clone() } else { doutput };
    let mut dz = vec![];
    let mut drecurrent_kernel = inputs.recurrent_kernel.zeros_like();
    let mut drecurrent_bias: Option<DynTensor<B>> = None;
    let kept = saved.len() / time.max(1);
    for (&t, saved) in run.order.iter().zip(saved.chunks(kept.max(1))).rev() {
        let (states, kept) = saved.split_at(count);
        let dy = match &doutputs {
            Some(doutputs) => carried.add(at(doutputs, t)),
            None => carried,
        };
        let skipped = if how.zero_output_for_mask { zeros.clone() } else { dy.clone() };
        carried = run.choose(t, zeros.clone(), skipped);
        let mut dnew: Vec<_> =
            dstates.iter().map(|dstate| run.choose(t, dstate.clone(), zeros.clone())).collect();
        dnew[0] = dnew[0].clone().add(run.choose(t, dy, zeros.clone()));
        let step = run.step_backward(kept, states, dnew);
        let held = dstates.into_iter().map(|dstate| run.choose(t, zeros.clone(), dstate));
        dstates = step.dstates.into_iter().zip(held).map(|(through, held)| through.add(held)).collect();
        dz.push(step.dz);
        drecurrent_kernel = drecurrent_kernel.add(step.drecurrent_kernel);
        drecurrent_bias = match (drecurrent_bias, step.drecurrent_bias) {
            (Some(sum), Some(term)) => Some(sum.add(term)),
            (sum, term) => sum.or(term),
        };
    }
    let of_rows = |dx: DynTensor<B>| match &how.places {
        Some(places) => embedding::reference_backward(rows, places.indices(&dx.device()), dx),
        None => dx,
    };
    if time == 0 {
        return [Some(of_rows(inputs.x.zeros_like())), None, None, None, Some(stack(dstates))];
    }
    if !how.reverse {
        dz.reverse();
    }
    let dz = DynTensor::concatenate(dz, 0);
    let dx = want[0].then(|| {
        let dx = dz.clone().matmul(inputs.kernel.t());
        of_rows(dx.reshape(&[time, batch, features]).permute(&[1, 0, 2]))
    });
    let dkernel = want[1].then(|| inputs.x.permute(&[1, 0, 2]).rows().t().matmul(dz.clone()));
    let dbias = want[3].then(|| {
        let dbias = dz.sum_axis(0);
        match drecurrent_bias {
            Some(recurrent) => DynTensor::concatenate(vec![dbias, recurrent], 0),
            None => dbias.reshape(&[wide]),
        }
    });
    [dx, dkernel, want[2].then_some(drecurrent_kernel), dbias, want[4].then(|| stack(dstates))]
}
