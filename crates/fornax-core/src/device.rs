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

    #[cfg_attr(not(any(feature = "ndarray", feature = "flex", feature = "cuda")), allow(unused_variables))]
    fn from_str(name: &str) -> Result<Self> {
        let (backend, number) = name.split_once(':').unwrap_or((name, "0"));
        let Ok(number) = number.parse::<usize>() else {
            return Err(Error::device(name, format!("number {number:?}"), "a number, as in cuda:1"));
        };
        match backend {
            #[cfg(feature = "flex")]
            "cpu" | "flex" => Self::Flex.if_first(name, number),
            #[cfg(all(feature = "ndarray", not(feature = "flex")))]
            "cpu" => Self::NdArray.if_first(name, number),
            #[cfg(feature = "ndarray")]
            "ndarray" => Self::NdArray.if_first(name, number),
            #[cfg(feature = "cuda")]
            "cuda" => Self::gpu(name, number),
            _ => {
                let known = ["cpu", "flex", "ndarray", "cuda"].contains(&backend);
                let found = if known { "a backend that is not compiled in" } else { "no such backend" };
                Err(Error::device(name, found, format!("one of {}", compiled().join(", "))))
            }
        }
    }
}

impl DeviceName {
    #[cfg(any(feature = "ndarray", feature = "flex"))]
    fn if_first(self, name: &str, number: usize) -> Result<Self> {
        match number {
            0 => Ok(self),
            _ => Err(Error::device(name, format!("number {number}"), "0: there is one CPU device")),
        }
    }

    #[cfg(feature = "cuda")]
    fn gpu(name: &str, number: usize) -> Result<Self> {
        use burn::tensor::backend::Backend;

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
    #[cfg_attr(not(any(feature = "ndarray", feature = "flex", feature = "cuda")), allow(unused_variables))]
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

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn unknown_devices_say_what_there_is() {
        for (name, found) in [
            ("tpu", "no such backend"),
            ("", "no such backend"),
            ("cpu:1", "number 1"),
            ("flex:x", "number \"x\""),
            #[cfg(not(feature = "cuda"))]
            ("cuda", "a backend that is not compiled in"),
        ] {
            let error = name.parse::<DeviceName>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Device);
            assert!(error.to_string().contains(found), "{error}");
        }
        assert_eq!("cpu:0".parse::<DeviceName>().unwrap(), DeviceName::Flex);
    }
}
