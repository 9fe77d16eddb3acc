//! Sums of products at given places: what convolution and its two cotangents have in common.
//!
//! `out[o_r, j] = sum over t of source[s_r + s_t] factor[f_t, j]`
//!
//! A **row** `r` says where it begins in the source and which row of the output it is; a **step** `t` says what to add
//! to the row's place and which row of the factor it meets. No row is copied: the places are the implicit im2col
//! (Dukhan, "The Indirect Convolution Algorithm", 2019).
//!
//! Blocking: `R` rows times `V` vectors of the output stay in registers while the steps run (5 x 4 of the 32
//! registers of AVX-512, 6 x 2 of the 16 of AVX2), so that a step loads `V` vectors and broadcasts `R` numbers for
//! `R V` multiply-adds. The compiler broadcasts all of them first, for which there is room with 5 rows: with 6 it keeps
//! three of the sums on the stack, across cache lines by where that begins. Steps come in blocks of 256 at most: the
//! part of the factor that they meet (16 KiB for the columns of an AVX2 tile, 64 KiB for those of AVX-512) stays in the
//! first- or second-level cache, the source near.

use std::ops::Range;
use std::sync::atomic::{Ordering, compiler_fence};

use super::factor::{Factor, WIDTH};
use crate::lanes::{Kernel, Lanes};

/// Places of rows or steps: in the source, and the row number on the other side (output or factor).
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    pub(super) source: Vec<u32>,
    pub(super) other: Vec<u32>,
}

impl Places {
    pub(super) fn push(&mut self, source: usize, other: usize) {
        let narrow = |place: usize| u32::try_from(place).expect("a block has less than 2^32 elements");
        self.source.push(narrow(source));
        self.other.push(narrow(other));
    }

    /// The first `count` places.
    pub(super) fn first(&self, count: usize) -> PlacesRef<'_> {
        PlacesRef { source: &self.source[..count], other: &self.other[..count] }
    }

    pub(super) fn all(&self) -> PlacesRef<'_> {
        self.first(self.source.len())
    }
}

/// Borrowed [`Places`].
#[derive(Clone, Copy)]
pub(super) struct PlacesRef<'a> {
    pub(super) source: &'a [u32],
    pub(super) other: &'a [u32],
}

/// Rows or steps in some order: each has a place in the source and a number on the other side.
pub(super) trait Walk: Copy {
    fn len(self) -> usize;
    /// The place and the number of one of them.
    ///
    /// # Safety
    /// There are more than `at`.
    unsafe fn get(self, at: usize) -> (usize, usize);
    /// The largest place and the largest number, of at least one.
    fn last(self) -> (usize, usize);
}

impl Walk for PlacesRef<'_> {
    fn len(self) -> usize {
        self.source.len()
    }

    #[inline(always)]
    unsafe fn get(self, at: usize) -> (usize, usize) {
        // SAFETY: both are as long as each other; the caller answers for the rest.
        unsafe { (*self.source.get_unchecked(at) as usize, *self.other.get_unchecked(at) as usize) }
    }

    fn last(self) -> (usize, usize) {
        (largest(self.source), largest(self.other))
    }
}

/// As many as that, whose places lie `stride` apart, in order on the other side.
#[derive(Clone, Copy)]
pub(super) struct Apart {
    pub(super) count: usize,
    pub(super) stride: usize,
}

impl Walk for Apart {
    fn len(self) -> usize {
        self.count
    }

    #[inline(always)]
    unsafe fn get(self, at: usize) -> (usize, usize) {
        (at * self.stride, at)
    }

    fn last(self) -> (usize, usize) {
        ((self.count - 1) * self.stride, self.count - 1)
    }
}

simd_fn! {
    /// The largest place, 0 if there is none.
    fn largest(places: &[u32]) -> usize {
        places.iter().fold(0, |largest, &place| largest.max(place)) as usize
    }
}

/// What becomes of a sum.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Finish<'a> {
    /// Whether it is added to what is there.
    pub(super) add: bool,
    /// What every sum begins with, as long as the width's next multiple of 16; not beside `add`.
    pub(super) bias: Option<&'a [f32]>,
    /// Whether a negative result becomes 0.
    pub(super) relu: bool,
}

impl Finish<'_> {
    /// What becomes of a sum that is added to what is there, or of one that is not.
    pub(super) fn added(add: bool) -> Self {
        Self { add, ..Self::default() }
    }

    /// Whether a sum is stored as it is.
    pub(super) fn is_none(self) -> bool {
        !self.add && self.bias.is_none() && !self.relu
    }
}

/// The sums of products for each column of the factor, into rows of `out` that begin `stride` apart.
pub(super) fn products(
    source: &[f32],
    factor: &Factor<'_>,
    (out, stride): (&mut [f32], usize),
    rows: PlacesRef<'_>,
    steps: PlacesRef<'_>,
    finish: Finish<'_>,
) {
    assert!(rows.len() == 0 || rows.last().1 * stride + factor.width() <= out.len());
    // SAFETY: the assertion bounds what is written.
    unsafe { products_at(source, factor, (out.as_mut_ptr(), stride), rows, steps, finish) }
}

/// [`products`] into memory that others write elsewhere.
///
/// # Safety
/// `out` may be written, by this call alone, at the factor's columns of every row that `rows` names.
pub(super) unsafe fn products_at<W: Walk>(
    source: &[f32],
    factor: &Factor<'_>,
    (out, stride): (*mut f32, usize),
    rows: W,
    steps: W,
    finish: Finish<'_>,
) {
    let width = factor.width();
    if rows.len() == 0 || width == 0 {
        return;
    }
    if steps.len() > 0 {
        let (place, row) = steps.last();
        assert!(rows.last().0 + place < source.len() && row < factor.rows());
    }
    assert!(finish.bias.is_none_or(|bias| !finish.add && bias.len() >= width.next_multiple_of(WIDTH)));
    let job = Job { source: source.as_ptr(), factor, out, stride, width, rows, steps, finish };
    // SAFETY: the assertions bound every place that the job reads; the caller answers for those that it writes.
    unsafe { job.run_widest() }
}

struct Job<'a, W> {
    source: *const f32,
    factor: &'a Factor<'a>,
    out: *mut f32,
    stride: usize,
    width: usize,
    rows: W,
    steps: W,
    finish: Finish<'a>,
}

/// Steps of a block at most; blocks are as long as each other.
const BLOCK: usize = 256;

impl<W: Walk> Kernel for Job<'_, W> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let mut column = 0;
        while column < self.width {
            let vectors = (self.width.next_multiple_of(WIDTH) - column) / L::LEN;
            unsafe {
                match (L::REGISTERS, vectors) {
                    (32, 1) => self.panel::<L, 14, 4, 1>(column),
                    (32, 2) => self.panel::<L, 9, 3, 2>(column),
                    (32, 3) => self.panel::<L, 7, 2, 3>(column),
                    (32, _) => self.panel::<L, 5, 2, 4>(column),
                    (16, _) => self.panel::<L, 6, 3, 2>(column),
                    _ => self.panel::<L, 2, 1, 2>(column),
                }
            }
            column += L::LEN * vectors.min(if L::REGISTERS == 32 { 4 } else { 2 });
        }
    }
}

impl<W: Walk> Job<'_, W> {
    /// The columns from `column` on, `V` vectors of them; the last rows go `S` at a time.
    #[inline(always)]
    unsafe fn panel<L: Lanes, const R: usize, const S: usize, const V: usize>(&self, column: usize) {
        let (rows, steps) = (self.rows.len(), self.steps.len());
        let whole = if rows % R > R / 2 { rows } else { rows - rows % R };
        let block = steps.div_ceil(steps.div_ceil(BLOCK).max(1));
        let mut start = 0;
        loop {
            let end = (start + block).min(steps);
            for first in (0..whole).step_by(R) {
                unsafe { self.tile::<L, R, V>(column, first, start..end) };
            }
            for first in (whole..rows).step_by(S) {
                unsafe { self.tile::<L, S, V>(column, first, start..end) };
            }
            start = end;
            if start == steps {
                return;
            }
        }
    }

    /// `R` rows from `first` on; behind the last row the last one is computed again and not stored.
    // Plain loops over constant bounds are what the compiler unrolls into registers.
    #[allow(clippy::needless_range_loop)]
    #[inline(always)]
    unsafe fn tile<L: Lanes, const R: usize, const V: usize>(
        &self,
        column: usize,
        first: usize,
        steps: Range<usize>,
    ) {
        unsafe {
            let add = steps.start > 0 || self.finish.add;
            let last = steps.end == self.steps.len();
            let count = (self.rows.len() - first).min(R);
            let columns = (self.width - column).min(V * L::LEN);
            let whole = columns == V * L::LEN;
            let mut sources = [self.source; R];
            let mut outs = [self.out; R];
            for r in 0..R {
                let (place, row) = self.rows.get(first + r.min(count - 1));
                sources[r] = self.source.add(place);
                outs[r] = self.out.add(row * self.stride + column);
            }
            let mut sums = [[L::zero(); V]; R];
            if add {
                for r in 0..R {
                    for v in 0..V {
                        let at = outs[r].wrapping_add(v * L::LEN);
                        sums[r][v] = if whole {
                            L::load(at)
                        } else {
                            L::load_part(at, columns.saturating_sub(v * L::LEN))
                        };
                    }
                }
            } else if let Some(bias) = self.finish.bias {
                for v in 0..V {
                    let bias = L::load(bias.as_ptr().add(column + v * L::LEN));
                    for r in 0..R {
                        sums[r][v] = bias;
                    }
                }
            }
            let (factor, pitch, between) = self.factor.layout();
            let factor = factor.add(column / WIDTH * between);
            for step in steps {
                let (offset, row) = self.steps.get(step);
                let row = factor.add(row * pitch);
                let mut vectors = [L::zero(); V];
                for v in 0..V {
                    let at = v * L::LEN;
                    vectors[v] = L::load(row.add(at / WIDTH * between + at % WIDTH));
                }
                for r in 0..R {
                    // Each number is loaded when it is needed: all of them at once would take more registers.
                    compiler_fence(Ordering::SeqCst);
                    let number = L::splat(sources[r].add(offset));
                    for v in 0..V {
                        sums[r][v] = number.multiply_add(vectors[v], sums[r][v]);
                    }
                }
            }
            if last && self.finish.relu {
                for r in 0..R {
                    for v in 0..V {
                        sums[r][v] = sums[r][v].rectified();
                    }
                }
            }
            for r in 0..R {
                if r < count {
                    for v in 0..V {
                        let at = outs[r].wrapping_add(v * L::LEN);
                        if whole {
                            sums[r][v].store(at);
                        } else {
                            sums[r][v].store_part(at, columns.saturating_sub(v * L::LEN));
                        }
                    }
                }
            }
        }
    }
}
