//! The cotangents of a convolution's input, kernel and bias, all three while a block of images is in the cache.

use std::sync::Arc;

use super::super::depthwise;
use super::super::factor::Factor;
use super::super::gemm::{add_column_sums, add_row};
use super::super::pool::MaxWindows;
use super::super::product::{Finish, products};
use super::super::tasks;
use super::plan::{Class, Plan};
use super::winograd;

/// The kernel `[elements, depth, filters]` of a group as rows `[elements, width]` of `depth` columns.
fn transposed(plan: &Plan, kernel: &[f32], group: usize) -> Factor<'static> {
    let (depth, width, filters) = (plan.depth(), plan.width(), plan.filters);
    Factor::from_fn(plan.patch() / depth * width, depth, |row, channel| {
        let (element, filter) = (row / width, row % width);
        kernel[(element * depth + channel) * filters + group * width + filter]
    })
}

/// What the cotangents are computed from.
pub(super) struct Backward<'a> {
    pub(super) x: &'a [f32],
    pub(super) kernel: &'a [f32],
    pub(super) dy: &'a [f32],
    pub(super) behind: Behind<'a>,
}

/// What followed the sums, of which `dy` is the cotangent.
pub(super) enum Behind<'a> {
    Nothing,
    /// A rectifier, whose output this is.
    Relu(&'a [f32]),
    /// Maxima over windows, whose output and places these are, behind a rectifier or not.
    Pool {
        windows: &'a MaxWindows,
        y: &'a [f32],
        places: &'a [u8],
        relu: bool,
    },
}

/// The cotangents of input, kernel and bias, those that are wanted.
pub(super) fn backward(
    plan: &Plan,
    from: &Backward<'_>,
    [want_x, want_kernel, want_bias]: [bool; 3],
) -> [Option<Vec<f32>>; 3] {
    let (filters, depth, width) = (plan.filters, plan.depth(), plan.width());
    let groups = if plan.is_depthwise() { 0 } else { plan.groups };
    let grid = plan.grid();
    let [x_by_places, kernel_by_places] = [want_x, want_kernel].map(|wanted| wanted && grid.is_none());
    let to_input = if x_by_places { plan.backward_classes() } else { Arc::new([]) };
    let to_kernel = if kernel_by_places { plan.forward_classes() } else { Arc::new([]) };
    let kernels: Vec<Factor<'_>> =
        (0..if x_by_places { groups } else { 0 }).map(|group| transposed(plan, from.kernel, group)).collect();
    let transformed = (want_x && grid.is_some())
        .then(|| winograd::Kernels::transposed(from.kernel, plan.channels, filters));
    let summed = match grid {
        Some(_) => winograd::kernel_elements(plan.channels, filters),
        None => plan.patch() * filters,
    };
    let (images, cost) = plan.tasks();
    let mut dx = tasks::unwritten(if want_x { plan.batch * plan.image() } else { 0 });
    let mut parts: Vec<Option<&mut [f32]>> = vec![];
    if want_x {
        parts.extend(dx.chunks_mut((images * plan.image()).max(1)).map(Some));
    } else {
        parts.resize_with(plan.batch.div_ceil(images), || None);
    }
    let pooled = matches!(from.behind, Behind::Pool { .. });
    let moved = if pooled { 2 * tasks::MOVE * plan.batch * plan.result() } else { 0 };
    let sums = tasks::each(parts, 2 * cost + moved, |task, mut dx| {
        let mut dkernel = vec![0.0; if want_kernel { summed } else { 0 }];
        let mut dbias = vec![0.0; filters];
        let mut of_sums = vec![];
        let start = task * images;
        for block in plan.blocks(images.min(plan.batch - start)) {
            let first = start + block.start;
            let results = first * plan.result()..(first + block.len()) * plan.result();
            let dz = match from.behind {
                Behind::Nothing => {
                    let dz = &from.dy[results];
                    if want_bias {
                        add_column_sums(dz, &mut dbias);
                    }
                    dz
                }
                Behind::Relu(y) => {
                    of_sums.resize(results.len(), 0.0);
                    mask(&y[results.clone()], &from.dy[results], &mut of_sums, &mut dbias, filters);
                    &of_sums[..]
                }
                Behind::Pool { windows, y, places, relu } => {
                    of_sums.resize(results.len(), 0.0);
                    let images = of_sums.chunks_exact_mut(plan.result());
                    for (image, dz) in (first..).zip(images) {
                        let at = image * windows.result()..(image + 1) * windows.result();
                        let kept = [&y[at.clone()], &from.dy[at.clone()]];
                        windows.cotangent(kept, &places[at], relu, dz, &mut dbias);
                    }
                    &of_sums[..]
                }
            };
            let count = |class: &Class| class.positions.source.len() / plan.block() * block.len();
            let x = match want_kernel {
                true => &from.x[first * plan.image()..(first + block.len()) * plan.image()],
                false => &[],
            };
            let mut dx = dx.as_mut().map(|dx| &mut dx[block.start * plan.image()..block.end * plan.image()]);
            if let Some(grid) = grid {
                let kernel = want_kernel.then_some((x, &mut dkernel[..]));
                let input = transformed.as_ref().zip(dx.as_deref_mut());
                winograd::cotangents(grid, (dz, filters), plan.channels, kernel, input);
            }
            if kernel_by_places {
                for group in 0..groups {
                    let shape = [dz.len() / filters, width];
                    let dz = Factor::new(&dz[group * width..], filters, shape, plan.patch());
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
        if grid.is_some() && want_kernel {
            dkernel = winograd::kernel_cotangent(&dkernel, plan.channels * filters);
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
