//! MNIST and Fashion-MNIST: four IDX files of 28 x 28 grey images and their labels.

use std::path::Path;

use fornax_core::{Array, Error, Result};

use super::{Split, locate};
use crate::Dataset;
use crate::idx::Idx;

/// The handwritten digits of LeCun, Cortes and Burges: 60 000 to train, 10 000 to test, 10 classes.
///
/// Inputs are `[n, 28, 28, 1]` in `[0, 1]`, kept as bytes; targets are labels `[n]`. `dir` holds
/// `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`,
/// gzipped or not, or a folder `mnist` with them.
///
/// # Errors
/// If a file is missing or damaged, or if images and labels do not belong together.
pub fn mnist(dir: impl AsRef<Path>) -> Result<Split> {
    idx_split(dir.as_ref(), "mnist")
}

/// The articles of clothing of Zalando Research, in the form of [`mnist`]; the folder is `fashion-mnist`.
///
/// # Errors
/// As for [`mnist`].
pub fn fashion_mnist(dir: impl AsRef<Path>) -> Result<Split> {
    idx_split(dir.as_ref(), "fashion-mnist")
}

fn idx_split(dir: &Path, name: &str) -> Result<Split> {
    Ok(Split { train: idx_set(dir, name, "train")?, test: idx_set(dir, name, "t10k")? })
}

fn idx_set(dir: &Path, name: &str, part: &str) -> Result<Dataset> {
    let file = |kind: &str| {
        // Some copies have a dot before "idx".
        let names =
            [format!("{part}-{kind}-ubyte"), format!("{part}-{}-ubyte", kind.replace("-idx", ".idx"))];
        locate(dir, name, &[&names[0], &names[1]])
    };
    let (images_path, labels_path) = (file("images-idx3")?, file("labels-idx1")?);
    let (images, labels) = (Idx::read(&images_path)?, Idx::read(&labels_path)?);
    let [count, 28, 28] = images.shape[..] else {
        return Err(Error::format(
            images_path,
            "header",
            format!("the shape {:?}", images.shape),
            "[n, 28, 28]",
        ));
    };
    if labels.shape != [count] {
        let wanted = format!("[{count}], as {} has images", images_path.display());
        return Err(Error::format(labels_path, "header", format!("the shape {:?}", labels.shape), wanted));
    }
    if let Some(row) = labels.bytes.iter().position(|&label| label > 9) {
        return Err(Error::format(labels_path, format!("label {row}"), labels.bytes[row], "0 to 9"));
    }
    let x = Array::from_bytes([count, 28, 28, 1], images.bytes, 1.0 / 255.0)?;
    Dataset::new(x, labels.bytes.into_iter().map(i32::from).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, counts: [usize; 4]) {
        let images =
            |n: usize| Idx { shape: vec![n, 28, 28], bytes: (0..n * 784).map(|i| i as u8).collect() };
        let labels = |n: usize| Idx { shape: vec![n], bytes: (0..n).map(|i| i as u8 % 10).collect() };
        images(counts[0]).write(dir.join("train-images-idx3-ubyte")).unwrap();
        labels(counts[1]).write(dir.join("train-labels-idx1-ubyte")).unwrap();
        images(counts[2]).write(dir.join("t10k-images-idx3-ubyte")).unwrap();
        labels(counts[3]).write(dir.join("t10k-labels.idx1-ubyte")).unwrap();
    }

    #[test]
    fn reads_from_the_folder_or_its_parent() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("fashion-mnist");
        std::fs::create_dir(&dir).unwrap();
        write(&dir, [12, 12, 3, 3]);
        for place in [&dir, parent.path()] {
            let Split { train, test } = fashion_mnist(place).unwrap();
            assert_eq!(train.inputs()[0].shape(), [12, 28, 28, 1]);
            assert_eq!(train.targets()[0].to_i32(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
            assert_eq!(test.len(), 3);
            assert_eq!(test.inputs()[0].to_f32()[255], 1.0, "byte 255 is 1");
        }
        let error = mnist(parent.path()).unwrap_err().to_string();
        assert!(
            error.contains("train-images-idx3-ubyte") && error.contains("fornax data get mnist"),
            "{error}"
        );
    }

    #[test]
    fn files_that_do_not_belong_together_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), [12, 11, 3, 3]);
        let error = mnist(dir.path()).unwrap_err().to_string();
        assert!(error.contains("train-labels-idx1-ubyte") && error.contains("[11]"), "{error}");
        write(dir.path(), [12, 12, 3, 3]);
        Idx { shape: vec![12], bytes: vec![10; 12] }
            .write(dir.path().join("train-labels-idx1-ubyte"))
            .unwrap();
        assert!(mnist(dir.path()).unwrap_err().to_string().contains("label 0: found 10"));
        Idx { shape: vec![12, 14, 56], bytes: vec![0; 12 * 784] }
            .write(dir.path().join("train-images-idx3-ubyte"))
            .unwrap();
        assert!(mnist(dir.path()).unwrap_err().to_string().contains("[12, 14, 56]"));
    }
}
