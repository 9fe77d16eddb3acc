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
//! three of the sums on the stack, across cache lines by where that begins. Steps come in blocks of 256: the
//! part of the factor that they meet (16 KiB for the columns of an AVX2 tile, 64 KiB for those of AVX-512) stays in the
//! first- or second-level cache, the source near. A factor that many rows meet is packed first.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::atomic::{Ordering, compiler_fence};

use crate::lanes::{Kernel, Lanes, Line};

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

impl PlacesRef<'_> {
    /// One past the last element that a row of `len` elements, `stride` apart, reaches on the other side.
    fn end(self, stride: usize, len: usize) -> usize {
        if self.other.is_empty() { 0 } else { largest(self.other) * stride + len }
    }
}

simd_fn! {
    /// The largest place, 0 if there is none.
    fn largest(places: &[u32]) -> usize {
        places.iter().fold(0, |largest, &place| largest.max(place)) as usize
    }
}

/// Columns of a block of the factor: those of a cache line.
pub(super) const WIDTH: usize = 16;

/// The factor, in blocks of columns. Packed, a block lies row behind row: a vector never lies in two cache lines, and
/// the rows of a block do not meet in the same few sets of the cache, as they would a power of two apart.
pub(super) struct Factor<'a> {
    storage: Storage<'a>,
    rows: usize,
    width: usize,
}

enum Storage<'a> {
    Packed(Cow<'a, [Line]>),
    /// Rows that begin so far apart, as they are.
    Borrowed(&'a [f32], usize),
}

/// Rows of the output from which on a factor is worth packing.
const WORTH_PACKING: usize = 48;

impl<'a> Factor<'a> {
    /// `width` columns from `start` on of rows that begin `stride` apart, to be met by `uses` rows of the output.
    pub(super) fn new(values: &'a [f32], stride: usize, start: usize, width: usize, uses: usize) -> Self {
        assert!(start + width <= stride);
        let rows = if width == 0 { 0 } else { values.len() / stride };
        let storage = if uses < WORTH_PACKING && width.is_multiple_of(WIDTH) && rows > 0 {
            Storage::Borrowed(&values[start..], stride)
        } else {
            Storage::Packed(pack(values, stride, start..start + width).into())
        };
        Self { storage, rows, width }
    }

    /// Packs rows of `width` columns, the elements of which `element` gives by row and column.
    pub(super) fn from_fn(rows: usize, width: usize, element: impl Fn(usize, usize) -> f32) -> Self {
        let line = |block: usize, row: usize| {
            Line(std::array::from_fn(|at| {
                let column = block * WIDTH + at;
                if column < width { element(row, column) } else { 0.0 }
            }))
        };
        let lines = (0..width.div_ceil(WIDTH)).flat_map(|block| (0..rows).map(move |row| (block, row)));
        Self::from_lines(lines.map(|(block, row)| line(block, row)).collect::<Vec<_>>(), rows, width)
    }

    /// A factor that is packed already, as lines `[block of columns, row]`.
    pub(super) fn from_lines(lines: impl Into<Cow<'a, [Line]>>, rows: usize, width: usize) -> Self {
        let lines = lines.into();
        assert_eq!(lines.len(), width.div_ceil(WIDTH) * rows);
        Self { storage: Storage::Packed(lines), rows, width }
    }

    /// Where the factor begins, and how far apart rows and blocks of columns are.
    fn layout(&self) -> (*const f32, usize, usize) {
        match &self.storage {
            Storage::Packed(lines) => (lines.as_ptr().cast(), WIDTH, self.rows * WIDTH),
            Storage::Borrowed(values, stride) => (values.as_ptr(), *stride, WIDTH),
        }
    }
}

/// The columns of every row in blocks of lines, zeros behind the last column.
fn pack(values: &[f32], stride: usize, columns: Range<usize>) -> Vec<Line> {
    let rows = values.len() / stride;
    let count = rows * columns.len().div_ceil(WIDTH);
    let mut lines = Vec::with_capacity(count);
    let spare = &mut lines.spare_capacity_mut()[..count];
    for (row, values) in values.chunks_exact(stride).enumerate() {
        let (whole, rest) = values[columns.clone()].as_chunks::<WIDTH>();
        for (block, numbers) in whole.iter().enumerate() {
            spare[block * rows + row].write(Line(*numbers));
        }
        if !rest.is_empty() {
            let mut line = [0.0; WIDTH];
            line[..rest.len()].copy_from_slice(rest);
            spare[whole.len() * rows + row].write(Line(line));
        }
    }
    // SAFETY: each of the `count` lines, one a row and block, has been written.
    unsafe { lines.set_len(count) };
    lines
}

/// What becomes of a sum.
#[derive(Clone, Copy, Default)]
pub(super) struct Finish<'a> {
    /// Whether it is added to what is there.
    pub(super) add: bool,
    /// What every sum begins with, as long as the width's next multiple of 16; not beside `add`.
    pub(super) bias: Option<&'a [f32]>,
    /// Whether a negative result becomes 0.
    pub(super) relu: bool,
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
    let width = factor.width;
    if rows.source.is_empty() || width == 0 {
        return;
    }
    assert!(steps.source.is_empty() || largest(rows.source) + largest(steps.source) < source.len());
    assert!(steps.source.is_empty() || largest(steps.other) < factor.rows);
    assert!(rows.end(stride, width) <= out.len());
    assert!(finish.bias.is_none_or(|bias| !finish.add && bias.len() >= width.next_multiple_of(WIDTH)));
    let job =
        Job { source: source.as_ptr(), factor, out: out.as_mut_ptr(), stride, width, rows, steps, finish };
    // SAFETY: the assertions bound every place that the job reads or writes.
    unsafe { job.run_widest() }
}

struct Job<'a> {
    source: *const f32,
    factor: &'a Factor<'a>,
    out: *mut f32,
    stride: usize,
    width: usize,
    rows: PlacesRef<'a>,
    steps: PlacesRef<'a>,
    finish: Finish<'a>,
}

/// Steps of a block.
const BLOCK: usize = 256;

impl Kernel for Job<'_> {
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

impl Job<'_> {
    /// The columns from `column` on, `V` vectors of them; the last rows go `S` at a time.
    #[inline(always)]
    unsafe fn panel<L: Lanes, const R: usize, const S: usize, const V: usize>(&self, column: usize) {
        let (rows, steps) = (self.rows.source.len(), self.steps.source.len());
        let whole = if rows % R > R / 2 { rows } else { rows - rows % R };
        let mut start = 0;
        loop {
            let end = (start + BLOCK).min(steps);
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
            let last = steps.end == self.steps.source.len();
            let count = (self.rows.source.len() - first).min(R);
            let columns = (self.width - column).min(V * L::LEN);
            let whole = columns == V * L::LEN;
            let mut sources = [self.source; R];
            let mut outs = [self.out; R];
            for r in 0..R {
                let row = first + r.min(count - 1);
                sources[r] = self.source.add(*self.rows.source.get_unchecked(row) as usize);
                let at = *self.rows.other.get_unchecked(row) as usize * self.stride + column;
                outs[r] = self.out.add(at);
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
                let offset = *self.steps.source.get_unchecked(step) as usize;
                let row = factor.add(*self.steps.other.get_unchecked(step) as usize * pitch);
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
