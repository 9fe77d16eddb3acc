//! [`MultilayerPerceptron`]: dense layers with relu on plain numbers, for models that score many pairs at once.

use fornax_core::linalg::{Matrix, multiply};
use fornax_core::{Array, Backend, Error, Result};
use fornax_data::archive::MappedArrays;
use fornax_layers::Network;

/// `x -> relu(x W + b)`, layer by layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MultilayerPerceptron(Vec<Dense>);

/// The weights of one layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dense {
    /// `[inputs, units]`.
    pub(super) kernel: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Dense {
    /// The layer `name` of a network.
    pub(super) fn of<B: Backend>(network: &Network<B>, name: &str) -> Result<Self> {
        let weight = |part: &str| Ok(network.weight(&format!("{name}/{part}"))?.to_f32());
        Ok(Self { kernel: weight("kernel")?, bias: weight("bias")? })
    }

    /// `x W` for rows of inputs.
    pub(super) fn product(&self, x: &[f32]) -> Vec<f32> {
        let (units, inputs) = (self.bias.len(), self.kernel.len() / self.bias.len());
        let rows = x.len() / inputs;
        let mut y = vec![0.0; rows * units];
        let kernel = Matrix::new(&self.kernel, inputs, units);
        multiply(1.0, Matrix::new(x, rows, inputs), kernel, 0.0, &mut y, units);
        y
    }
}

impl MultilayerPerceptron {
    pub(super) fn new(layers: Vec<Dense>) -> Self {
        Self(layers)
    }

    /// The output for rows of inputs.
    pub(super) fn call(&self, x: Vec<f32>) -> Vec<f32> {
        self.0.iter().fold(x, |x, layer| {
            let mut y = layer.product(&x);
            for row in y.chunks_exact_mut(layer.bias.len()) {
                row.iter_mut().zip(&layer.bias).for_each(|(y, bias)| *y = (*y + bias).max(0.0));
            }
            y
        })
    }

    /// The weights by name.
    pub(super) fn arrays(&self) -> impl Iterator<Item = (String, Array)> {
        self.0.iter().enumerate().flat_map(|(at, layer)| {
            let units = layer.bias.len();
            let kernel = Array::from_vec([layer.kernel.len() / units, units], layer.kernel.clone());
            [
                (format!("dense_{at}/kernel"), kernel.expect("as many elements as its shape has")),
                (format!("dense_{at}/bias"), Array::from(layer.bias.clone())),
            ]
        })
    }

    /// What [`arrays`](Self::arrays) gave of so many layers, from `inputs` to `units`.
    pub(super) fn from_arrays(
        arrays: &MappedArrays,
        count: usize,
        [inputs, units]: [usize; 2],
    ) -> Result<Self> {
        let mut width = inputs;
        let layers = (0..count).map(|at| {
            let name = format!("dense_{at}/kernel");
            let (shape, kernel) = arrays.floats(&name)?;
            let (_, bias) = arrays.floats(&format!("dense_{at}/bias"))?;
            if bias.is_empty() || shape != [width, bias.len()] {
                let wanted = format!("[{width}, {}]", bias.len());
                return Err(Error::shape(name, format!("{shape:?}"), wanted));
            }
            width = bias.len();
            Ok(Dense { kernel: kernel.to_vec(), bias: bias.to_vec() })
        });
        let layers = layers.collect::<Result<Vec<_>>>()?;
        match width == units {
            true => Ok(Self(layers)),
            false => Err(Error::shape("last dense layer", width, units)),
        }
    }
}
