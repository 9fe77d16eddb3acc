//! From the name of a device to a backend type: the only place that knows all backends.

use fornax::device::DeviceName;
use fornax::{Backend, Result};

/// Work that is generic over the backend.
pub(crate) trait Job {
    type Output;

    fn run<B: Backend>(self, device: B::Device) -> Result<Self::Output>;
}

/// Runs the job on the backend that the name stands for.
pub(crate) fn dispatch<J: Job>(name: DeviceName, job: J) -> Result<J::Output> {
    match name {
        #[cfg(feature = "flex")]
        DeviceName::Flex => job.run::<fornax::core::Flex>(Default::default()),
        #[cfg(feature = "ndarray")]
        DeviceName::NdArray => job.run::<fornax::core::NdArray>(Default::default()),
        #[cfg(feature = "cuda")]
        DeviceName::Cuda(number) => job.run::<fornax::core::Cuda>(fornax::device::cuda(number)),
        other => unreachable!("the library and this command have the same backends, but not {other}"),
    }
}
