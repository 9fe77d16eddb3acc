//! How much a bench has to multiply: what its share of the ceiling is taken from.

use crate::batch_size;
use crate::random::RandomModel;

/// The multiply-adds of a training step or of a predicted sample, for models that consist of products.
///
/// A step needs three products a layer (output, cotangent of the input, cotangent of the weights), the first layer two.
pub fn multiply_adds(bench: &str) -> Option<usize> {
    let (name, kind) = ["-fit", "-predict-1", "-predict"]
        .iter()
        .find_map(|kind| Some((bench.strip_suffix(kind)?, *kind)))?;
    let products = products(name)?;
    let (first, all) = (products[0], products.iter().sum::<usize>());
    Some(if kind == "-fit" { batch_size(name) * (3 * all - first) } else { all })
}

/// The multiply-adds of each layer for a sample.
fn products(name: &str) -> Option<Vec<usize>> {
    Some(match name {
        "dense" => vec![784 * 64, 64 * 64, 64 * 10],
        "mlp-large" => vec![784 * 1024, 1024 * 1024, 1024 * 10],
        "cnn" | "cnn-large" => vec![26 * 26 * 9 * 32, 11 * 11 * 9 * 32 * 64, 3 * 3 * 9 * 64 * 64, 576 * 10],
        "resnet" => {
            let side = |side: usize, weights: usize| side * side * weights;
            let mut products = vec![side(32, 27 * 16), side(32, 144 * 16), side(32, 144 * 16)];
            products.extend([side(16, 144 * 32), side(16, 288 * 32), side(16, 16 * 32)]);
            products.extend([side(8, 288 * 64), side(8, 576 * 64), side(8, 32 * 64), 64 * 10]);
            products
        }
        _ => return RandomModel::by_name(name).map(|model| model.products()),
    })
}

#[cfg(test)]
mod tests {
    use super::{multiply_adds, products};

    #[test]
    fn of_the_dense_listing() {
        assert_eq!(multiply_adds("dense-predict"), Some(54_912));
        assert_eq!(multiply_adds("dense-fit"), Some(32 * (3 * 54_912 - 50_176)));
        assert_eq!(multiply_adds("beam-decode"), None);
    }

    /// Every element of a kernel is used once a position: of a dense layer there is one, of the last convolution there are
    /// as many as the layer behind it has inputs for each filter.
    #[test]
    fn what_the_kernels_of_the_models_say() {
        for name in
            ["dense", "mlp-large", "cnn", "random-mlp-0", "random-mlp-1", "random-cnn-0", "random-cnn-1"]
        {
            let model = crate::model::<fornax::core::Cpu>(name, Default::default()).unwrap();
            let variables = model.network().variables().iter();
            let kernels: Vec<&[usize]> =
                variables.filter(|it| it.name().ends_with("kernel")).map(|kernel| kernel.shape()).collect();
            let products = products(name).unwrap();
            assert_eq!(products.len(), kernels.len(), "{name}");
            for (at, (kernel, product)) in kernels.iter().zip(&products).enumerate() {
                let (elements, filters) = (kernel.iter().product::<usize>(), kernel[kernel.len() - 1]);
                let positions = match (kernel.len(), kernels.get(at + 1)) {
                    (2, _) => 1,
                    (_, Some(&[inputs, _])) => inputs / filters,
                    _ => product / elements,
                };
                assert_eq!(*product, positions * elements, "{name}, layer {at}");
            }
        }
    }
}
