//! Folders of images: one sub-folder a class, PNG or JPEG inside.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use fornax_core::{Array, Error, Result};
use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, Limits};

use crate::Dataset;

/// No compression of PNG or JPEG packs more bytes of pixels than this into one byte of the file.
const HIGHEST_RATIO: u64 = 1100;

/// The images of a folder with one sub-folder a class, as `image_dataset_from_directory` of Keras.
///
/// Classes are the sub-folders in the order of their names' bytes, and samples are in that order too, by name
/// within a class. Defaults: three channels, sizes as they are, all equal.
///
/// ```no_run
/// use fornax_data::images::ImageFolder;
///
/// let pets = ImageFolder::new("data/pets").resize(128, 128).read()?;
/// assert_eq!(pets.dataset.inputs()[0].shape()[1..], [128, 128, 3]);
/// println!("{:?}", pets.classes);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageFolder {
    dir: PathBuf,
    grey: bool,
    size: Option<(u32, u32)>,
}

/// What an [`ImageFolder`] holds.
#[derive(Clone, Debug)]
pub struct ImageSet {
    /// Inputs `[n, height, width, channels]` in `[0, 1]`, kept as bytes, and labels `[n]`.
    pub dataset: Dataset,
    /// The name of each label.
    pub classes: Vec<String>,
    /// The file of each sample.
    pub files: Vec<PathBuf>,
}

impl ImageFolder {
    /// The folder `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), grey: false, size: None }
    }

    /// One channel of luma instead of three.
    pub fn grey(self) -> Self {
        Self { grey: true, ..self }
    }

    /// Resizes every image to this height and width, with a triangle filter that covers what it shrinks.
    pub fn resize(self, height: u32, width: u32) -> Self {
        Self { size: Some((height, width)), ..self }
    }

    /// Reads all images.
    ///
    /// # Errors
    /// If there is no class or a class without an image, if an image is damaged or has another size than the
    /// first and no size was asked for; the message names the file.
    pub fn read(&self) -> Result<ImageSet> {
        if let Some((height, width)) = self.size.filter(|size| size.0 == 0 || size.1 == 0) {
            return Err(Error::argument("resize", format!("{height} x {width}"), "at least 1 x 1"));
        }
        let class_dirs = sorted(&self.dir, |path| path.is_dir())?;
        let (mut classes, mut labels, mut files) = (vec![], vec![], vec![]);
        for dir in class_dirs {
            let images = sorted(&dir, is_image)?;
            if images.is_empty() {
                return Err(Error::data(dir.display(), "no image", "PNG or JPEG files"));
            }
            labels.extend(std::iter::repeat_n(classes.len() as i32, images.len()));
            classes.push(dir.file_name().unwrap_or_default().to_string_lossy().into_owned());
            files.extend(images);
        }
        if classes.is_empty() {
            return Err(Error::data(self.dir.display(), "no sub-folder", "one a class"));
        }
        let dataset = Dataset::new(self.decode(&files)?, labels)?;
        Ok(ImageSet { dataset, classes, files })
    }

    fn decode(&self, files: &[PathBuf]) -> Result<Array> {
        let channels = if self.grey { 1 } else { 3 };
        let mut size = self.size;
        let mut bytes = vec![];
        for path in files {
            let mut image = read_image(path)?;
            if let Some((height, width)) = self.size {
                image = image.resize_exact(width, height, FilterType::Triangle);
            }
            let found = (image.height(), image.width());
            let wanted = *size.get_or_insert(found);
            if found != wanted {
                return Err(Error::format(
                    path,
                    "size",
                    format!("{} x {}", found.0, found.1),
                    format!("{} x {}, as the first image; or ask for a size with resize", wanted.0, wanted.1),
                ));
            }
            match self.grey {
                true => bytes.extend(image.into_luma8().into_raw()),
                false => bytes.extend(image.into_rgb8().into_raw()),
            }
        }
        let (height, width) = size.unwrap_or_default();
        Array::from_bytes([files.len(), height as usize, width as usize, channels], bytes, 1.0 / 255.0)
    }
}

fn read_image(path: &Path) -> Result<DynamicImage> {
    let bytes = fs::read(path).map_err(|error| Error::io(path, "read", error))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some((bytes.len() as u64 + 64).saturating_mul(HIGHEST_RATIO));
    let wanted = "a whole PNG or JPEG image";
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| Error::format(path, "start", error, wanted))?;
    reader.limits(limits);
    reader.decode().map_err(|error| Error::format(path, "image", error, wanted))
}

fn is_image(path: &Path) -> bool {
    let suffix = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    path.is_file() && matches!(suffix.as_str(), "png" | "jpg" | "jpeg")
}

/// The entries that are wanted, by name; hidden ones are not.
fn sorted(dir: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut paths = vec![];
    for entry in fs::read_dir(dir).map_err(|error| Error::io(dir, "list", error))? {
        let entry = entry.map_err(|error| Error::io(dir, "list", error))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") && wanted(&entry.path()) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, RgbImage};

    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for class in ["dogs", "cats", ".hidden"] {
            fs::create_dir(dir.path().join(class)).unwrap();
        }
        let image = |value: u8| RgbImage::from_fn(3, 2, |x, y| image::Rgb([value, x as u8, y as u8]));
        image(10).save(dir.path().join("cats/b.png")).unwrap();
        image(20).save(dir.path().join("cats/a.PNG")).unwrap();
        image(30).save(dir.path().join("dogs/c.png")).unwrap();
        fs::write(dir.path().join("dogs/notes.txt"), "no image").unwrap();
        dir
    }

    #[test]
    fn classes_and_files_are_in_the_order_of_their_names() {
        let dir = folder();
        let set = ImageFolder::new(dir.path()).read().unwrap();
        assert_eq!(set.classes, ["cats", "dogs"]);
        assert_eq!(set.dataset.targets()[0].to_i32(), [0, 0, 1]);
        let x = &set.dataset.inputs()[0];
        assert_eq!(x.shape(), [3, 2, 3, 3]);
        let bytes: Vec<f32> = x.to_f32().iter().map(|x| (x * 255.0).round()).collect();
        assert_eq!(bytes[..6], [20.0, 0.0, 0.0, 20.0, 1.0, 0.0], "a.PNG first, pixel by pixel");
        assert_eq!(bytes[9..12], [20.0, 0.0, 1.0], "the second row");
        assert!(set.files[2].ends_with("dogs/c.png"));
    }

    #[test]
    fn grey_and_resized() {
        let dir = folder();
        GrayImage::from_pixel(7, 9, image::Luma([51])).save(dir.path().join("dogs/d.jpg")).unwrap();
        let x = ImageFolder::new(dir.path()).grey().resize(4, 5).read().unwrap().dataset.inputs()[0].clone();
        assert_eq!(x.shape(), [4, 4, 5, 1]);
        assert!(x.rows(3..4).to_f32().iter().all(|x| (x - 0.2).abs() < 0.01));
        let error = ImageFolder::new(dir.path()).read().unwrap_err().to_string();
        assert!(error.contains("d.jpg: size: found 9 x 7, wanted 2 x 3"), "{error}");
        assert!(ImageFolder::new(dir.path()).resize(0, 5).read().is_err());
    }

    #[test]
    fn damaged_files_are_named() {
        let dir = folder();
        let path = dir.path().join("cats/b.png");
        let whole = fs::read(&path).unwrap();
        for len in 0..whole.len() - 12 {
            fs::write(&path, &whole[..len]).unwrap();
            let error = ImageFolder::new(dir.path()).read().unwrap_err().to_string();
            assert!(error.contains("b.png"), "{len}: {error}");
        }
        // A header that promises 60000 x 60000 pixels.
        let mut lying = whole.clone();
        lying[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        fs::write(&path, &lying).unwrap();
        assert!(ImageFolder::new(dir.path()).read().unwrap_err().to_string().contains("b.png"));
        fs::write(&path, &whole).unwrap();
        fs::create_dir(dir.path().join("empty")).unwrap();
        assert!(ImageFolder::new(dir.path()).read().unwrap_err().to_string().contains("empty"));
        assert!(
            ImageFolder::new(dir.path().join("dogs"))
                .read()
                .unwrap_err()
                .to_string()
                .contains("no sub-folder")
        );
        assert!(ImageFolder::new(dir.path().join("none")).read().is_err());
    }
}
