//! `y = f(x W + b)` by one product, which begins with the bias and ends with a ReLU.

use super::activation::relu_backward;
use super::gemm::{Matrix, add_column_sums, add_row, gemm};
use super::host::HostTensor;
use super::impl_for_cpu;
use super::product::Finish;
use super::tasks::unwritten;
use crate::DynTensor;
use crate::ops::{Activation, ActivationOps, DenseOps};

impl_for_cpu!(DenseOps {
    fn dense(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        bias: Option<DynTensor<Self>>,
        activation: Activation,
    ) -> DynTensor<Self> {
        let (x, kernel) = (x.standard(), kernel.standard());
        let [inputs, units] = kernel.shape()[..] else { panic!("a kernel is a matrix") };
        let mut shape = x.shape();
        *shape.last_mut().expect("at least one axis") = units;
        let rows = shape.iter().product::<usize>() / units;
        let mut y = unwritten(rows * units);
        let bias = bias.map(|bias| bias.standard());
        let finish = Finish { bias: bias.as_ref().map(|bias| bias.floats()), relu: activation == Activation::Relu, add: false };
        let (a, b) = (Matrix::rows(x.floats(), inputs), Matrix::rows(kernel.floats(), units));
        gemm([rows, units, inputs], a, b, &mut y, units, finish);
        match activation {
            Activation::Linear | Activation::Relu => DynTensor::from_floats(y, &shape),
            _ => Self::activate(DynTensor::from_floats(y, &shape), activation),
        }
    }

    fn dense_backward(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        y: DynTensor<Self>,
        dy: DynTensor<Self>,
        activation: Activation,
        [want_x, want_kernel, want_bias]: [bool; 3],
    ) -> [Option<DynTensor<Self>>; 3] {
        let dz = match activation {
            Activation::Linear => dy.standard(),
            Activation::Relu => {
                let mut dz = dy.standard();
                relu_backward(y.standard().floats(), dz.floats_mut());
                dz
            }
            _ => Self::activate_backward(y.clone(), y, dy, activation).standard(),
        };
        let (x, kernel) = (x.standard(), kernel.standard());
        let [inputs, units] = kernel.shape()[..] else { panic!("a kernel is a matrix") };
        let rows = dz.len() / units;
        let cotangent = Matrix::rows(dz.floats(), units);
        let dx = want_x.then(|| {
            let mut dx = unwritten(rows * inputs);
            let kernel = Matrix::rows(kernel.floats(), units).t();
            gemm([rows, inputs, units], cotangent, kernel, &mut dx, inputs, Finish::default());
            DynTensor::from_floats(dx, &x.shape())
        });
        let dkernel = want_kernel.then(|| {
            let mut dkernel = unwritten(inputs * units);
            let xt = Matrix::rows(x.floats(), inputs).t();
            gemm([inputs, units, rows], xt, cotangent, &mut dkernel, units, Finish::default());
            DynTensor::from_floats(dkernel, &[inputs, units])
        });
        let dbias = want_bias.then(|| {
            let mut dbias = vec![0.0; units];
            add_column_sums(dz.floats(), &mut dbias);
            DynTensor::from_floats(dbias, &[units])
        });
        [dx, dkernel, dbias]
    }

    fn add_bias(x: DynTensor<Self>, bias: DynTensor<Self>) -> DynTensor<Self> {
        let mut x = x.standard();
        add_row(x.floats_mut(), bias.standard().floats());
        x
    }

    fn add_bias_backward(dy: DynTensor<Self>) -> DynTensor<Self> {
        let dy = dy.standard();
        let last = *dy.shape().last().expect("at least one axis");
        let mut sums = vec![0.0; last];
        add_column_sums(dy.floats(), &mut sums);
        DynTensor::from_floats(sums, &[last])
    }
});
