//! Devices by name at run time: `cpu`, `ndarray`, `flex`, `cuda`, `cuda:1`.
//!
//! A [`DeviceName`] says which backend and which device; a program matches on it to name the backend type. A name whose backend is not compiled in, or whose device is not present, is an error that lists what is.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// A backend and the number of its device.
///
/// ```
/// use fornax_core::device::DeviceName;
///
/// # #[cfg(feature = "flex")]
/// assert_eq!("cpu".parse::<DeviceName>()?.to_string(), "flex");
/// let error = "tpu".parse::<DeviceName>().unwrap_err();
/// assert!(error.to_string().starts_with("device tpu: found no such backend, wanted one of"));
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceName {
    /// The CPU by the `ndarray` crate.
    #[cfg(feature = "ndarray")]
    NdArray,
    /// The CPU by burn-flex.
    #[cfg(feature = "flex")]
    Flex,
    /// An NVIDIA GPU, by its number.
    #[cfg(feature = "cuda")]
    Cuda(usize),
}

/// The names of the backends that are compiled into this binary, the faster CPU backend first.
pub fn compiled() -> Vec<&'static str> {
    vec![
        #[cfg(feature = "flex")]
        "flex",
        #[cfg(feature = "ndarray")]
        "ndarray",
        #[cfg(feature = "cuda")]
        "cuda",
    ]
}

impl FromStr for DeviceName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let (backend, number) = match name.split_once(':') {
            Some((backend, number)) => (backend, Some(number)),
            None => (name, None),
        };
        let wanted = || format!("one of {}", compiled().join(", "));
        let device = match backend {
            #[cfg(feature = "flex")]
            "cpu" | "flex" => Self::Flex,
            #[cfg(all(feature = "ndarray", not(feature = "flex")))]
            "cpu" => Self::NdArray,
            #[cfg(feature = "ndarray")]
            "ndarray" => Self::NdArray,
            #[cfg(feature = "cuda")]
            "cuda" => return Self::cuda(name, number.unwrap_or("0")),
            known if ["cpu", "flex", "ndarray", "cuda"].contains(&known) => {
                return Err(Error::device(name, "a backend that is not compiled in", wanted()));
            }
            _ => return Err(Error::device(name, "no such backend", wanted())),
        };
        match number {
            None | Some("0") => Ok(device),
            Some(number) => {
                Err(Error::device(name, format!("number {number}"), "0: there is one CPU device"))
            }
        }
    }
}

#[cfg(feature = "cuda")]
impl DeviceName {
    fn cuda(name: &str, number: &str) -> Result<Self> {
        use burn::tensor::backend::Backend;

        let number: usize = number
            .parse()
            .map_err(|_| Error::device(name, format!("number {number:?}"), "a number such as cuda:1"))?;
        // The driver is loaded at run time and its loader panics where there is none.
        let count = std::panic::catch_unwind(|| crate::Cuda::device_count(0)).unwrap_or(0);
        match count {
            0 => Err(Error::device(name, "no CUDA driver or GPU", "an NVIDIA GPU with its driver")),
            count if number >= count => {
                Err(Error::device(name, format!("number {number}"), format!("0 to {}", count - 1)))
            }
            _ => Ok(Self::Cuda(number)),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            #[cfg(feature = "ndarray")]
            Self::NdArray => write!(f, "ndarray"),
            #[cfg(feature = "flex")]
            Self::Flex => write!(f, "flex"),
            #[cfg(feature = "cuda")]
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            #[cfg(not(any(feature = "ndarray", feature = "flex", feature = "cuda")))]
            _ => unreachable!("a binary without a backend has no device"),
        }
    }
}

/// The GPU with this number.
#[cfg(feature = "cuda")]
pub fn cuda(number: usize) -> burn::backend::cuda::CudaDevice {
    burn::backend::cuda::CudaDevice::new(number)
}
