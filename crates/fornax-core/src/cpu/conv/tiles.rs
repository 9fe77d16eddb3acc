//! The transformations of `winograd.rs`, a vector of channels at a time.
//!
//! Places outside the image are read from a row of zeros and written to one that nobody reads, so that tiles at the edge are
//! like others.

// Plain loops over constant bounds are what the compiler unrolls into registers.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;

use super::super::factor::WIDTH as LINE;
use super::winograd::{BLOCK, Grid, apart};
use crate::lanes::{Kernel, Lanes};

/// A matrix of which every entry is 0, 1, -1, a half or minus a half, times a vector.
trait Transform<const I: usize, const O: usize> {
    unsafe fn times<L: Lanes>(vector: [L; I]) -> [L; O];
}

macro_rules! transform {
    ($(#[$meta:meta])* $name:ident: $i:literal to $o:literal, $numbers:pat => $body:expr) => {
        $(#[$meta])*
        struct $name;

        impl Transform<$i, $o> for $name {
            #[inline(always)]
            unsafe fn times<L: Lanes>($numbers: [L; $i]) -> [L; $o] {
                unsafe { $body }
            }
        }
    };
}

transform!(
    /// `Bᵀ`
    FromInput: 4 to 4, [a, b, c, d] => [a.subtract(c), b.add(c), c.subtract(b), b.subtract(d)]
);
transform!(
    /// `B`
    ToInput: 4 to 4,
    [a, b, c, d] => [a, b.subtract(c).add(d), b.add(c).subtract(a), L::zero().subtract(d)]
);
transform!(
    /// `A`
    FromOutput: 2 to 4, [a, b] => [a, a.add(b), a.subtract(b), L::zero().subtract(b)]
);
transform!(
    /// `Aᵀ`
    ToOutput: 4 to 2, [a, b, c, d] => [a.add(b).add(c), b.subtract(c).subtract(d)]
);
transform!(
    /// `G`
    FromKernel: 3 to 4,
    [a, b, c] => {
        let half = L::splat(&0.5);
        let (ends, middle) = (a.add(c).multiply(half), b.multiply(half));
        [a, ends.add(middle), ends.subtract(middle), c]
    }
);
transform!(
    /// `Gᵀ`
    ToKernel: 4 to 3,
    [a, b, c, d] => {
        let half = L::splat(&0.5);
        let (sum, difference) = (b.add(c).multiply(half), b.subtract(c).multiply(half));
        [a.add(sum), difference, sum.add(d)]
    }
);

/// `T x Tᵀ` of the numbers that lie `at` behind the given places, `len` of them at most.
#[inline(always)]
unsafe fn both_sides<L: Lanes, T: Transform<I, O>, const I: usize, const O: usize>(
    from: &[[*const f32; I]; I],
    at: usize,
    len: usize,
) -> [[L; O]; O] {
    unsafe {
        let mut down = [[L::zero(); I]; O];
        for column in 0..I {
            let mut numbers = [L::zero(); I];
            for row in 0..I {
                numbers[row] = load(from[row][column].wrapping_add(at), len);
            }
            let numbers = T::times(numbers);
            for row in 0..O {
                down[row][column] = numbers[row];
            }
        }
        let mut out = [[L::zero(); O]; O];
        for row in 0..O {
            out[row] = T::times(down[row]);
        }
        out
    }
}

/// The first `len` numbers at `at`, a whole vector where there are as many.
#[inline(always)]
unsafe fn load<L: Lanes>(at: *const f32, len: usize) -> L {
    unsafe { if len >= L::LEN { L::load(at) } else { L::load_part(at, len) } }
}

/// Stores the first `len` numbers.
#[inline(always)]
unsafe fn store<L: Lanes>(numbers: L, at: *mut f32, len: usize) {
    unsafe { if len >= L::LEN { numbers.store(at) } else { numbers.store_part(at, len) } }
}

/// The places of the elements of a tile or kernel, `N` rows of them, so far apart.
#[inline(always)]
fn elements<const N: usize>(first: *const f32, apart: usize) -> [[*const f32; N]; N] {
    let mut places = [[first; N]; N];
    for row in 0..N {
        for column in 0..N {
            places[row][column] = first.wrapping_add((row * N + column) * apart);
        }
    }
    places
}

/// Stores the 16 elements from the first one on.
#[inline(always)]
unsafe fn store_elements<L: Lanes>(values: [[L; 4]; 4], first: *mut f32, apart: usize) {
    for row in 0..4 {
        for column in 0..4 {
            unsafe { values[row][column].store(first.add((row * 4 + column) * apart)) };
        }
    }
}

/// `G w Gᵀ` of a kernel `[3, 3, depth, width]`, as lines `[element, block of columns, row]`.
pub(super) struct KernelToElements<'a> {
    pub(super) kernel: &'a [f32],
    pub(super) depth: usize,
    pub(super) width: usize,
    pub(super) to: *mut f32,
}

impl Kernel for KernelToElements<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let (size, blocks) = (self.depth * self.width, self.width.div_ceil(LINE));
        for row in 0..self.depth {
            let from = elements::<3>(self.kernel.as_ptr().wrapping_add(row * self.width), size);
            for column in (0..blocks * LINE).step_by(L::LEN) {
                let line = column / LINE * self.depth + row;
                unsafe {
                    let len = self.width.saturating_sub(column);
                    let values = both_sides::<L, FromKernel, 3, 4>(&from, column, len);
                    let to = self.to.add(line * LINE + column % LINE);
                    store_elements(values, to, apart(blocks * self.depth * LINE));
                }
            }
        }
    }
}

/// `Gᵀ m G` of elements of `size` numbers each.
pub(super) struct ElementsToKernel<'a> {
    pub(super) elements: &'a [f32],
    pub(super) size: usize,
    pub(super) to: *mut f32,
}

impl Kernel for ElementsToKernel<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let from = elements::<4>(self.elements.as_ptr(), apart(self.size));
        for at in (0..self.size).step_by(L::LEN) {
            unsafe {
                let values = both_sides::<L, ToKernel, 4, 3>(&from, at, self.size - at);
                for row in 0..3 {
                    for column in 0..3 {
                        let to = self.to.add((row * 3 + column) * self.size + at);
                        store(values[row][column], to, self.size - at);
                    }
                }
            }
        }
    }
}

/// Tiles of images.
pub(super) struct Tiles {
    pub(super) grid: Grid,
    pub(super) numbers: Range<usize>,
}

impl Tiles {
    /// The places of a tile on images of so many channels, of 4 x 4 positions of the input or 2 x 2 of the output; `beyond` where
    /// there is none.
    #[inline(always)]
    fn places<const N: usize>(
        &self,
        tile: usize,
        (first, channels): (*const f32, usize),
        beyond: *const f32,
    ) -> [[*const f32; N]; N] {
        let (lengths, before) =
            if N == 4 { (self.grid.input, self.grid.before) } else { (self.grid.output, [0, 0]) };
        let (image, start) = self.grid.tile(tile);
        let first = first.wrapping_add(image * lengths[0] * lengths[1] * channels);
        let mut places = [[beyond; N]; N];
        for row in 0..N {
            // Below 0 it is beyond every length.
            let row_at = (start[0] + row).wrapping_sub(before[0]);
            for column in 0..N {
                let at = (start[1] + column).wrapping_sub(before[1]);
                if row_at < lengths[0] && at < lengths[1] {
                    places[row][column] = first.wrapping_add((row_at * lengths[1] + at) * channels);
                }
            }
        }
        places
    }
}

/// `Bᵀ x B` of tiles, as `[element, tile, channel]`.
pub(super) struct InputToElements<'a> {
    pub(super) tiles: &'a Tiles,
    pub(super) x: &'a [f32],
    pub(super) depth: usize,
    pub(super) zeros: &'a [f32],
    pub(super) to: *mut f32,
}

impl Kernel for InputToElements<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let pitch = self.depth.next_multiple_of(LINE);
        for (index, tile) in self.tiles.numbers.clone().enumerate() {
            let from = self.tiles.places::<4>(tile, (self.x.as_ptr(), self.depth), self.zeros.as_ptr());
            for channel in (0..self.depth).step_by(L::LEN) {
                unsafe {
                    let values = both_sides::<L, FromInput, 4, 4>(&from, channel, self.depth - channel);
                    let to = self.to.add(index * pitch + channel);
                    store_elements(values, to, apart(BLOCK * pitch));
                }
            }
        }
    }
}

/// `A dy Aᵀ` of tiles, as lines `[element, block of columns, tile]`.
pub(super) struct OutputToElements<'a> {
    pub(super) tiles: &'a Tiles,
    pub(super) dy: &'a [f32],
    pub(super) width: usize,
    pub(super) zeros: &'a [f32],
    pub(super) to: *mut f32,
}

impl Kernel for OutputToElements<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let padded = self.width.next_multiple_of(LINE);
        for (index, tile) in self.tiles.numbers.clone().enumerate() {
            let from = self.tiles.places::<2>(tile, (self.dy.as_ptr(), self.width), self.zeros.as_ptr());
            for column in (0..padded).step_by(L::LEN) {
                let line = column / LINE * BLOCK + index;
                unsafe {
                    let len = self.width.saturating_sub(column);
                    let values = both_sides::<L, FromOutput, 2, 4>(&from, column, len);
                    let to = self.to.add(line * LINE + column % LINE);
                    store_elements(values, to, apart(BLOCK * padded));
                }
            }
        }
    }
}

/// `Aᵀ m A` of tiles, with bias and rectifier.
pub(super) struct ElementsToOutput<'a> {
    pub(super) tiles: &'a Tiles,
    pub(super) from: &'a [f32],
    pub(super) y: *mut f32,
    pub(super) width: usize,
    pub(super) unread: &'a mut [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) relu: bool,
}

impl Kernel for ElementsToOutput<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let pitch = self.width.next_multiple_of(LINE);
        for (index, tile) in self.tiles.numbers.clone().enumerate() {
            let to = self.tiles.places::<2>(tile, (self.y, self.width), self.unread.as_mut_ptr());
            let from = elements::<4>(self.from.as_ptr().wrapping_add(index * pitch), apart(BLOCK * pitch));
            for column in (0..self.width).step_by(L::LEN) {
                unsafe {
                    let len = self.width - column;
                    let values = both_sides::<L, ToOutput, 4, 2>(&from, column, len);
                    let bias = match self.bias {
                        Some(bias) => L::load(bias.as_ptr().add(column)),
                        None => L::zero(),
                    };
                    for row in 0..2 {
                        for side in 0..2 {
                            let mut number = values[row][side].add(bias);
                            if self.relu {
                                number = number.rectified();
                            }
                            store(number, to[row][side].cast_mut().add(column), len);
                        }
                    }
                }
            }
        }
    }
}

/// Adds `B m Bᵀ` of tiles.
pub(super) struct ElementsToInput<'a> {
    pub(super) tiles: &'a Tiles,
    pub(super) from: &'a [f32],
    pub(super) dx: *mut f32,
    pub(super) depth: usize,
    pub(super) unread: &'a mut [f32],
}

impl Kernel for ElementsToInput<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let pitch = self.depth.next_multiple_of(LINE);
        for (index, tile) in self.tiles.numbers.clone().enumerate() {
            let to = self.tiles.places::<4>(tile, (self.dx, self.depth), self.unread.as_mut_ptr());
            let from = elements::<4>(self.from.as_ptr().wrapping_add(index * pitch), apart(BLOCK * pitch));
            for channel in (0..self.depth).step_by(L::LEN) {
                unsafe {
                    let len = self.depth - channel;
                    let values = both_sides::<L, ToInput, 4, 4>(&from, channel, len);
                    for row in 0..4 {
                        for column in 0..4 {
                            let at = to[row][column].cast_mut().add(channel);
                            store(load::<L>(at, len).add(values[row][column]), at, len);
                        }
                    }
                }
            }
        }
    }
}
