//! [`BurnModule`]: a network written by hand with `#[derive(Module)]`, as a layer.

use std::fmt;

use fornax_core::burn::module::{HasAutodiffModule, Module, ModuleMapper, ModuleVisitor, Param};
use fornax_core::burn::tensor::Tensor;
use fornax_core::{Autodiff, Backend, DynTensor, Error, Result, Value};
use serde_json::Value as Json;

use crate::{Context, Entry, IntoEntry, LayerExt, Node, Shape, WeightSpecs};

/// What a Burn module computes; it is implemented for all backends.
pub trait Forward<B: Backend> {
    /// The output for `x [batch, ..]`.
    ///
    /// # Errors
    /// If `x` is not of the shape that the module takes.
    fn forward(&self, x: Value<B>) -> Result<Value<B>>;
}

/// A Burn module as a layer of one input and one output.
///
/// The model owns the weights: they start with the module's values, are named by its fields, and are trained,
/// frozen, saved and loaded as those of any layer. The layer's class is the name of the module's type. Its
/// structure is code, so that a registry cannot rebuild it from a file: build the model again and load its
/// weights. Statistics that a module keeps on the side in training, as Burn's own `BatchNorm` does, stay as they
/// are.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::burn::{self, module::{Module, Param}, tensor::Tensor};
/// use fornax_core::{Array, Backend, Flex, Result, Value};
/// use fornax_layers::{BurnModule, Forward, Sequential};
///
/// #[derive(Module, Debug)]
/// struct Scale<B: burn::tensor::backend::Backend> {
///     factor: Param<Tensor<B, 1>>,
/// }
///
/// impl<B: Backend> Forward<B> for Scale<B> {
///     fn forward(&self, x: Value<B>) -> Result<Value<B>> {
///         Ok((x.tensor::<2>()? * self.factor.val().unsqueeze()).into())
///     }
/// }
///
/// let factor = Param::from_tensor(Tensor::<Flex, 1>::from_floats([1.0, 2.0], &Default::default()));
/// let network = Sequential::<Flex>::new([2]).add(BurnModule::new(Scale { factor })).build()?;
/// assert_eq!(network.variables()[0].name(), "scale/factor");
/// assert_eq!(network.predict(&Array::from_vec([1, 2], vec![3.0, 4.0])?)?.to_f32(), [3.0, 8.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone)]
pub struct BurnModule<M> {
    module: M,
}

impl<M> BurnModule<M> {
    /// The module as a layer.
    pub fn new(module: M) -> Self {
        Self { module }
    }
}

impl<M> fmt::Debug for BurnModule<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BurnModule<{}>", type_name::<M>())
    }
}

/// The type's name without its path and parameters.
fn type_name<M>() -> &'static str {
    let path = std::any::type_name::<M>();
    let path = path.split('<').next().unwrap_or(path);
    path.rsplit("::").next().unwrap_or(path)
}

impl<B, M> IntoEntry<B> for BurnModule<M>
where
    B: Backend,
    M: Module<B> + HasAutodiffModule<Autodiff<B>> + Forward<B> + Sync + 'static,
    M::TrainModule: Forward<Autodiff<B>>,
{
    fn into_entry(self) -> Entry<B> {
        Entry::new(Box::new(self))
    }
}

impl<M> LayerExt for BurnModule<M> {}

impl<B, M> Node<B> for BurnModule<M>
where
    B: Backend,
    M: Module<B> + HasAutodiffModule<Autodiff<B>> + Forward<B> + Sync + 'static,
    M::TrainModule: Forward<Autodiff<B>>,
{
    fn class_name(&self) -> &str {
        type_name::<M>()
    }

    fn config(&self) -> Json {
        Json::Object(Default::default())
    }

    fn build(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let [input] = inputs else {
            return Err(Error::shape("inputs", format!("{} tensors", inputs.len()), "one tensor"));
        };
        self.module.visit(&mut Listed { path: vec![], weights });
        let device = self.module.devices().into_iter().next().unwrap_or_default();
        let output = |unknown: usize| -> Result<Vec<usize>> {
            let axes = input.axes().iter().map(|axis| axis.unwrap_or(unknown));
            let shape: Vec<usize> = std::iter::once(1).chain(axes).collect();
            let y = self.module.forward(DynTensor::zeros(&shape, &device).into())?;
            Ok(y.shape().split_off(1))
        };
        // An axis of any length is one whose length follows the input's.
        let (some, others) = (output(UNKNOWN)?, output(UNKNOWN + 1)?);
        if some.len() != others.len() {
            return Err(Error::shape(
                "output",
                format!("{some:?} and {others:?}"),
                "as many axes for any input",
            ));
        }
        let axes = some.into_iter().zip(others).map(|(a, b)| (a == b).then_some(a));
        Ok(vec![axes.collect::<Vec<_>>().into()])
    }

    fn infer(&self, inputs: Vec<Value<B>>, context: &mut Context<'_, B>) -> Result<Vec<Value<B>>> {
        let module = self.module.clone().map(&mut Given { weights: context.weights().iter() });
        each(inputs, |x| module.forward(x))
    }

    fn train(
        &self,
        inputs: Vec<Value<Autodiff<B>>>,
        context: &mut Context<'_, Autodiff<B>>,
    ) -> Result<Vec<Value<Autodiff<B>>>> {
        let twin = self.module.clone().train::<Autodiff<B>>();
        let module = twin.map(&mut Given { weights: context.weights().iter() });
        each(inputs, |x| module.forward(x))
    }

    fn boxed(&self) -> Box<dyn Node<B>> {
        Box::new(self.clone())
    }
}

/// The length tried for an axis of any length.
const UNKNOWN: usize = 16;

fn each<B: Backend>(
    inputs: Vec<Value<B>>,
    f: impl Fn(Value<B>) -> Result<Value<B>>,
) -> Result<Vec<Value<B>>> {
    inputs.into_iter().map(f).collect()
}

/// States the module's weights under the paths of their fields.
struct Listed<'a> {
    path: Vec<String>,
    weights: &'a mut WeightSpecs,
}

impl<B: Backend> ModuleVisitor<B> for Listed<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let value = DynTensor::from(param.val());
        self.weights.add_values(self.path.join("/"), &value.shape(), value.to_vec());
    }

    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }
}

/// Puts the model's weights in the places of the module's, in the same order.
struct Given<'a, B: Backend> {
    weights: std::slice::Iter<'a, DynTensor<B>>,
}

impl<B: Backend> ModuleMapper<B> for Given<'_, B> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let weight = self.weights.next().expect("the layer stated all weights of the module");
        let weight = weight.clone().tensor().expect("weights keep the shapes that the layer stated");
        Param::initialized(param.id, weight)
    }
}
