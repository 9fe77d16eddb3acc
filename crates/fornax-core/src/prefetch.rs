//! Asking for memory before it is needed, where what comes next is known and the machine cannot guess it.

use crate::lanes::LINE;

/// Asks for `len` numbers at `at` to be fetched into the cache; they need not be there.
#[inline(always)]
pub(crate) fn prefetch(at: *const f32, len: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..len).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: fetching ahead touches no memory as far as a program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(line).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (at, len, LINE);
}

/// Asks for the row of a table that stands `ahead` behind place `at` of the indices, if there is one.
#[inline(always)]
pub(crate) fn prefetch_row(table: &[f32], width: usize, indices: &[u32], at: usize, ahead: usize) {
    if let Some(&index) = indices.get(at + ahead) {
        prefetch(table.as_ptr().wrapping_add(index as usize * width), width);
    }
}
