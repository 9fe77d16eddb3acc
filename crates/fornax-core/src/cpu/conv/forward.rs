//! The output of a convolution, block by block, and the maxima over windows of it.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::depthwise;
use super::super::factor::{Factor, whole_lines};
use super::super::pool::MaxWindows;
use super::super::product::{Finish, products};
use super::super::tasks;
use super::plan::{Class, Plan};
use super::winograd::{self, Grid};

/// What all blocks of a convolution share.
pub(super) struct Forward<'a> {
    pub(super) plan: &'a Plan,
    /// Of the images, where they are transformed.
    grid: Grid,
    /// Where they are not.
    classes: Arc<[Class]>,
    weights: Arc<Weights<'a>>,
}

/// The weights of a convolution, as its kernels take them.
struct Weights<'a> {
    kernel: &'a [f32],
    /// Where fewer multiplications do.
    transformed: Option<winograd::Kernels>,
    /// One a group, none of a depthwise convolution, nor of a transformed one.
    kernels: Vec<Factor<'a>>,
    bias: Option<&'a [f32]>,
    /// The biases of each group, with zeros up to whole vectors.
    biases: Option<Vec<Cow<'a, [f32]>>>,
    relu: bool,
}

impl<'a> Forward<'a> {
    pub(super) fn new(plan: &'a Plan, kernel: &'a [f32], bias: Option<&'a [f32]>, relu: bool) -> Self {
        let (filters, width) = (plan.filters, plan.width());
        let transformed = plan.grid().map(|_| winograd::Kernels::new(kernel, plan.channels, filters));
        let groups = if plan.is_depthwise() || transformed.is_some() { 0 } else { plan.groups };
        let uses = plan.batch * plan.output.iter().product::<usize>();
        let rows = kernel.len().checked_div(filters).unwrap_or(0);
        let factor = |group| Factor::new(&kernel[group * width..], filters, [rows, width], uses);
        let kernels = (0..groups).map(factor).collect();
        let biases = bias.map(|bias| bias.chunks(width).map(whole_lines).collect());
        Self::with(plan, Weights { kernel, transformed, kernels, bias, biases, relu }.into())
    }

    fn with(plan: &'a Plan, weights: Arc<Weights<'a>>) -> Self {
        let classes = if weights.transformed.is_some() { Arc::new([]) } else { plan.forward_classes() };
        Self { plan, grid: plan.images(), classes, weights }
    }

    /// The same weights for a part of the images.
    pub(super) fn of_part<'b>(&self, plan: &'b Plan) -> Forward<'b>
    where
        'a: 'b,
    {
        Forward::with(plan, self.weights.clone())
    }

    /// Whether tiles of two rows are transformed.
    pub(super) fn is_transformed(&self) -> bool {
        self.weights.transformed.is_some()
    }

    /// The output of the whole batch.
    pub(super) fn all(&self, x: &[f32]) -> Vec<f32> {
        let plan = self.plan;
        let mut y = tasks::unwritten(plan.batch * plan.result());
        let (images, cost) = plan.tasks();
        let parts = y.chunks_mut((images * plan.result()).max(1)).collect();
        tasks::each(parts, cost, |task, y: &mut [f32]| {
            for block in plan.blocks(y.len() / plan.result()) {
                let first = task * images + block.start;
                let x = &x[first * plan.image()..(first + block.len()) * plan.image()];
                self.block(x, &mut y[block.start * plan.result()..block.end * plan.result()]);
            }
        });
        y
    }

    /// The maxima over windows of the output of the whole batch, and the place of each in its window where that is kept. The
    /// output itself is only there for a block of images at a time.
    pub(super) fn pooled(&self, x: &[f32], windows: &MaxWindows, keep: bool) -> (Vec<f32>, Vec<u8>) {
        let (plan, result) = (self.plan, windows.result());
        let mut y = tasks::unwritten(plan.batch * result);
        let mut places = tasks::unwritten_bytes(if keep { plan.batch * result } else { 0 });
        let (images, cost) = plan.tasks();
        let parts = y.chunks_mut((images * result).max(1));
        let mut places_of = places.chunks_mut((images * result).max(1));
        let parts = parts.map(|y| (y, places_of.next().unwrap_or_default())).collect();
        let cost = cost + tasks::MOVE * plan.batch * plan.result();
        tasks::each(parts, cost, |task, (y, places): (&mut [f32], &mut [u8])| {
            let mut whole = tasks::unwritten(plan.block() * plan.result());
            for block in plan.blocks(y.len() / result) {
                let first = task * images + block.start;
                let x = &x[first * plan.image()..(first + block.len()) * plan.image()];
                let whole = &mut whole[..block.len() * plan.result()];
                self.block(x, whole);
                for (at, image) in block.zip(whole.chunks_exact(plan.result())) {
                    let to = at * result..(at + 1) * result;
                    let places = if keep { &mut places[to.clone()] } else { &mut [] };
                    windows.maxima(image, &mut y[to], places);
                }
            }
        });
        (y, places)
    }

    /// The output of a few images.
    pub(super) fn block(&self, x: &[f32], y: &mut [f32]) {
        let (plan, weights) = (self.plan, &*self.weights);
        let (filters, depth, width) = (plan.filters, plan.depth(), plan.width());
        if let Some(kernels) = &weights.transformed {
            let bias = weights.biases.as_ref().map(|biases| &*biases[0]);
            let (x, y) = ((x, plan.channels), (y, filters));
            return winograd::correlate(self.grid, x, kernels, y, bias, weights.relu);
        }
        for class in self.classes.iter() {
            let images = y.len() / plan.result();
            let positions = class.positions.first(class.positions.source.len() / plan.block() * images);
            if plan.is_depthwise() {
                depthwise::forward(x, weights.kernel, y, filters, positions, class.elements.all());
                continue;
            }
            for (group, kernel) in weights.kernels.iter().enumerate() {
                let bias = weights.biases.as_ref().map(|biases| &*biases[group]);
                products(
                    &x[group * depth..],
                    kernel,
                    (&mut y[group * width..], filters),
                    positions,
                    class.elements.all(),
                    Finish { add: false, bias, relu: weights.relu },
                );
            }
        }
        if plan.is_depthwise() {
            depthwise::finish(y, weights.bias, weights.relu);
        }
    }
}
