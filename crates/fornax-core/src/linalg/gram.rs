//! What products `AᵀA x` with a block of vectors have in common: parts of the rows of `A`, each with sums of its own.

use rayon::prelude::*;

use super::Aligned;

/// The vectors of a block, which lie side by side: a number of the matrix meets all of them at once, in a cache line.
pub const BLOCK: usize = 16;

/// The most parts that rows are cut into; sums do not depend on the number of threads, but on this.
const PARTS: usize = 16;

/// Numbers in the sums of all parts together, 256 MiB, unless two parts take more.
const SUMMED: usize = 64 << 20;

/// How many parts for a product of so many numbers, if so many are worth their sums.
pub(super) fn parts(len: usize, worth: usize) -> usize {
    (SUMMED / len.max(1)).clamp(2, PARTS).min(worth).max(1)
}

/// `out =` the sum of what `add` adds to zeros for each part.
pub(super) fn sum_parts<T: Send>(parts: Vec<T>, out: &mut [f32], add: impl Fn(T, &mut [f32]) + Sync) {
    let len = out.len();
    out.fill(0.0);
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return };
    let others: Vec<T> = parts.collect();
    let of_part = |part| {
        let mut sums = Aligned::zeros(len);
        add(part, &mut sums);
        sums
    };
    let ((), sums): ((), Vec<Aligned>) =
        rayon::join(|| add(first, out), || others.into_par_iter().map(of_part).collect());
    const CHUNK: usize = 1 << 14;
    out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
        for sums in &sums {
            let sums = &sums[chunk * CHUNK..][..out.len()];
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
        }
    });
}
