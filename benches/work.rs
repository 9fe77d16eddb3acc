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
    use super::multiply_adds;

    #[test]
    fn of_the_dense_listing() {
        assert_eq!(multiply_adds("dense-predict"), Some(54_912));
        assert_eq!(multiply_adds("dense-fit"), Some(32 * (3 * 54_912 - 50_176)));
        assert_eq!(multiply_adds("beam-decode"), None);
    }

    #[test]
    fn of_a_drawn_model() {
        let name = "random-cnn-1";
        let network = crate::model::<fornax::core::Cpu>(name, Default::default()).unwrap();
        let set = crate::samples(name, 1).unwrap();
        network.predict(&set.inputs()[0]).unwrap();
        assert!(multiply_adds("random-cnn-1-predict").unwrap() > 100_000);
    }
}
