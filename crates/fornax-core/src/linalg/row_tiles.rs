//! Tiles of rows times eight vectors, which [`DenseRows`] is made of: images `x Aᵀ` of vectors `x`, and products `yᵀ A` that
//! are added to vectors.
//!
//! A tile is some rows times some of the vectors over a run of columns, whose numbers come in vectors of the machine. Of the images
//! it holds all sums in registers, and adds them up over the lanes when the run ends; of `yᵀ A` it holds all of `y`: with 32
//! registers 24 of either, as 3 rows by 8 vectors, which reads least, and as 6 by 4, which stores least. The vectors are packed, a line
//! of each side by side: where they lie a multiple of 4096 bytes apart, they would drive each other out of
//! the cache. A run is short enough for its part of them to stay in the first cache while the rows pass.

// Plain loops over constant bounds are what the compiler unrolls into registers.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;

use super::{Aligned, DenseRows};
use crate::lanes::{Kernel, LINE, Lanes};
use crate::prefetch::prefetch;

/// Vectors that a tile meets; those of [`DenseRows`] come in multiples of this.
pub const VECTORS: usize = 8;

/// The columns of a run.
const RUN: usize = 512;

/// Some columns of eight vectors of `stride` numbers, zeros behind them.
pub(super) fn pack(x: &[f32], stride: usize, columns: Range<usize>) -> Aligned {
    let mut packed = Aligned::zeros(columns.len().next_multiple_of(LINE) * VECTORS);
    for (v, x) in x.chunks_exact(stride).enumerate() {
        let (lines, rest) = x[columns.clone()].as_chunks::<LINE>();
        let (to, _) = packed[v * LINE..].as_chunks_mut::<LINE>();
        let mut to = to.iter_mut().step_by(VECTORS);
        // In this order, so that no line is taken for numbers that are none.
        lines.iter().zip(to.by_ref()).for_each(|(from, to)| *to = *from);
        if let Some(to) = to.next() {
            to[..rest.len()].copy_from_slice(rest);
        }
    }
    packed
}

pub(super) fn unpack(packed: &[f32], stride: usize, columns: Range<usize>, x: &mut [f32]) {
    for (v, x) in x.chunks_exact_mut(stride).enumerate() {
        let (lines, rest) = x[columns.clone()].as_chunks_mut::<LINE>();
        let (from, _) = packed[v * LINE..].as_chunks::<LINE>();
        let mut from = from.iter().step_by(VECTORS);
        lines.iter_mut().zip(from.by_ref()).for_each(|(to, from)| *to = *from);
        if let Some(from) = from.next() {
            rest.copy_from_slice(&from[..rest.len()]);
        }
    }
}

/// Where the numbers of eight vectors at a column lie in a packed block: 16 of each vector side by side.
#[inline(always)]
fn place(column: usize) -> usize {
    column / LINE * LINE * VECTORS + column % LINE
}

trait Tile {
    /// `R` rows, `V` vectors from `first` on, over a run of columns.
    unsafe fn tile<L: Lanes, const R: usize, const V: usize>(
        &self,
        row: usize,
        first: usize,
        start: usize,
        end: usize,
    );

    /// Tiles of all rows and vectors over all columns.
    #[inline(always)]
    unsafe fn tiles<L: Lanes, const R: usize, const V: usize>(&self, matrix: DenseRows<'_>) {
        let whole = matrix.rows / R * R;
        for start in (0..matrix.columns).step_by(RUN) {
            let end = matrix.columns.min(start + RUN);
            unsafe {
                for row in (0..whole).step_by(R) {
                    for first in (0..VECTORS).step_by(V) {
                        self.tile::<L, R, V>(row, first, start, end);
                    }
                }
                for row in whole..matrix.rows {
                    self.tile::<L, 1, VECTORS>(row, 0, start, end);
                }
            }
        }
    }
}

/// Adds the images of eight vectors to `images [rows, 8]`.
pub(super) struct Images<'a> {
    pub(super) matrix: DenseRows<'a>,
    /// Packed.
    pub(super) x: *const f32,
    pub(super) images: *mut f32,
}

impl Kernel for Images<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe {
            match L::REGISTERS {
                32 => self.tiles::<L, 3, 8>(self.matrix),
                16 => self.tiles::<L, 2, 4>(self.matrix),
                _ => self.tiles::<L, 1, 8>(self.matrix),
            }
        }
    }
}

impl Tile for Images<'_> {
    #[inline(always)]
    unsafe fn tile<L: Lanes, const R: usize, const V: usize>(
        &self,
        row: usize,
        first: usize,
        start: usize,
        end: usize,
    ) {
        const { assert!((R * V).is_multiple_of(8)) };
        let from = self.matrix.stride;
        unsafe {
            let rows = self.matrix.values.as_ptr().add(row * from);
            let x = self.x.add(first * LINE);
            let mut sums = [[L::zero(); V]; R];
            let mut column = start;
            while column + L::LEN <= end {
                let mut numbers = [L::zero(); R];
                for r in 0..R {
                    // The tile behind this one.
                    prefetch(rows.wrapping_add((r + R) * from + column), L::LEN);
                    numbers[r] = L::load(rows.add(r * from + column));
                }
                for v in 0..V {
                    let vector = L::load(x.add(place(column) + v * LINE));
                    for r in 0..R {
                        sums[r][v] = numbers[r].multiply_add(vector, sums[r][v]);
                    }
                }
                column += L::LEN;
            }
            if column < end {
                let mut numbers = [L::zero(); R];
                for r in 0..R {
                    numbers[r] = L::load_part(rows.add(r * from + column), end - column);
                }
                for v in 0..V {
                    let vector = L::load(x.add(place(column) + v * LINE));
                    for r in 0..R {
                        sums[r][v] = numbers[r].multiply_add(vector, sums[r][v]);
                    }
                }
            }
            for at in (0..R * V).step_by(8) {
                let mut eight = [L::zero(); 8];
                for lane in 0..8 {
                    eight[lane] = sums[(at + lane) / V][(at + lane) % V];
                }
                let mut found = [0.0; 8];
                L::sums(eight, found.as_mut_ptr());
                for lane in 0..8 {
                    let (r, v) = ((at + lane) / V, (at + lane) % V);
                    *self.images.add((row + r) * VECTORS + first + v) += found[lane];
                }
            }
        }
    }
}

/// Adds the products of `images [rows, 8]` with the rows to eight vectors.
pub(super) struct Add<'a> {
    pub(super) matrix: DenseRows<'a>,
    pub(super) images: *const f32,
    /// Packed.
    pub(super) out: *mut f32,
}

impl Kernel for Add<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe {
            match L::REGISTERS {
                32 => self.tiles::<L, 6, 4>(self.matrix),
                16 => self.tiles::<L, 2, 4>(self.matrix),
                _ => self.tiles::<L, 1, 4>(self.matrix),
            }
        }
    }
}

impl Tile for Add<'_> {
    #[inline(always)]
    unsafe fn tile<L: Lanes, const R: usize, const V: usize>(
        &self,
        row: usize,
        first: usize,
        start: usize,
        end: usize,
    ) {
        let from = self.matrix.stride;
        unsafe {
            let rows = self.matrix.values.as_ptr().add(row * from);
            let mut by = [[L::zero(); V]; R];
            for r in 0..R {
                for v in 0..V {
                    by[r][v] = L::splat(self.images.add((row + r) * VECTORS + first + v));
                }
            }
            let out = self.out.add(first * LINE);
            let mut column = start;
            while column < end {
                let mut numbers = [L::zero(); R];
                for r in 0..R {
                    let at = rows.add(r * from + column);
                    numbers[r] =
                        if column + L::LEN <= end { L::load(at) } else { L::load_part(at, end - column) };
                }
                for v in 0..V {
                    let to = out.add(place(column) + v * LINE);
                    let mut sum = L::load(to);
                    for r in 0..R {
                        sum = numbers[r].multiply_add(by[r][v], sum);
                    }
                    sum.store(to);
                }
                column += L::LEN;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Philox;

    /// Whole tiles and less, in rows that end where the slice ends.
    fn check<L: Lanes>() {
        let mut random = Philox::new(1);
        for (rows, columns) in
            (1..=7).flat_map(|rows| (1..=33).chain([511, 513, 530]).map(move |columns| (rows, columns)))
        {
            let stride = columns + rows % 3;
            let mut numbers = |len: usize| (0..len).map(|_| random.normal()).collect::<Vec<f32>>();
            let (dense, x) = (numbers((rows - 1) * stride + columns), numbers(VECTORS * columns));
            let matrix = DenseRows::new(&dense, rows, columns, stride);
            let packed = pack(&x, columns, 0..columns);
            let mut images = vec![0.0; rows * VECTORS];
            let mut out = packed.clone();
            // SAFETY: the lengths fit; the caller knows the instructions.
            unsafe {
                Images { matrix, x: packed.as_ptr(), images: images.as_mut_ptr() }.run::<L>();
                Add { matrix, images: images.as_ptr(), out: out.as_mut_ptr() }.run::<L>();
            }
            let wide = |at: f32| f64::from(at);
            for (at, &image) in images.iter().enumerate() {
                let (row, v) = (at / VECTORS, at % VECTORS);
                let products = (0..columns).map(|c| wide(dense[row * stride + c]) * wide(x[v * columns + c]));
                let wanted: f64 = products.sum();
                assert!((wide(image) - wanted).abs() < 1e-4, "{rows} x {columns}: {image}, wanted {wanted}");
            }
            let mut unpacked = vec![f32::NAN; x.len()];
            unpack(&out, columns, 0..columns, &mut unpacked);
            for (at, &found) in unpacked.iter().enumerate() {
                let (v, c) = (at / columns, at % columns);
                let products =
                    (0..rows).map(|row| wide(dense[row * stride + c]) * wide(images[row * VECTORS + v]));
                let wanted: f64 = wide(x[at]) + products.sum::<f64>();
                assert!((wide(found) - wanted).abs() < 1e-3, "{rows} x {columns}: {found}, wanted {wanted}");
            }
            assert!(out.iter().zip(packed.iter()).filter(|(_, x)| **x == 0.0).all(|(out, _)| *out == 0.0));
        }
    }

    #[test]
    fn tiles_are_those_of_loops_by_any_vectors() {
        check::<[f32; 8]>();
        #[cfg(target_arch = "x86_64")]
        {
            if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                check::<std::arch::x86_64::__m256>();
            }
            if std::is_x86_feature_detected!("avx512f") {
                check::<std::arch::x86_64::__m512>();
            }
        }
    }
}
