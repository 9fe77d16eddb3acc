//! Work on several threads, and memory that is not asked for anew each step.

use rayon::prelude::*;

/// What work has to cost to be worth another thread, in multiply-adds or in numbers moved: some 40 microseconds.
pub(super) const WORTH_A_THREAD: usize = 4 << 20;

/// Calls `work` for each part, on several threads where `cost` (in multiply-adds, all parts together) is worth it.
///
/// Parts do not depend on the number of threads, and results come in their order: so neither do sums over them.
pub(super) fn each<T: Send, R: Send>(
    parts: Vec<T>,
    cost: usize,
    work: impl Fn(usize, T) -> R + Sync,
) -> Vec<R> {
    if parts.len() > 1 && cost >= WORTH_A_THREAD && rayon::current_num_threads() > 1 {
        parts.into_par_iter().enumerate().map(|(index, part)| work(index, part)).collect()
    } else {
        parts.into_iter().enumerate().map(|(index, part)| work(index, part)).collect()
    }
}

/// Memory for `len` numbers of which every one will be written before it is read.
///
/// In debug builds they are NaN, so that a number that is not written shows.
#[allow(clippy::uninit_vec)]
pub(super) fn unwritten(len: usize) -> Vec<f32> {
    if cfg!(debug_assertions) {
        return vec![f32::NAN; len];
    }
    keep_freed_memory();
    let mut values = Vec::with_capacity(len);
    // SAFETY: the capacity is `len`, and a number is written before it is read.
    unsafe { values.set_len(len) };
    values
}

/// Tells glibc's allocator once to keep what is freed: it would give large buffers back to the system and fetch
/// them, page by page, in every step.
fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            // SAFETY: `mallopt` may be called at any time; it locks the allocator.
            unsafe {
                libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
                libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
            }
        });
    }
}
