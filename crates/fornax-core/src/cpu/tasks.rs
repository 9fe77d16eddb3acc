//! Work on several threads, and memory that is not asked for anew each step.

mod awake;

use std::sync::Mutex;

use crate::lanes::Line;
use crate::memory::keep_freed_memory;
use awake::together;
pub(super) use awake::{threads, threads_soon};

/// What work has to cost to be worth waking another thread, in multiply-adds: some 70 microseconds.
pub(super) const WORTH_A_THREAD: usize = 4 << 20;

/// What moving a number through memory costs, in multiply-adds.
pub(super) const MOVE: usize = 8;

/// Calls `work` for each part, on several threads where `cost` (all parts together) is worth it.
///
/// Parts do not depend on the number of threads, and results come in their order: so neither do sums over them. The
/// calling thread begins at once and others join it as they wake up.
pub(super) fn each<T: Send, R: Send>(
    parts: Vec<T>,
    cost: usize,
    work: impl Fn(usize, T) -> R + Sync,
) -> Vec<R> {
    let threads = threads(cost).min(parts.len());
    if threads < 2 {
        return parts.into_iter().enumerate().map(|(index, part)| work(index, part)).collect();
    }
    let results = Mutex::new(Vec::with_capacity(parts.len()));
    let queue = Mutex::new(parts.into_iter().enumerate());
    let next = || queue.lock().expect("taking a part does not panic").next();
    let drain = || {
        while let Some((index, part)) = next() {
            let result = work(index, part);
            results.lock().expect("keeping a result does not panic").push((index, result));
        }
    };
    together(threads, drain);
    let mut results = results.into_inner().expect("keeping a result does not panic");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Memory for `len` numbers of which every one will be written before it is read.
///
/// In debug builds they are NaN, so that a number that is not written shows.
pub(super) fn unwritten(len: usize) -> Vec<f32> {
    reserved(len, f32::NAN)
}

/// The same for bytes, which are 255 in debug builds.
pub(super) fn unwritten_bytes(len: usize) -> Vec<u8> {
    reserved(len, u8::MAX)
}

/// The same for lines of numbers.
pub(super) fn unwritten_lines(len: usize) -> Vec<Line> {
    reserved(len, Line([f32::NAN; 16]))
}

#[allow(clippy::uninit_vec)]
fn reserved<T: Copy>(len: usize, in_debug: T) -> Vec<T> {
    if cfg!(debug_assertions) {
        return vec![in_debug; len];
    }
    keep_freed_memory();
    let mut values = Vec::with_capacity(len);
    // SAFETY: the capacity is `len`, and a number is written before it is read.
    unsafe { values.set_len(len) };
    values
}
