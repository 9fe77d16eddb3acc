//! Convolution and its cotangents as sums of products at given places (`product.rs`); nothing is gathered or padded.
//!
//! - output: row = output position, step = kernel element and channel, factor = kernel
//! - cotangent of the input: row = input position, step = kernel element and filter, factor = kernel, transposed
//! - cotangent of the kernel: row = kernel element and channel, step = output position, factor = cotangent of `y`
//!
//! Positions that meet the same kernel elements inside the other image form a class: away from the ends there is
//! one, or one a phase of the stride. So padding, stride and dilation cost no product with a zero.
//!
//! Threads: the batch is cut into up to eight tasks of whole images whatever the number of threads; each has its own
//! sum of the kernel's cotangent. A task goes through blocks of images that fit the second-level cache, in which bias
//! and rectifier are applied as sums are stored, and all three cotangents are computed while a block is there.
//!
//! One to three spatial axes; missing ones are axes of length 1 in front.

use std::ops::Range;
use std::sync::Arc;

use super::depthwise;
use super::gemm::{add_column_sums, add_row};
use super::host::HostTensor;
use super::impl_for_cpu;
use super::kept::Kept;
use super::pool::three;
use super::product::{Factor, Finish, Places, products};
use super::tasks;
use crate::DynTensor;
use crate::ops::{Activation, ConvGeometry, ConvOps, conv};

/// Numbers of source and output in a block of images: 256 KiB.
const BLOCK: usize = 65_536;

/// Tasks into which a batch is cut at most.
const TASKS: usize = 8;

/// The lengths of a convolution over `[n, d, h, w, c]`.
#[derive(Clone, PartialEq, Eq)]
struct Plan {
    batch: usize,
    input: [usize; 3],
    output: [usize; 3],
    channels: usize,
    filters: usize,
    kernel: [usize; 3],
    stride: [usize; 3],
    dilation: [usize; 3],
    before: [usize; 3],
    groups: usize,
}

/// Positions that meet the same kernel elements.
struct Class {
    /// The positions of a block of images: where their sums begin in the source, and their numbers.
    positions: Places,
    /// Kernel elements and channels: the place beside the position's, and the row of the kernel.
    elements: Places,
}

/// The positions of one axis that meet the same kernel elements.
struct AxisClass {
    positions: Vec<usize>,
    /// How far the place in the source is from that of the first position.
    shifts: Vec<usize>,
    elements: Vec<usize>,
    /// Where the first position meets each of them.
    places: Vec<usize>,
}

fn axis_classes(len: usize, kernel: usize, meet: impl Fn(usize, usize) -> Option<usize>) -> Vec<AxisClass> {
    let mut classes: Vec<AxisClass> = vec![];
    for position in 0..len {
        let met = (0..kernel).filter_map(|element| Some((element, meet(position, element)?)));
        let (elements, places): (Vec<usize>, Vec<usize>) = met.unzip();
        match classes.iter_mut().find(|class| class.elements == elements) {
            Some(class) => {
                class.positions.push(position);
                class.shifts.push(places.first().map_or(0, |place| place - class.places[0]));
            }
            None => classes.push(AxisClass { positions: vec![position], shifts: vec![0], elements, places }),
        }
    }
    classes
}

/// The flat index of a position on a grid.
fn flat([_, height, width]: [usize; 3], [d, h, w]: [usize; 3]) -> usize {
    (d * height + h) * width + w
}

fn combinations([a, b, c]: [&[usize]; 3]) -> impl Iterator<Item = [usize; 3]> + '_ {
    a.iter().flat_map(move |&a| b.iter().flat_map(move |&b| c.iter().map(move |&c| [a, b, c])))
}

impl Plan {
    fn new(x: &[usize], kernel: &[usize], geometry: &ConvGeometry) -> Self {
        let axes = kernel.len() - 2;
        let output: Vec<usize> =
            (0..axes).map(|axis| geometry.output_len(axis, x[axis + 1], kernel[axis])).collect();
        Self {
            batch: x[0],
            input: three(x[1..=axes].iter().copied(), 1),
            output: three(output.into_iter(), 1),
            channels: x[axes + 1],
            filters: kernel[axes + 1],
            kernel: three(kernel[..axes].iter().copied(), 1),
            stride: three(geometry.stride.iter().copied(), 1),
            dilation: three(geometry.dilation.iter().copied(), 1),
            before: three(geometry.padding.iter().map(|padding| padding.0), 0),
            groups: geometry.groups,
        }
    }

    /// Channels of a group.
    fn depth(&self) -> usize {
        self.channels / self.groups
    }

    /// Filters of a group.
    fn width(&self) -> usize {
        self.filters / self.groups
    }

    fn is_depthwise(&self) -> bool {
        self.depth() == 1 && self.width() == 1 && self.groups > 1
    }

    /// Rows of the kernel as a matrix.
    fn patch(&self) -> usize {
        self.kernel.iter().product::<usize>() * self.depth()
    }

    /// Numbers of an image.
    fn image(&self) -> usize {
        self.input.iter().product::<usize>() * self.channels
    }

    /// Numbers of an image's output.
    fn result(&self) -> usize {
        self.output.iter().product::<usize>() * self.filters
    }

    /// Images of a task, and multiply-adds of all.
    fn tasks(&self) -> (usize, usize) {
        let cost = self.batch * self.result() * self.patch();
        (self.batch.div_ceil(TASKS).max(1), cost)
    }

    /// Images of a block.
    fn block(&self) -> usize {
        (BLOCK / (self.image() + self.result()).max(1)).clamp(1, self.tasks().0)
    }

    /// The blocks of a task of `images` images.
    fn blocks(&self, images: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let block = self.block();
        (0..images).step_by(block).map(move |start| start..(start + block).min(images))
    }

    /// The classes of positions on `grid`, whose axes meet places on `source` by `meet`; a kernel element is a run of
    /// `run` numbers of the source's `pitch`.
    fn classes(
        &self,
        grid: [usize; 3],
        (source, pitch, run): ([usize; 3], usize, usize),
        meet: impl Fn(usize, usize, usize) -> Option<usize>,
    ) -> Vec<Class> {
        let axes: [Vec<AxisClass>; 3] = std::array::from_fn(|axis| {
            axis_classes(grid[axis], self.kernel[axis], |position, element| meet(axis, position, element))
        });
        let per_image = [grid, source].map(|lengths| lengths.iter().product::<usize>());
        let mut classes = vec![];
        for d in &axes[0] {
            for h in &axes[1] {
                for w in &axes[2] {
                    let class = [d, h, w];
                    let (mut positions, mut elements) = (Places::default(), Places::default());
                    for image in 0..self.block() {
                        let shifts = combinations(class.map(|axis| &axis.shifts[..]));
                        let numbers = combinations(class.map(|axis| &axis.positions[..]));
                        for (shift, number) in shifts.zip(numbers) {
                            let place = (image * per_image[1] + flat(source, shift)) * pitch;
                            positions.push(place, image * per_image[0] + flat(grid, number));
                        }
                    }
                    let places = combinations(class.map(|axis| &axis.places[..]));
                    let numbers = combinations(class.map(|axis| &axis.elements[..]));
                    for (place, number) in places.zip(numbers) {
                        for at in 0..run {
                            elements
                                .push(flat(source, place) * pitch + at, flat(self.kernel, number) * run + at);
                        }
                    }
                    classes.push(Class { positions, elements });
                }
            }
        }
        classes
    }

    /// Output positions and what they meet of the input.
    fn forward_classes(&self) -> Arc<[Class]> {
        FORWARD_CLASSES.get(self, || {
            let source = (self.input, self.channels, self.depth());
            let classes = self.classes(self.output, source, |axis, position, element| {
                let padded = position * self.stride[axis] + element * self.dilation[axis];
                padded.checked_sub(self.before[axis]).filter(|&place| place < self.input[axis])
            });
            classes.into()
        })
    }

    /// Input positions and what they meet of the output.
    fn backward_classes(&self) -> Arc<[Class]> {
        BACKWARD_CLASSES.get(self, || {
            let source = (self.output, self.filters, self.width());
            let classes = self.classes(self.input, source, |axis, position, element| {
                let shift = (position + self.before[axis]).checked_sub(element * self.dilation[axis])?;
                let place = shift / self.stride[axis];
                (shift.is_multiple_of(self.stride[axis]) && place < self.output[axis]).then_some(place)
            });
            classes.into()
        })
    }
}

/// The classes of the last few convolutions.
static FORWARD_CLASSES: Kept<Plan, [Class]> = Kept::new();
static BACKWARD_CLASSES: Kept<Plan, [Class]> = Kept::new();

/// The kernel `[elements, depth, filters]` of a group as rows `[elements, width]` of `depth` columns.
fn transposed(plan: &Plan, kernel: &[f32], group: usize) -> Factor<'static> {
    let (depth, width, filters) = (plan.depth(), plan.width(), plan.filters);
    Factor::from_fn(plan.patch() / depth * width, depth, |row, channel| {
        let (element, filter) = (row / width, row % width);
        kernel[(element * depth + channel) * filters + group * width + filter]
    })
}

/// The biases of each group, with zeros up to whole vectors.
fn padded_biases(bias: &[f32], width: usize) -> Vec<Vec<f32>> {
    let padded = |bias: &[f32]| {
        let mut bias = bias.to_vec();
        bias.resize(width.next_multiple_of(16), 0.0);
        bias
    };
    bias.chunks(width).map(padded).collect()
}

fn forward(plan: &Plan, x: &[f32], kernel: &[f32], bias: Option<&[f32]>, relu: bool) -> Vec<f32> {
    let (filters, depth, width) = (plan.filters, plan.depth(), plan.width());
    let classes = plan.forward_classes();
    let groups = if plan.is_depthwise() { 0 } else { plan.groups };
    let uses = plan.batch * plan.output.iter().product::<usize>();
    let factor = |group| Factor::new(kernel, filters, group * width, width, uses);
    let kernels: Vec<Factor<'_>> = (0..groups).map(factor).collect();
    let biases = bias.map(|bias| padded_biases(bias, width));
    let mut y = tasks::unwritten(plan.batch * plan.result());
    let (images, cost) = plan.tasks();
    let parts = y.chunks_mut((images * plan.result()).max(1)).collect();
    tasks::each(parts, cost, |task, y: &mut [f32]| {
        for block in plan.blocks(y.len() / plan.result()) {
            let first = task * images + block.start;
            let x = &x[first * plan.image()..(first + block.len()) * plan.image()];
            let y = &mut y[block.start * plan.result()..block.end * plan.result()];
            for class in classes.iter() {
                let positions =
                    class.positions.first(class.positions.source.len() / plan.block() * block.len());
                if plan.is_depthwise() {
                    depthwise::forward(x, kernel, y, filters, positions, class.elements.all());
                    continue;
                }
                for (group, kernel) in kernels.iter().enumerate() {
                    products(
                        &x[group * depth..],
                        kernel,
                        (&mut y[group * width..], filters),
                        positions,
                        class.elements.all(),
                        Finish { add: false, bias: biases.as_ref().map(|biases| &*biases[group]), relu },
                    );
                }
            }
            if plan.is_depthwise() {
                depthwise::finish(y, bias, relu);
            }
        }
    });
    y
}

/// What the cotangents are computed from.
struct Backward<'a> {
    x: &'a [f32],
    kernel: &'a [f32],
    /// The output, where a rectifier followed.
    rectified: Option<&'a [f32]>,
    dy: &'a [f32],
}

/// The cotangents of input, kernel and bias, those that are wanted.
fn backward(
    plan: &Plan,
    from: &Backward<'_>,
    [want_x, want_kernel, want_bias]: [bool; 3],
) -> [Option<Vec<f32>>; 3] {
    let (filters, depth, width) = (plan.filters, plan.depth(), plan.width());
    let groups = if plan.is_depthwise() { 0 } else { plan.groups };
    let to_input = if want_x { plan.backward_classes() } else { Arc::new([]) };
    let to_kernel = if want_kernel { plan.forward_classes() } else { Arc::new([]) };
    let kernels: Vec<Factor<'_>> =
        (0..if want_x { groups } else { 0 }).map(|group| transposed(plan, from.kernel, group)).collect();
    let (images, cost) = plan.tasks();
    let mut dx = tasks::unwritten(if want_x { plan.batch * plan.image() } else { 0 });
    let mut parts: Vec<Option<&mut [f32]>> = vec![];
    if want_x {
        parts.extend(dx.chunks_mut((images * plan.image()).max(1)).map(Some));
    } else {
        parts.resize_with(plan.batch.div_ceil(images), || None);
    }
    let sums = tasks::each(parts, 2 * cost, |task, mut dx| {
        let mut dkernel = vec![0.0; if want_kernel { plan.patch() * filters } else { 0 }];
        let mut dbias = vec![0.0; filters];
        let mut masked = vec![];
        let start = task * images;
        for block in plan.blocks(images.min(plan.batch - start)) {
            let first = start + block.start;
            let results = first * plan.result()..(first + block.len()) * plan.result();
            let dz = match from.rectified {
                None => {
                    let dz = &from.dy[results];
                    if want_bias {
                        add_column_sums(dz, &mut dbias);
                    }
                    dz
                }
                Some(y) => {
                    masked.resize(results.len(), 0.0);
                    mask(&y[results.clone()], &from.dy[results], &mut masked, &mut dbias, filters);
                    &masked[..]
                }
            };
            let count = |class: &Class| class.positions.source.len() / plan.block() * block.len();
            if want_kernel {
                let x = &from.x[first * plan.image()..(first + block.len()) * plan.image()];
                for group in 0..groups {
                    let dz = Factor::new(dz, filters, group * width, width, plan.patch());
                    for class in to_kernel.iter() {
                        products(
                            &x[group * depth..],
                            &dz,
                            (&mut dkernel[group * width..], filters),
                            class.elements.all(),
                            class.positions.first(count(class)),
                            Finish { add: true, ..Finish::default() },
                        );
                    }
                }
                if plan.is_depthwise() {
                    for class in to_kernel.iter() {
                        let positions = class.positions.first(count(class));
                        depthwise::kernel(x, dz, &mut dkernel, filters, positions, class.elements.all());
                    }
                }
            }
            if let Some(dx) = &mut dx {
                let dx = &mut dx[block.start * plan.image()..block.end * plan.image()];
                for class in to_input.iter() {
                    let positions = class.positions.first(count(class));
                    if plan.is_depthwise() {
                        depthwise::forward(
                            dz,
                            from.kernel,
                            dx,
                            plan.channels,
                            positions,
                            class.elements.all(),
                        );
                    }
                    for (group, kernel) in kernels.iter().enumerate() {
                        products(
                            &dz[group * width..],
                            kernel,
                            (&mut dx[group * depth..], plan.channels),
                            positions,
                            class.elements.all(),
                            Finish::default(),
                        );
                    }
                }
            }
        }
        [dkernel, dbias]
    });
    let mut sums = sums.into_iter();
    let empty = || [vec![0.0; plan.patch() * filters], vec![0.0; filters]];
    let [dkernel, dbias] = sums.next().map_or_else(empty, |first| {
        sums.fold(first, |mut total, part| {
            let sums = total.iter_mut().zip(&part).filter(|(_, part)| !part.is_empty());
            sums.for_each(|(total, part)| add_row(total, part));
            total
        })
    });
    [want_x.then_some(dx), want_kernel.then_some(dkernel), want_bias.then_some(dbias)]
}

simd_fn! {
    /// `dz = dy` where `y` is positive, else 0; `dbias` gains the sum of the rows of `dz`.
    fn mask(y: &[f32], dy: &[f32], dz: &mut [f32], dbias: &mut [f32], filters: usize) {
        let rows = dz.chunks_exact_mut(filters).zip(dy.chunks_exact(filters)).zip(y.chunks_exact(filters));
        for ((dz, dy), y) in rows {
            mask_row(y, dy, dz, dbias);
        }
    }
}

#[inline(always)]
fn mask_row(y: &[f32], dy: &[f32], dz: &mut [f32], dbias: &mut [f32]) {
    for (((dz, dy), y), dbias) in dz.iter_mut().zip(dy).zip(y).zip(dbias) {
        *dz = if *y > 0.0 { *dy } else { 0.0 };
        *dbias += *dz;
    }
}

impl_for_cpu!(ConvOps {
    fn conv(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        bias: Option<DynTensor<Self>>,
        activation: Activation,
        geometry: &ConvGeometry,
    ) -> DynTensor<Self> {
        let relu = match activation {
            Activation::Linear => false,
            Activation::Relu => true,
            _ => return conv::unfused(x, kernel, bias, activation, geometry),
        };
        let (x, kernel, bias) = (x.standard(), kernel.standard(), bias.map(HostTensor::standard));
        let (mut shape, size) = (x.shape(), kernel.shape());
        let plan = Plan::new(&shape, &size, geometry);
        for axis in 0..size.len() - 2 {
            shape[axis + 1] = geometry.output_len(axis, shape[axis + 1], size[axis]);
        }
        *shape.last_mut().expect("channels") = plan.filters;
        let y = forward(&plan, x.floats(), kernel.floats(), bias.as_ref().map(HostTensor::floats), relu);
        DynTensor::from_floats(y, &shape)
    }

    fn conv_backward(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        y: DynTensor<Self>,
        dy: DynTensor<Self>,
        activation: Activation,
        geometry: &ConvGeometry,
        want: [bool; 3],
    ) -> [Option<DynTensor<Self>>; 3] {
        let relu = match activation {
            Activation::Linear => false,
            Activation::Relu => true,
            _ => return conv::unfused_backward(x, kernel, y, dy, activation, geometry, want),
        };
        let (x, kernel, y, dy) = (x.standard(), kernel.standard(), y.standard(), dy.standard());
        let shapes = [x.shape(), kernel.shape(), vec![kernel.shape()[kernel.rank() - 1]]];
        let plan = Plan::new(&shapes[0], &shapes[1], geometry);
        let from = Backward {
            x: x.floats(),
            kernel: kernel.floats(),
            rectified: relu.then(|| y.floats()),
            dy: dy.floats(),
        };
        let mut shapes = shapes.iter();
        backward(&plan, &from, want).map(|cotangent| {
            let shape = shapes.next().expect("a shape a cotangent");
            cotangent.map(|values| DynTensor::from_floats(values, shape))
        })
    }

    fn conv_input(
        dy: DynTensor<Self>,
        kernel: DynTensor<Self>,
        geometry: &ConvGeometry,
        shape: &[usize],
    ) -> DynTensor<Self> {
        let (dy, kernel) = (dy.standard(), kernel.standard());
        let plan = Plan::new(shape, &kernel.shape(), geometry);
        let from = Backward { x: &[], kernel: kernel.floats(), rectified: None, dy: dy.floats() };
        let [dx, ..] = backward(&plan, &from, [true, false, false]);
        DynTensor::from_floats(dx.expect("it is wanted"), shape)
    }

    fn conv_kernel(
        x: DynTensor<Self>,
        dy: DynTensor<Self>,
        geometry: &ConvGeometry,
        shape: &[usize],
    ) -> DynTensor<Self> {
        let (x, dy) = (x.standard(), dy.standard());
        let plan = Plan::new(&x.shape(), shape, geometry);
        let from = Backward { x: x.floats(), kernel: &[], rectified: None, dy: dy.floats() };
        let [_, dkernel, _] = backward(&plan, &from, [false, true, false]);
        DynTensor::from_floats(dkernel.expect("it is wanted"), shape)
    }
});
