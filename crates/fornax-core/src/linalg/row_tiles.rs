//! Tiles of rows times four vectors, which [`DenseRows`] is made of: images `x Aᵀ` of vectors `x`, and products `yᵀ A` that
//! are added to vectors.
//!
//! A tile is some rows times a block of four vectors over a run of columns, whose numbers come in vectors of the machine. Of the
//! images it holds all sums in registers, and adds them up over the lanes when the run ends; of `yᵀ A` it holds all of `y`: 24
//! of either with 32 registers, as 6 rows. The vectors are packed, a line of each side by side: where they lie a multiple of 4096
//! bytes apart, they would drive each other out of the cache. A run is short enough for its part of them and of the rows to stay in
//! the first cache, while the blocks pass the rows of a tile and the rows pass.

// Plain loops over constant bounds are what the compiler unrolls into registers.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;

use super::{Aligned, DenseRows};
use crate::lanes::{Kernel, LINE, Lanes};
use crate::prefetch::prefetch;

/// Vectors of a block; those of [`DenseRows`] come in multiples of this.
pub const VECTORS: usize = 4;

/// The columns of a run for one block of vectors; for more it is half of this.
const RUN: usize = 1024;

/// How many numbers before they are met those of a row are fetched, in this tile or in the one behind it.
const AHEAD: usize = 128;

/// The numbers of a packed block of so many columns.
pub(super) fn block_len(columns: usize) -> usize {
    columns.next_multiple_of(LINE) * VECTORS
}

/// Where the numbers of a packed block at a column lie: 16 of each vector side by side.
#[inline(always)]
fn place(column: usize) -> usize {
    column / LINE * LINE * VECTORS + column % LINE
}

/// Some columns of vectors of `stride` numbers, in packed blocks, zeros behind them.
pub(super) fn pack(x: &[f32], stride: usize, columns: Range<usize>) -> Aligned {
    let mut packed = zeros(x.len() / stride, columns.len());
    for (v, x) in x.chunks_exact(stride).enumerate() {
        let (lines, rest) = x[columns.clone()].as_chunks::<LINE>();
        let (to, _) = packed[first_line(v, columns.len())..].as_chunks_mut::<LINE>();
        let mut to = to.iter_mut().step_by(VECTORS);
        // In this order, so that no line is taken for numbers that are none.
        lines.iter().zip(to.by_ref()).for_each(|(from, to)| *to = *from);
        if let Some(to) = to.next()
            && !rest.is_empty()
        {
            to[..rest.len()].copy_from_slice(rest);
        }
    }
    packed
}

/// Packed blocks of zeros.
pub(super) fn zeros(vectors: usize, columns: usize) -> Aligned {
    Aligned::zeros(block_len(columns) * vectors.div_ceil(VECTORS))
}

pub(super) fn unpack(packed: &[f32], stride: usize, columns: Range<usize>, x: &mut [f32]) {
    for (v, x) in x.chunks_exact_mut(stride).enumerate() {
        let (lines, rest) = x[columns.clone()].as_chunks_mut::<LINE>();
        let (from, _) = packed[first_line(v, columns.len())..].as_chunks::<LINE>();
        let mut from = from.iter().step_by(VECTORS);
        lines.iter_mut().zip(from.by_ref()).for_each(|(to, from)| *to = *from);
        if let Some(from) = from.next() {
            rest.copy_from_slice(&from[..rest.len()]);
        }
    }
}

/// Where a vector begins in packed blocks.
fn first_line(vector: usize, columns: usize) -> usize {
    vector / VECTORS * block_len(columns) + vector % VECTORS * LINE
}

trait Tile {
    /// `R` rows and a block of vectors over a run of columns.
    unsafe fn tile<L: Lanes, const R: usize>(&self, row: usize, block: usize, columns: Range<usize>);

    /// Tiles of all rows and blocks over all columns.
    #[inline(always)]
    unsafe fn tiles<L: Lanes>(&self, matrix: DenseRows<'_>, blocks: usize) {
        unsafe {
            match L::REGISTERS {
                32 => self.tiles_of::<L, 6>(matrix, blocks),
                _ => self.tiles_of::<L, 2>(matrix, blocks),
            }
        }
    }

    #[inline(always)]
    unsafe fn tiles_of<L: Lanes, const R: usize>(&self, matrix: DenseRows<'_>, blocks: usize) {
        let whole = matrix.rows / R * R;
        let run = if blocks == 1 { RUN } else { RUN / 2 };
        for start in (0..matrix.columns).step_by(run) {
            let end = matrix.columns.min(start + run);
            unsafe {
                for row in (0..whole).step_by(R) {
                    for block in 0..blocks {
                        self.tile::<L, R>(row, block, start..end);
                    }
                }
                for row in whole..matrix.rows {
                    for block in 0..blocks {
                        self.tile::<L, 1>(row, block, start..end);
                    }
                }
            }
        }
    }
}

/// Adds the images of blocks of vectors to `images [blocks, rows, VECTORS]`.
pub(super) struct Images<'a> {
    pub(super) matrix: DenseRows<'a>,
    pub(super) blocks: usize,
    /// Packed.
    pub(super) x: *const f32,
    pub(super) images: *mut f32,
}

impl Kernel for Images<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe { self.tiles::<L>(self.matrix, self.blocks) }
    }
}

impl Tile for Images<'_> {
    #[inline(always)]
    unsafe fn tile<L: Lanes, const R: usize>(&self, row: usize, block: usize, columns: Range<usize>) {
        let from = self.matrix.stride;
        unsafe {
            let rows = self.matrix.values.as_ptr().add(row * from);
            let x = self.x.add(block * block_len(self.matrix.columns));
            let mut sums = [[L::zero(); VECTORS]; R];
            let mut column = columns.start;
            while column + L::LEN <= columns.end {
                let mut numbers = [L::zero(); R];
                let ahead = match column + AHEAD {
                    ahead if ahead < columns.end => ahead,
                    ahead => ahead - columns.len() + R * from,
                };
                for r in 0..R {
                    prefetch(rows.wrapping_add(r * from + ahead), L::LEN);
                    numbers[r] = L::load(rows.add(r * from + column));
                }
                add_products(&mut sums, numbers, x.add(place(column)));
                column += L::LEN;
            }
            if column < columns.end {
                let mut numbers = [L::zero(); R];
                for r in 0..R {
                    numbers[r] = L::load_part(rows.add(r * from + column), columns.end - column);
                }
                add_products(&mut sums, numbers, x.add(place(column)));
            }
            // Rows in pairs, so that there are eight.
            let mut found = [[0.0; 2 * VECTORS]; R];
            for pair in 0..R.div_ceil(2) {
                let mut eight = [L::zero(); 2 * VECTORS];
                for lane in 0..(R * VECTORS - 2 * pair * VECTORS).min(2 * VECTORS) {
                    eight[lane] = sums[2 * pair + lane / VECTORS][lane % VECTORS];
                }
                L::sums(eight, found[pair].as_mut_ptr());
            }
            let images = self.images.add((block * self.matrix.rows + row) * VECTORS);
            let images = std::slice::from_raw_parts_mut(images, R * VECTORS);
            images.iter_mut().zip(found.as_flattened()).for_each(|(image, found)| *image += found);
        }
    }
}

#[inline(always)]
unsafe fn add_products<L: Lanes, const R: usize>(
    sums: &mut [[L; VECTORS]; R],
    numbers: [L; R],
    x: *const f32,
) {
    for v in 0..VECTORS {
        unsafe {
            let vector = L::load(x.add(v * LINE));
            for r in 0..R {
                sums[r][v] = numbers[r].multiply_add(vector, sums[r][v]);
            }
        }
    }
}

/// Adds the products of `images [blocks, rows, VECTORS]` with the rows to blocks of vectors.
pub(super) struct Add<'a> {
    pub(super) matrix: DenseRows<'a>,
    pub(super) blocks: usize,
    pub(super) images: *const f32,
    /// Packed.
    pub(super) out: *mut f32,
}

impl Kernel for Add<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe { self.tiles::<L>(self.matrix, self.blocks) }
    }
}

impl Tile for Add<'_> {
    #[inline(always)]
    unsafe fn tile<L: Lanes, const R: usize>(&self, row: usize, block: usize, columns: Range<usize>) {
        let from = self.matrix.stride;
        unsafe {
            let rows = self.matrix.values.as_ptr().add(row * from);
            let images = self.images.add((block * self.matrix.rows + row) * VECTORS);
            let out = self.out.add(block * block_len(self.matrix.columns));
            let mut by = [[L::zero(); VECTORS]; R];
            for r in 0..R {
                for v in 0..VECTORS {
                    by[r][v] = L::splat(images.add(r * VECTORS + v));
                }
            }
            let mut column = columns.start;
            while column < columns.end {
                let left = columns.end - column;
                let mut numbers = [L::zero(); R];
                for r in 0..R {
                    let at = rows.add(r * from + column);
                    numbers[r] = if left >= L::LEN { L::load(at) } else { L::load_part(at, left) };
                }
                for v in 0..VECTORS {
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
    use crate::lanes::by_any_vectors;

    /// Whole tiles and less, in rows that end where the slice ends.
    fn check<L: Lanes>() {
        let mut random = Philox::new(1);
        let widths = || (1..=33).chain([511, 513, 1030]);
        for (rows, columns) in (1..=7).flat_map(|rows| widths().map(move |columns| (rows, columns))) {
            let (stride, blocks) = (columns + rows % 3, 1 + columns % 3);
            let vectors = blocks * VECTORS;
            let mut numbers = |len: usize| (0..len).map(|_| random.normal()).collect::<Vec<f32>>();
            let (dense, x) = (numbers((rows - 1) * stride + columns), numbers(vectors * columns));
            let matrix = DenseRows::new(&dense, rows, columns, stride);
            let packed = pack(&x, columns, 0..columns);
            let mut images = vec![0.0; rows * vectors];
            let mut out = packed.clone();
            // SAFETY: the lengths fit; the caller knows the instructions.
            unsafe {
                Images { matrix, blocks, x: packed.as_ptr(), images: images.as_mut_ptr() }.run::<L>();
                Add { matrix, blocks, images: images.as_ptr(), out: out.as_mut_ptr() }.run::<L>();
            }
            let wide = |at: f32| f64::from(at);
            let image = |row: usize, v: usize| images[(v / VECTORS * rows + row) * VECTORS + v % VECTORS];
            let mut unpacked = vec![f32::NAN; x.len()];
            unpack(&out, columns, 0..columns, &mut unpacked);
            for v in 0..vectors {
                let x = &x[v * columns..][..columns];
                for row in 0..rows {
                    let products = (0..columns).map(|c| wide(dense[row * stride + c]) * wide(x[c]));
                    let (found, wanted) = (image(row, v), products.sum::<f64>());
                    assert!(
                        (wide(found) - wanted).abs() < 1e-4,
                        "{rows} x {columns}: {found}, wanted {wanted}"
                    );
                }
                for c in 0..columns {
                    let products = (0..rows).map(|row| wide(dense[row * stride + c]) * wide(image(row, v)));
                    let (found, wanted) = (unpacked[v * columns + c], wide(x[c]) + products.sum::<f64>());
                    assert!(
                        (wide(found) - wanted).abs() < 1e-3,
                        "{rows} x {columns}: {found}, wanted {wanted}"
                    );
                }
            }
            assert!(out.iter().zip(packed.iter()).filter(|(_, x)| **x == 0.0).all(|(out, _)| *out == 0.0));
        }
    }

    #[test]
    fn tiles_are_those_of_loops_by_any_vectors() {
        by_any_vectors!(check);
    }
}
