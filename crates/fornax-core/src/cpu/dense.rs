//! `y = x W + b` by one product; the bias is what the product adds to.

use super::gemm::{Matrix, add_column_sums, add_row, broadcast_rows, gemm, scratch};
use super::host::HostTensor;
use super::impl_for_cpu;
use crate::DynTensor;
use crate::ops::DenseOps;

impl_for_cpu!(DenseOps {
    fn dense(x: DynTensor<Self>, kernel: DynTensor<Self>, bias: Option<DynTensor<Self>>) -> DynTensor<Self> {
        let (x, kernel) = (x.standard(), kernel.standard());
        let [inputs, units] = kernel.shape()[..] else { panic!("a kernel is a matrix") };
        let mut shape = x.shape();
        *shape.last_mut().expect("at least one axis") = units;
        let rows = shape.iter().product::<usize>() / units;
        let mut y = scratch(rows * units);
        if let Some(bias) = &bias {
            broadcast_rows(bias.clone().standard().floats(), &mut y);
        }
        let (a, b) = (Matrix::rows(x.floats(), inputs), Matrix::rows(kernel.floats(), units));
        gemm([rows, units, inputs], a, b, &mut y, units, bias.is_some());
        DynTensor::from_floats(y, &shape)
    }

    fn dense_backward(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        dy: DynTensor<Self>,
        [want_x, want_kernel]: [bool; 2],
    ) -> [Option<DynTensor<Self>>; 2] {
        let (x, kernel, dy) = (x.standard(), kernel.standard(), dy.standard());
        let [inputs, units] = kernel.shape()[..] else { panic!("a kernel is a matrix") };
        let rows = dy.len() / units;
        let dz = Matrix::rows(dy.floats(), units);
        let dx = want_x.then(|| {
            let mut dx = scratch(rows * inputs);
            gemm([rows, inputs, units], dz, Matrix::rows(kernel.floats(), units).t(), &mut dx, inputs, false);
            DynTensor::from_floats(dx, &x.shape())
        });
        let dkernel = want_kernel.then(|| {
            let mut dkernel = scratch(inputs * units);
            let xt = Matrix::rows(x.floats(), inputs).t();
            gemm([inputs, units, rows], xt, dz, &mut dkernel, units, false);
            DynTensor::from_floats(dkernel, &[inputs, units])
        });
        [dx, dkernel]
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
