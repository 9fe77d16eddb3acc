//! Convolution: one sum of products `x W dy`, of which the three maps are the partial sums.

use fornax_core::ops::{Activation, BeforePool, ConvGeometry, ConvOps, ConvPool, PoolKind, Window};
use fornax_core::{Autodiff, Backend, DynTensor, Flex, NdArray, Philox};
use fornax_testkit::{Oracle, assert_close, gradient::check_gradient};
use proptest::prelude::*;

use super::{Point, Recorded, config, index, point, positions, tensor, to_f32};

/// A convolution with all its tensors.
#[derive(Clone, Debug)]
struct Case {
    geometry: ConvGeometry,
    x: Vec<usize>,
    kernel: Vec<usize>,
}

impl Case {
    fn axes(&self) -> usize {
        self.kernel.len() - 2
    }

    fn y(&self) -> Vec<usize> {
        let mut y = self.x.clone();
        for axis in 0..self.axes() {
            y[axis + 1] = self.geometry.output_len(axis, self.x[axis + 1], self.kernel[axis]);
        }
        y[self.axes() + 1] = self.kernel[self.axes() + 1];
        y
    }

    /// Values of at most about 1, so that long sums do not lose digits.
    fn points(&self) -> [Point; 3] {
        [(&self.x, 1), (&self.kernel, 2), (&self.y(), 3)].map(|(shape, seed)| {
            let (shape, values) = point(shape, seed);
            let scale = (values.len() / 128).next_power_of_two() as f32;
            (shape, values.into_iter().map(|value| value / scale).collect())
        })
    }

    /// The indices in `x`, `W` and `y` of every product.
    fn terms(&self) -> Vec<[usize; 3]> {
        let (axes, y, geometry) = (self.axes(), self.y(), &self.geometry);
        let [depth, width] = [self.kernel[axes], self.kernel[axes + 1] / geometry.groups];
        let mut terms = vec![];
        for at in positions(&y) {
            for tap in positions(&self.kernel[..=axes]) {
                let filter = at[axes + 1];
                let spatial = (0..axes).map(|axis| {
                    let padded = at[axis + 1] * geometry.stride[axis] + tap[axis] * geometry.dilation[axis];
                    padded.checked_sub(geometry.padding[axis].0).filter(|&i| i < self.x[axis + 1])
                });
                let Some(spatial) = spatial.collect::<Option<Vec<usize>>>() else { continue };
                let channel = filter / width * depth + tap[axes];
                let from = [&at[..1], &spatial, &[channel]].concat();
                let tap = [&tap[..], &[filter]].concat();
                terms.push([index(&self.x, &from), index(&self.kernel, &tap), index(&y, &at)]);
            }
        }
        terms
    }

    /// The partial sums over all terms: the output, the cotangent of `x` and that of the kernel.
    fn wanted(&self) -> [Vec<f32>; 3] {
        let [x, kernel, dy] = self.points().map(|(_, values)| values);
        let mut sums = [dy.len(), x.len(), kernel.len()].map(|len| vec![0.0; len]);
        for [i, k, o] in self.terms() {
            let [x, kernel, dy] = [x[i], kernel[k], dy[o]].map(f64::from);
            sums[0][o] += x * kernel;
            sums[1][i] += dy * kernel;
            sums[2][k] += dy * x;
        }
        sums.map(|sums| to_f32(&sums))
    }

    /// What the order of a sum of so many products may change.
    fn tolerance(&self) -> f32 {
        let summands = self.y()[..=self.axes()].iter().product::<usize>();
        if summands > 1000 { 1e-4 } else { 2e-5 }
    }

    fn check_all(&self) {
        let wanted = self.wanted();
        self.check::<Oracle>(&wanted);
        self.check::<Flex>(&wanted);
        self.check::<NdArray>(&wanted);
    }

    /// The maps by plain operations, for cases of too many products to list.
    fn check_beside_oracle(&self) {
        let [x, kernel, dy] = self.points().map(|point| tensor::<Oracle>(&point));
        let wanted = [
            Oracle::conv(x.clone(), kernel.clone(), None, Activation::Linear, &self.geometry),
            Oracle::conv_input(dy.clone(), kernel, &self.geometry, &self.x),
            Oracle::conv_kernel(x, dy, &self.geometry, &self.kernel),
        ];
        let wanted = wanted.map(|values| values.to_vec());
        self.check::<Flex>(&wanted);
        self.check::<NdArray>(&wanted);
    }

    fn check<B: Backend>(&self, [y, dx, dkernel]: &[Vec<f32>; 3]) {
        let [x, kernel, dy] = self.points().map(|point| tensor::<B>(&point));
        let place = |what: &str| format!("{what} on {} of {self:?}", B::name(&Default::default()));
        let found = B::conv(x.clone(), kernel.clone(), None, Activation::Linear, &self.geometry);
        assert_eq!(found.shape(), self.y());
        assert_close(&found.to_vec(), y, self.tolerance(), &place("output"));
        let found = B::conv_input(dy.clone(), kernel, &self.geometry, &self.x);
        assert_eq!(found.shape(), self.x);
        assert_close(&found.to_vec(), dx, self.tolerance(), &place("cotangent of the input"));
        let found = B::conv_kernel(x.clone(), dy.clone(), &self.geometry, &self.kernel);
        assert_eq!(found.shape(), self.kernel);
        assert_close(&found.to_vec(), dkernel, self.tolerance(), &place("cotangent of the kernel"));
    }

    /// Bias and activation in the operation are those behind it, forward and backward.
    fn check_fused<B: Backend>(&self, activation: Activation) {
        let [x, kernel, dy] = self.points().map(|point| tensor::<B>(&point));
        let filters = self.kernel[self.axes() + 1];
        let bias = tensor::<B>(&point(&[filters], 4));
        let place =
            |what: &str| format!("{what}, {activation:?} on {} of {self:?}", B::name(&Default::default()));
        let geometry = &self.geometry;
        let z = B::conv(x.clone(), kernel.clone(), None, Activation::Linear, geometry);
        let y = B::activate(B::add_bias(z, bias.clone()), activation);
        let found = B::conv(x.clone(), kernel.clone(), Some(bias), activation, geometry);
        assert_close(&found.to_vec(), &y.to_vec(), 2e-5, &place("output"));
        let dz = B::activate_backward(y.clone(), y.clone(), dy.clone(), activation);
        let wanted = [
            B::conv_input(dz.clone(), kernel.clone(), geometry, &self.x),
            B::conv_kernel(x.clone(), dz.clone(), geometry, &self.kernel),
            B::add_bias_backward(dz),
        ];
        let all = [true; 3];
        let found =
            B::conv_backward(x.clone(), kernel.clone(), y.clone(), dy.clone(), activation, geometry, all);
        for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            assert_close(
                &found.as_ref().unwrap().to_vec(),
                &wanted.to_vec(),
                2e-5,
                &place(&format!("cotangent {at}")),
            );
        }
        for want in [[false; 3], [false, true, true], [true, false, false], [false, false, true]] {
            let (x, kernel, y, dy) = (x.clone(), kernel.clone(), y.clone(), dy.clone());
            let some = B::conv_backward(x, kernel, y, dy, activation, geometry, want);
            for ((found, whole), want) in some.iter().zip(&found).zip(want) {
                assert_eq!(found.is_some(), want);
                let wanted = want.then(|| whole.as_ref().unwrap().to_vec());
                assert_eq!(found.as_ref().map(DynTensor::to_vec), wanted, "some cotangents alone");
            }
        }
    }
}

impl Case {
    /// Windows over the output, of lengths, steps and padding that are cut to what fits.
    fn pooled(&self, activation: Activation, axes: &[[usize; 4]]) -> ConvPool {
        let y = self.y();
        let fitting = y[1..=self.axes()].iter().zip(axes).map(|(&len, &[size, stride, before, after])| {
            let size = size.min(len);
            (size, stride, (before.min(size - 1), after.min(size - 1)))
        });
        let mut pool = Window { size: vec![], stride: vec![], padding: vec![] };
        for (size, stride, padding) in fitting {
            pool.size.push(size);
            pool.stride.push(stride);
            pool.padding.push(padding);
        }
        ConvPool { activation, geometry: self.geometry.clone(), pool }
    }

    /// Values of which many are equal, with sums that are exact.
    fn ties(&self) -> [Point; 2] {
        let few = |shape: &[usize], seed| {
            let mut random = Philox::new(seed);
            (shape.to_vec(), (0..shape.iter().product()).map(|_| random.below(3) as f32 - 1.0).collect())
        };
        [few(&self.x, 7), few(&self.kernel, 8)]
    }

    /// Pooling in the operation is pooling behind it: the same maxima, and cotangents with and without a graph.
    fn check_pooled<B: Backend>(&self, form: &ConvPool) {
        let [x, kernel, _] = self.points();
        for [x, kernel] in [[x, kernel], self.ties()] {
            self.check_pooled_at::<B>(form, [tensor(&x), tensor(&kernel)]);
        }
    }

    fn check_pooled_at<B: Backend>(&self, form: &ConvPool, [x, kernel]: [DynTensor<B>; 2]) {
        let bias = tensor::<B>(&point(&[self.kernel[self.axes() + 1]], 4));
        let place =
            |what: &str| format!("{what} of {form:?} on {} of {self:?}", B::name(&Default::default()));
        let (activation, geometry, pool) = (form.activation, &form.geometry, &form.pool);
        let whole = B::conv(x.clone(), kernel.clone(), Some(bias.clone()), activation, geometry);
        let y = B::pool(whole.clone(), pool, PoolKind::Max);
        let found = B::conv_pool(x.clone(), kernel.clone(), Some(bias.clone()), form);
        assert_eq!(found.shape(), y.shape());
        assert_eq!(found.to_vec(), y.to_vec(), "{}", place("maxima"));
        let (kept, before) = B::conv_pool_kept(x.clone(), kernel.clone(), Some(bias.clone()), form);
        assert_eq!(kept.to_vec(), y.to_vec(), "{}", place("maxima beside places"));
        let apart = pool.size.iter().zip(&pool.stride).all(|(size, stride)| size <= stride);
        let fits = pool.size.iter().product::<usize>() <= 256;
        let is_fused = apart && fits && activation != Activation::Tanh && !is_oracle::<B>();
        assert_eq!(matches!(before, BeforePool::Places(_)), is_fused, "{}", place("places"));

        let dy = tensor::<B>(&point(&y.shape(), 6));
        let dwhole = B::pool_backward(whole.clone(), y.clone(), dy.clone(), pool, PoolKind::Max);
        let all = [true; 3];
        let wanted = B::conv_backward(x.clone(), kernel.clone(), whole, dwhole, activation, geometry, all);
        let found = B::conv_pool_backward(
            x.clone(),
            kernel.clone(),
            y.clone(),
            before.clone(),
            dy.clone(),
            form,
            all,
        );
        for (at, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
            let [found, wanted] = [found, wanted].map(|cotangent| cotangent.as_ref().unwrap());
            assert_eq!(found.shape(), wanted.shape());
            assert_close(&found.to_vec(), &wanted.to_vec(), 2e-5, &place(&format!("cotangent {at}")));
        }
        let none = B::conv_pool_backward(x.clone(), kernel.clone(), y, before, dy.clone(), form, [false; 3]);
        assert!(none.iter().all(Option::is_none));

        let leaves = [x, kernel, bias].map(|tensor| tensor.lift(true));
        let [x, kernel, bias] = leaves.clone();
        let recorded = Autodiff::<B>::conv_pool(x, kernel, Some(bias), form);
        let mut gradients = recorded.mul(dy.lift(false)).sum().backward();
        for (leaf, wanted) in leaves.iter().zip(&wanted) {
            let found = gradients.remove(leaf).unwrap().to_vec();
            assert_close(&found, &wanted.as_ref().unwrap().to_vec(), 2e-5, &place("gradient"));
        }
    }

    /// The maxima, and the gradients of their sum, without a bias.
    fn pooled_gradients<B: Backend>(&self, form: &ConvPool) -> [Vec<f32>; 3] {
        let [x, kernel, _] = self.points().map(|point| tensor::<B>(&point).lift(true));
        let y = Autodiff::<B>::conv_pool(x.clone(), kernel.clone(), None, form);
        let values = y.clone().lower().to_vec();
        let mut gradients = y.sum().backward();
        [values, gradients.remove(&x).unwrap().to_vec(), gradients.remove(&kernel).unwrap().to_vec()]
    }
}

/// Whether a backend has no kernels of its own.
fn is_oracle<B: Backend>() -> bool {
    std::any::TypeId::of::<B>() == std::any::TypeId::of::<Oracle>()
}

/// Lengths of input and kernel, stride, dilation and padding of one axis, such that the window fits.
fn axis(longest: usize) -> impl Strategy<Value = [usize; 6]> {
    let lengths: Vec<usize> = [1, 2, 3, 5, 7, 8].into_iter().filter(|&len| len <= longest).collect();
    (prop::sample::select(lengths), 1..=3usize, 1..=3usize, 1..=2usize, 0..=2usize, 0..=2usize).prop_map(
        |(input, kernel, stride, dilation, before, after)| {
            let reach = (kernel - 1) * dilation + 1;
            [input, kernel, stride, dilation, before, after.max(reach.saturating_sub(input + before))]
        },
    )
}

fn case(longest: usize, depths: &'static [usize]) -> impl Strategy<Value = Case> {
    let axes = (1..=3usize).prop_flat_map(move |axes| {
        prop::collection::vec(axis(if axes == 3 { longest.min(3) } else { longest }), axes)
    });
    (axes, 1..=3usize, prop::sample::select(depths), 1..=3usize, 1..=2usize).prop_map(
        |(axes, groups, depth, width, batch)| {
            let component = |at: usize| axes.iter().map(move |axis| axis[at]);
            Case {
                geometry: ConvGeometry {
                    stride: component(2).collect(),
                    dilation: component(3).collect(),
                    padding: component(4).zip(component(5)).collect(),
                    groups,
                },
                x: [batch].into_iter().chain(component(0)).chain([groups * depth]).collect(),
                kernel: component(1).chain([depth, groups * width]).collect(),
            }
        },
    )
}

/// Kernels of 3 x 3 at every position, with enough channels for fewer multiplications: lengths of any kind, padding on any
/// side, images in a row behind each other.
fn square_case() -> impl Strategy<Value = Case> {
    let axis = || (1..=12usize, 0..=3usize, 0..=3usize);
    let axis = || axis().prop_filter("a window fits", |(len, before, after)| len + before + after >= 3);
    let channels = || prop::sample::select(&[16, 17, 24, 32, 40, 65][..]);
    (axis(), axis(), channels(), channels(), 1..=3usize, 1..=2usize, 2..=3usize).prop_map(
        |(height, width, channels, filters, batch, depth, axes)| {
            let deep = axes == 3;
            let [lengths, kernel] = [[depth, height.0, width.0], [1, 3, 3]]
                .map(|lengths| if deep { lengths.to_vec() } else { lengths[1..].to_vec() });
            let padding = [(0, 0), (height.1, height.2), (width.1, width.2)];
            Case {
                geometry: ConvGeometry {
                    stride: vec![1; axes],
                    dilation: vec![1; axes],
                    padding: padding[3 - axes..].to_vec(),
                    groups: 1,
                },
                x: [&[batch], &lengths[..], &[channels]].concat(),
                kernel: [&kernel[..], &[channels, filters]].concat(),
            }
        },
    )
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn square_kernels_are_those_of_plain_operations(case in square_case()) {
        case.check_beside_oracle();
        case.check_fused::<Flex>(Activation::Relu);
        case.check_fused::<Flex>(Activation::Linear);
        let form = case.pooled(Activation::Relu, &[[2, 2, 0, 0]; 3]);
        case.check_pooled::<Flex>(&form);
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn the_three_maps_are_partial_sums(case in case(8, &[1, 2, 3, 8, 11])) {
        case.check_all();
    }

    #[test]
    fn bias_and_activation_are_part_of_the_operation(
        case in case(5, &[1, 3, 16]),
        activation in prop::sample::select(&[Activation::Linear, Activation::Relu, Activation::Tanh][..]),
    ) {
        case.check_fused::<Oracle>(activation);
        case.check_fused::<Flex>(activation);
        case.check_fused::<NdArray>(activation);
    }
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn pooling_is_part_of_the_operation(
        case in case(8, &[1, 3, 16]),
        axes in prop::collection::vec([1..=3usize, 1..=4usize, 0..=1usize, 0..=2usize], 3),
        activation in prop::sample::select(&[Activation::Linear, Activation::Relu, Activation::Tanh][..]),
    ) {
        let form = case.pooled(activation, &axes);
        case.check_pooled::<Oracle>(&form);
        case.check_pooled::<Flex>(&form);
        case.check_pooled::<NdArray>(&form);
    }
}

proptest! {
    #![proptest_config(config(12))]

    #[test]
    fn gradients_are_finite_differences(case in case(3, &[1, 2])) {
        let [x, kernel, dy] = case.points();
        check_gradient(&[x, kernel.clone()], 2e-4, |tensors| {
            let linear = Activation::Linear;
            vec![Recorded::conv(tensors[0].clone(), tensors[1].clone(), None, linear, &case.geometry)]
        });
        let bias = point(&[case.kernel[case.axes() + 1]], 5);
        check_gradient(&[case.points()[0].clone(), kernel.clone(), bias], 2e-4, |tensors| {
            let [x, kernel, bias] = [0, 1, 2].map(|at| tensors[at].clone());
            vec![Recorded::conv(x, kernel, Some(bias), Activation::Tanh, &case.geometry)]
        });
        check_gradient(&[dy, kernel], 2e-4, |tensors| {
            vec![Recorded::conv_input(tensors[0].clone(), tensors[1].clone(), &case.geometry, &case.x)]
        });
    }
}

/// Kernels of 3 x 3 that are not at every position, or of several groups, or of images behind each other with padding; no
/// position at all; a sample alone.
#[test]
fn square_cases() {
    let geometry = |axes: usize, stride: usize, dilation: usize, before: usize, groups: usize| ConvGeometry {
        stride: vec![stride; axes],
        dilation: vec![dilation; axes],
        padding: [vec![(before, 0)], vec![(1, 1); axes - 1]].concat(),
        groups,
    };
    for (geometry, x, kernel) in [
        (geometry(2, 2, 1, 1, 1), vec![2, 9, 9, 32], vec![3, 3, 32, 32]),
        (geometry(2, 1, 2, 1, 1), vec![2, 9, 9, 32], vec![3, 3, 32, 32]),
        (geometry(2, 1, 1, 1, 2), vec![2, 9, 9, 32], vec![3, 3, 16, 64]),
        (geometry(3, 1, 1, 1, 1), vec![2, 3, 9, 9, 32], vec![1, 3, 3, 32, 32]),
    ] {
        Case { geometry, x, kernel }.check_beside_oracle();
    }

    let geometry = geometry(2, 1, 1, 1, 1);
    let [kernel, x] = [[3, 3, 32, 32], [3, 9, 9, 32]].map(|shape| tensor::<Flex>(&point(&shape, 3)));
    let conv = |x| Flex::conv(x, kernel.clone(), None, Activation::Linear, &geometry).to_vec();
    let whole = conv(x.clone());
    let alone = conv(tensor(&(vec![1, 9, 9, 32], x.to_vec()[..9 * 9 * 32].to_vec())));
    assert_eq!(alone, whole[..alone.len()], "a sample has the same bits in any batch");

    let geometry = ConvGeometry { padding: vec![(0, 0); 2], ..geometry };
    let dy = tensor::<Flex>(&(vec![2, 0, 0, 32], vec![]));
    let dx = Flex::conv_input(dy.clone(), kernel.clone(), &geometry, &[2, 2, 2, 32]);
    assert_eq!(dx.to_vec(), [0.0; 2 * 4 * 32]);
    let x = tensor::<Flex>(&point(&[2, 2, 2, 32], 1));
    let dkernel = Flex::conv_kernel(x, dy, &geometry, &kernel.shape());
    assert_eq!(dkernel.to_vec(), [0.0; 9 * 32 * 32]);
}

/// Images of several blocks, batches of several tasks, more steps than a block has, every width of a panel.
#[test]
fn large_cases() {
    let geometry = |stride, before, groups| ConvGeometry {
        stride: vec![1, stride],
        dilation: vec![1, 1],
        padding: vec![(before, 1), (0, 1)],
        groups,
    };
    for (channels, stride) in [(8, 1), (2, 1), (3, 2)] {
        let geometry = geometry(stride, 1, 1);
        Case { geometry, x: vec![2, 45, 40, channels], kernel: vec![3, 3, channels, 2] }.check_all();
    }
    for (batch, channels, filters) in [(17, 4, 48), (9, 70, 20), (3, 16, 112), (1, 33, 64), (26, 1, 17)] {
        let geometry = geometry(1, 0, 1);
        Case { geometry, x: vec![batch, 4, 5, channels], kernel: vec![3, 3, channels, filters] }.check_all();
    }
    for channels in [1, 7, 33] {
        let geometry = geometry(2, 1, channels);
        Case { geometry, x: vec![3, 5, 6, channels], kernel: vec![3, 2, 1, channels] }.check_all();
    }
}

/// Batches of several tasks, images of several blocks, windows of more pixels than a byte counts, transformed tiles of which those
/// behind the last window are left out.
#[test]
fn large_pooled_cases() {
    let geometry =
        ConvGeometry { stride: vec![1, 1], dilation: vec![1, 1], padding: vec![(1, 1), (1, 1)], groups: 1 };
    for (x, filters, size) in [
        ([19, 6, 7, 3], 33, 2),
        ([9, 45, 44, 1], 17, 2),
        ([2, 16, 17, 2], 5, 16),
        ([1, 17, 17, 2], 5, 17),
        ([3, 15, 13, 32], 40, 2),
        ([2, 11, 18, 16], 33, 4),
    ] {
        let case = Case { geometry: geometry.clone(), x: x.to_vec(), kernel: vec![3, 3, x[3], filters] };
        for activation in [Activation::Relu, Activation::Linear] {
            let form = case.pooled(activation, &[[size, size, 0, 0]; 2]);
            case.check_pooled::<Flex>(&form);
            case.check_pooled::<NdArray>(&form);
        }
    }
}

/// Several blocks of images in a task, the last of them shorter, on one thread and on four.
#[test]
fn pooling_gives_the_same_bits_on_any_number_of_threads() {
    let geometry =
        ConvGeometry { stride: vec![1, 1], dilation: vec![1, 1], padding: vec![(1, 1), (1, 1)], groups: 1 };
    for (x, filters) in [([40, 34, 32, 2], 16), ([40, 15, 16, 24], 33)] {
        let case = Case { geometry: geometry.clone(), x: x.to_vec(), kernel: vec![3, 3, x[3], filters] };
        let form = case.pooled(Activation::Relu, &[[2, 2, 0, 0], [3, 3, 0, 0]]);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| case.pooled_gradients::<Flex>(&form))
        };
        let one = on(1);
        assert_eq!(on(4), one);
        let wanted = case.pooled_gradients::<Oracle>(&form);
        for (found, wanted) in one.iter().zip(&wanted) {
            assert_close(found, wanted, 1e-4, "beside the oracle");
        }
    }
}

/// Fewer images than threads are cut into bands of rows: tiles of two rows or not, padding at both ends, windows behind them.
#[test]
fn bands_of_an_image_change_no_bit() {
    // Input, filters; kernel, stride, dilation, padding before and after on each axis.
    let cases: [(&[usize], usize, &[[usize; 5]]); 9] = [
        (&[1, 61, 59, 16], 40, &[[3, 1, 1, 1, 1], [3, 1, 1, 1, 1]]),
        (&[2, 40, 41, 32], 48, &[[3, 1, 1, 0, 0], [3, 1, 1, 0, 2]]),
        (&[1, 90, 90, 3], 32, &[[7, 2, 1, 3, 3], [7, 2, 1, 2, 3]]),
        (&[1, 67, 64, 8], 30, &[[3, 1, 3, 3, 0], [3, 1, 1, 1, 1]]),
        (&[3, 9, 300, 16], 64, &[[1, 1, 1, 0, 0], [5, 1, 1, 2, 2]]),
        (&[1, 3001, 24], 24, &[[5, 1, 2, 8, 0]]),
        (&[1, 21, 20, 19, 6], 20, &[[3, 1, 1, 1, 1], [3, 1, 1, 1, 1], [3, 1, 1, 0, 1]]),
        // Bands of so few tiles that alone they would not be transformed.
        (&[1, 14, 14, 64], 96, &[[3, 1, 1, 1, 1], [3, 1, 1, 1, 1]]),
        // The rows at the end meet padding alone, so that there are no bands.
        (&[1, 40, 64, 16], 48, &[[3, 1, 1, 9, 70], [3, 1, 1, 1, 1]]),
    ];
    for (x, filters, axes) in cases {
        let geometry = ConvGeometry {
            stride: axes.iter().map(|axis| axis[1]).collect(),
            dilation: axes.iter().map(|axis| axis[2]).collect(),
            padding: axes.iter().map(|axis| (axis[3], axis[4])).collect(),
            groups: 1,
        };
        let lengths = axes.iter().map(|axis| axis[0]);
        let kernel = lengths.chain([x[x.len() - 1], filters]).collect();
        let case = Case { geometry, x: x.to_vec(), kernel };
        let windows = [2, 3].map(|size| case.pooled(Activation::Relu, &vec![[size, size, 0, 0]; axes.len()]));
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let [x, kernel, _] = case.points().map(|point| tensor::<Flex>(&point));
                let bias = Some(tensor::<Flex>(&point(&[filters], 4)));
                let y = Flex::conv(x.clone(), kernel.clone(), bias.clone(), Activation::Relu, &case.geometry);
                let mut found = vec![y.to_vec()];
                for form in &windows {
                    found.push(Flex::conv_pool(x.clone(), kernel.clone(), bias.clone(), form).to_vec());
                    found.extend(case.pooled_gradients::<Flex>(form));
                }
                found
            })
        };
        let one = on(1);
        for threads in [2, 3, 8] {
            assert!(on(threads) == one, "{case:?} on {threads} threads");
        }
        let [x, kernel, _] = case.points().map(|point| tensor::<Oracle>(&point));
        let bias = Some(tensor::<Oracle>(&point(&[filters], 4)));
        let wanted = Oracle::conv(x, kernel, bias, Activation::Relu, &case.geometry);
        assert_close(&one[0], &wanted.to_vec(), 1e-4, &format!("{case:?}"));
    }
}

/// An image without columns, around which there is padding: the bias is everywhere.
#[test]
fn an_image_of_padding_alone() {
    let geometry =
        ConvGeometry { stride: vec![1, 1], dilation: vec![1, 1], padding: vec![(1, 1), (1, 1)], groups: 1 };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let y = pool.install(|| {
        let [x, kernel] =
            [vec![1, 64, 0, 16], vec![3, 1, 16, 1024]].map(|shape| tensor::<Flex>(&point(&shape, 1)));
        let bias = DynTensor::full(&[1024], 2.0, &Default::default());
        Flex::conv(x, kernel, Some(bias), Activation::Linear, &geometry)
    });
    assert_eq!((y.shape(), y.to_vec().iter().all(|&y| y == 2.0)), (vec![1, 64, 2, 1024], true));
}
