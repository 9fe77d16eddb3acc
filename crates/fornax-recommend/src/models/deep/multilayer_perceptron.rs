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

    pub(super) fn arrays(&self, name: &str) -> [(String, Array); 2] {
        let units = self.bias.len();
        let kernel = Array::from_vec([self.kernel.len() / units, units], self.kernel.clone());
        [
            (format!("{name}/kernel"), kernel.expect("as many elements as its shape has")),
            (format!("{name}/bias"), Array::from(self.bias.clone())),
        ]
    }

    /// What [`arrays`](Self::arrays) gave of a layer on `inputs` elements.
    pub(super) fn from_arrays(arrays: &MappedArrays, name: &str, inputs: usize) -> Result<Self> {
        let (shape, kernel) = arrays.floats(&format!("{name}/kernel"))?;
        let (_, bias) = arrays.floats(&format!("{name}/bias"))?;
        if bias.is_empty() || shape != [inputs, bias.len()] {
            let wanted = format!("[{inputs}, {}]", bias.len().max(1));
            return Err(Error::shape(name, format!("{shape:?}"), wanted));
        }
        Ok(Self { kernel: kernel.to_vec(), bias: bias.to_vec() })
    }

    /// The layer, if it has so many units.
    pub(super) fn checked(self, units: usize) -> Result<Self> {
        match self.bias.len() == units {
            true => Ok(self),
            false => Err(Error::shape("last dense layer", self.bias.len(), units)),
        }
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

    /// How many layers there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The units of the last layer, where there is one.
    pub(super) fn units(&self) -> Option<usize> {
        self.0.last().map(|layer| layer.bias.len())
    }

    /// The weights by name.
    pub(super) fn arrays(&self, name: &str) -> impl Iterator<Item = (String, Array)> {
        self.0.iter().enumerate().flat_map(move |(at, layer)| layer.arrays(&format!("{name}/dense_{at}")))
    }

    /// What [`arrays`](Self::arrays) gave of so many layers on `inputs` elements.
    pub(super) fn from_arrays(
        arrays: &MappedArrays,
        name: &str,
        count: usize,
        inputs: usize,
    ) -> Result<Self> {
        let mut layers: Vec<Dense> = vec![];
        for at in 0..count {
            let width = layers.last().map_or(inputs, |layer| layer.bias.len());
            layers.push(Dense::from_arrays(arrays, &format!("{name}/dense_{at}"), width)?);
        }
        Ok(Self(layers))
    }
}
