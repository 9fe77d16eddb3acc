//! Pooling: a statistic of each window, and where its cotangent goes.

use fornax_core::ops::{PoolKind, PoolOps, Window};
use fornax_core::{Backend, Flex, NdArray, Philox};
use fornax_testkit::{Oracle, assert_close, gradient::check_gradient};
use proptest::prelude::*;

use super::{Point, Recorded, config, index, point, positions, tensor, to_f32};

/// A window and the shape of the input it slides over.
#[derive(Clone, Debug)]
struct Case {
    window: Window,
    x: Vec<usize>,
}

impl Case {
    /// The indices in `x` of each window's elements that are not padding, an output position each.
    fn windows(&self) -> Vec<Vec<usize>> {
        let Window { size, stride, padding } = &self.window;
        let axes = size.len();
        let elements = |at: Vec<usize>| {
            let inside = positions(size).filter_map(|offset| {
                let spatial = (0..axes).map(|axis| {
                    let position = (at[axis + 1] * stride[axis] + offset[axis]).checked_sub(padding[axis].0);
                    position.filter(|&position| position < self.x[axis + 1])
                });
                let spatial = spatial.collect::<Option<Vec<usize>>>()?;
                Some(index(&self.x, &[&at[..1], &spatial, &at[axes + 1..]].concat()))
            });
            inside.collect()
        };
        positions(&self.window.output_shape(&self.x)).map(elements).collect()
    }

    /// Few different values, so that many windows have several largest elements.
    fn ties(&self) -> Point {
        let mut random = Philox::new(5);
        let len = self.x.iter().product();
        (self.x.clone(), (0..len).map(|_| random.below(4) as f32 - 2.0).collect())
    }

    fn check_all(&self, kind: PoolKind) {
        for x in [point(&self.x, 1), self.ties()] {
            let dy = point(&self.window.output_shape(&self.x), 2);
            let (mut y, mut dx) = (vec![], vec![0.0; x.1.len()]);
            for (window, dy) in self.windows().iter().zip(&dy.1) {
                let largest = window.iter().rev().max_by(|&&a, &&b| x.1[a].total_cmp(&x.1[b])).unwrap();
                match kind {
                    PoolKind::Max => {
                        y.push(f64::from(x.1[*largest]));
                        dx[*largest] += f64::from(*dy);
                    }
                    PoolKind::Average => {
                        let count = window.len() as f64;
                        y.push(window.iter().map(|&at| f64::from(x.1[at])).sum::<f64>() / count);
                        window.iter().for_each(|&at| dx[at] += f64::from(*dy) / count);
                    }
                }
            }
            let wanted = [y, dx].map(|values| to_f32(&values));
            self.check::<Oracle>(kind, &x, &dy, &wanted);
            self.check::<Flex>(kind, &x, &dy, &wanted);
            self.check::<NdArray>(kind, &x, &dy, &wanted);
        }
    }

    fn check<B: Backend>(&self, kind: PoolKind, x: &Point, dy: &Point, [y, dx]: &[Vec<f32>; 2]) {
        let place =
            |what: &str| format!("{what} of {kind:?} on {} of {self:?}", B::name(&Default::default()));
        let (x, dy) = (tensor::<B>(x), tensor::<B>(dy));
        let found = B::pool(x.clone(), &self.window, kind);
        assert_eq!(found.shape(), dy.shape());
        assert_close(&found.to_vec(), y, 1e-6, &place("output"));
        let found = B::pool_backward(x, found, dy, &self.window, kind);
        assert_eq!(found.shape(), self.x);
        assert_close(&found.to_vec(), dx, 1e-5, &place("cotangent"));
    }
}

/// Lengths of input and window, stride and padding of one axis, such that every window meets the input.
fn axis(longest: usize) -> impl Strategy<Value = [usize; 5]> {
    let lengths: Vec<usize> = [1, 2, 3, 5, 7].into_iter().filter(|&len| len <= longest).collect();
    (prop::sample::select(lengths), 1..=3usize, 1..=4usize, 0..=2usize, 0..=2usize)
        .prop_map(|(input, size, stride, before, after)| {
            [input, size, stride, before.min(size - 1), after.min(size - 1)]
        })
        .prop_filter("the window fits", |[input, size, _, before, after]| input + before + after >= *size)
}

fn case(longest: usize) -> impl Strategy<Value = Case> {
    let axes = (1..=3usize).prop_flat_map(move |axes| {
        prop::collection::vec(axis(if axes == 3 { longest.min(3) } else { longest }), axes)
    });
    (axes, 1..=2usize, prop::sample::select(&[1usize, 2, 9][..])).prop_map(|(axes, batch, channels)| {
        let component = |at: usize| axes.iter().map(move |axis| axis[at]);
        Case {
            window: Window {
                size: component(1).collect(),
                stride: component(2).collect(),
                padding: component(3).zip(component(4)).collect(),
            },
            x: [batch].into_iter().chain(component(0)).chain([channels]).collect(),
        }
    })
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn statistics_are_those_of_plain_loops(case in case(7)) {
        case.check_all(PoolKind::Max);
        case.check_all(PoolKind::Average);
    }
}

proptest! {
    #![proptest_config(config(12))]

    #[test]
    fn gradients_are_finite_differences(case in case(3)) {
        for kind in [PoolKind::Max, PoolKind::Average] {
            check_gradient(&[point(&case.x, 1)], 2e-4, |tensors| {
                vec![Recorded::pool(tensors[0].clone(), &case.window, kind)]
            });
        }
    }
}
