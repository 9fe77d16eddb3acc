//! Convolution by 3 x 3 kernels at every position, with 16 multiplications for four outputs instead of 36: the minimal
//! filtering F(2 x 2, 3 x 3) of Winograd (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
//!
//! `y = Aᵀ [sum over c of (G w Gᵀ) ∘ (Bᵀ x B)] A` for tiles `x` of 4 x 4 positions, which overlap by two, and `y` of 2 x 2; and
//! what is transposed to it, `dw = Gᵀ [sum over tiles of (Bᵀ x B) ∘ (A dy Aᵀ)] G` and
//! `dx = sum over tiles of B [sum over filters of (G w Gᵀ) ∘ (A dy Aᵀ)] Bᵀ`. Each of the 16 elements is a product of matrices, by
//! the kernel of `product.rs`.
//!
//! Blocking: tiles go 40 at a time through transformation, the 16 products and the transformation back, so that what lies
//! between (some 245 KiB for 32 channels and 64 filters) stays in the second-level cache.
//!
//! Where a direct sum is infinite, this one may be NaN; what is not finite reaches no further than in a direct sum.

use super::super::factor::{Factor, WIDTH as LINE};
use super::super::product::{Finish, Places, products};
use super::super::tasks::{unwritten, unwritten_lines};
use super::tiles::{
    ElementsToInput, ElementsToKernel, ElementsToOutput, InputToElements, KernelToElements, OutputToElements,
    Tiles,
};
use crate::lanes::{Kernel, Line};

/// Elements of a transformed tile.
const ELEMENTS: usize = 16;

/// Tiles of a block, whole tiles of the products' rows.
pub(super) const BLOCK: usize = 40;

/// How far one element's numbers are from the next one's: a line more than they need, because the 16 places that belong to a
/// tile or kernel would meet in a few sets of the cache if they lay a power of two apart.
pub(super) const fn apart(numbers: usize) -> usize {
    numbers + LINE
}

/// Images that are correlated with 3 x 3 kernels.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    /// Height and width of the images.
    pub(super) input: [usize; 2],
    /// Height and width of the output.
    pub(super) output: [usize; 2],
    /// Zeros in front of each axis.
    pub(super) before: [usize; 2],
}

impl Grid {
    /// Whether the tiles are worth transforming: there are enough channels and tiles, and the tiles need much fewer products than
    /// the positions of the output with those of the image, padding left out.
    pub(super) fn is_worth(&self, depth: usize, width: usize) -> bool {
        let met = |axis: usize| -> usize {
            let (first, last) = (self.before[axis], self.before[axis] + self.input[axis]);
            let pairs = |at: usize| last.min(self.output[axis] + at).saturating_sub(first.max(at));
            (0..3).map(pairs).sum()
        };
        let tiles = self.tiles().iter().product::<usize>();
        let products = 2 * met(0) * met(1) > 3 * ELEMENTS * tiles;
        depth.min(width) >= 16 && depth * width >= 512 && tiles >= 9 && products
    }

    /// Tiles of an image, down and across.
    fn tiles(&self) -> [usize; 2] {
        self.output.map(|len| len.div_ceil(2))
    }

    /// Blocks of the tiles of so many images.
    fn blocks(&self, images: usize) -> impl Iterator<Item = Tiles> + use<> {
        let (grid, count) = (*self, images * self.tiles().iter().product::<usize>());
        (0..count).step_by(BLOCK).map(move |first| Tiles { grid, numbers: first..count.min(first + BLOCK) })
    }

    /// The image of a tile, and where it begins on the output.
    pub(super) fn tile(&self, tile: usize) -> (usize, [usize; 2]) {
        let [down, across] = self.tiles();
        let (image, tile) = (tile / (down * across), tile % (down * across));
        (image, [tile / across * 2, tile % across * 2])
    }

    /// How many images have an output of so many numbers; their input has as many as it should.
    fn images(&self, output: usize, width: usize, input: usize, depth: usize) -> usize {
        let [from, to] = [self.input, self.output].map(|lengths| lengths.iter().product::<usize>());
        let images = output / (to * width);
        assert_eq!((output, input), (images * to * width, images * from * depth), "whole images");
        images
    }
}

/// `G w Gᵀ` for kernels `w`, a matrix `[depth, width]` for each of the 16 elements.
pub(super) struct Kernels {
    lines: Vec<Line>,
    depth: usize,
    width: usize,
}

impl Kernels {
    /// Of a kernel `[3, 3, depth, width]`.
    pub(super) fn new(kernel: &[f32], depth: usize, width: usize) -> Self {
        assert_eq!(kernel.len(), 9 * depth * width);
        let mut lines = unwritten_lines(ELEMENTS * apart(width.div_ceil(LINE) * depth * LINE) / LINE);
        // SAFETY: the kernel has 9 matrices of these lengths, and there is a line for each of their rows and blocks of columns.
        unsafe { KernelToElements { kernel, depth, width, to: lines.as_mut_ptr().cast() }.run_widest() };
        Self { lines, depth, width }
    }

    /// Of the same kernel from its width to its depth.
    pub(super) fn transposed(kernel: &[f32], depth: usize, width: usize) -> Self {
        let mut turned = unwritten(kernel.len());
        let elements = turned.chunks_exact_mut(depth * width);
        for (to, from) in elements.zip(kernel.chunks_exact(depth * width)) {
            for (block, rows) in from.chunks(LINE * width).enumerate() {
                for column in 0..width {
                    let to = &mut to[column * depth + block * LINE..];
                    let numbers = rows[column..].iter().step_by(width);
                    to.iter_mut().zip(numbers).for_each(|(to, &number)| *to = number);
                }
            }
        }
        Self::new(&turned, width, depth)
    }

    fn factors(&self) -> impl Iterator<Item = Factor<'_>> {
        let size = self.depth * self.width.div_ceil(LINE);
        let elements = self.lines.chunks_exact(apart(size * LINE) / LINE);
        elements.map(move |lines| Factor::from_lines(&lines[..size], self.depth, self.width))
    }
}

/// The correlation of images with kernels, with a bias as long as the width's next multiple of 16 and a rectifier.
pub(super) fn correlate(
    grid: Grid,
    (x, depth): (&[f32], usize),
    kernels: &Kernels,
    (y, width): (&mut [f32], usize),
    bias: Option<&[f32]>,
    relu: bool,
) {
    let images = grid.images(y.len(), width, x.len(), depth);
    assert_eq!((kernels.depth, kernels.width), (depth, width), "kernels of these images");
    assert!(bias.is_none_or(|bias| bias.len() >= width.next_multiple_of(LINE)));
    let pitches = [depth, width].map(|len| len.next_multiple_of(LINE));
    let [mut from, mut to] = pitches.map(|pitch| unwritten(ELEMENTS * apart(BLOCK * pitch)));
    let [zeros, mut unread] = [depth, width].map(|len| vec![0.0; len]);
    let (rows, steps) = (places(BLOCK, pitches[0]), places(depth, 1));
    for tiles in grid.blocks(images) {
        let count = tiles.numbers.len();
        let input = InputToElements { tiles: &tiles, x, depth, zeros: &zeros, to: from.as_mut_ptr() };
        // SAFETY: tiles lie within the images, whose lengths are checked, and there is room for the elements of a block.
        unsafe { input.run_widest() };
        let sides = from.chunks_exact(apart(BLOCK * pitches[0]));
        let sides = sides.zip(to.chunks_exact_mut(apart(BLOCK * pitches[1])));
        for (kernel, (from, to)) in kernels.factors().zip(sides) {
            products(from, &kernel, (to, pitches[1]), rows.first(count), steps.all(), Finish::default());
        }
        let (y, unread) = (y.as_mut_ptr(), &mut unread[..]);
        let output = ElementsToOutput { tiles: &tiles, from: &to, y, width, unread, bias, relu };
        // SAFETY: as above; a bias is as long as rows of elements.
        unsafe { output.run_widest() };
    }
}

/// Numbers of the elements of a kernel's cotangent.
pub(super) fn kernel_elements(depth: usize, width: usize) -> usize {
    ELEMENTS * apart(depth * width)
}

/// From the cotangent of the output, those that are wanted: of the kernel, whose elements are added to the numbers beside the
/// images `x`, and of the images, by the transposed kernels.
pub(super) fn cotangents(
    grid: Grid,
    (dy, width): (&[f32], usize),
    depth: usize,
    mut kernel: Option<(&[f32], &mut [f32])>,
    mut input: Option<(&Kernels, &mut [f32])>,
) {
    let of_input = [kernel.as_ref().map(|(x, _)| x.len()), input.as_ref().map(|(_, dx)| dx.len())];
    let Some(of_input) = of_input.into_iter().flatten().max() else { return };
    let images = grid.images(dy.len(), width, of_input, depth);
    let pitch = depth.next_multiple_of(LINE);
    let size = width.div_ceil(LINE) * BLOCK;
    let mut lines = unwritten_lines(ELEMENTS * apart(size * LINE) / LINE);
    let mut elements = unwritten(ELEMENTS * apart(BLOCK * pitch));
    let (zeros, mut unread) = (vec![0.0; depth.max(width)], vec![0.0; depth]);
    let (channels, tile_rows) = (places(depth, 1), places(BLOCK, pitch));
    // The same lines as a left factor.
    let (line_rows, mut filters) = (places(BLOCK, LINE), Places::default());
    (0..width).for_each(|at| filters.push(at / LINE * BLOCK * LINE + at % LINE, at));
    if let Some((kernels, dx)) = &mut input {
        assert_eq!((kernels.depth, kernels.width, dx.len()), (width, depth, of_input), "transposed kernels");
        dx.fill(0.0);
    }
    if let Some((x, sums)) = &kernel {
        assert_eq!((x.len(), sums.len()), (of_input, kernel_elements(depth, width)), "images and elements");
    }
    for tiles in grid.blocks(images) {
        let count = tiles.numbers.len();
        let to = lines.as_mut_ptr().cast();
        let output = OutputToElements { tiles: &tiles, dy, width, zeros: &zeros, to };
        // SAFETY: tiles lie within the images, whose lengths are checked, and there is room for the elements of a block.
        unsafe { output.run_widest() };
        let of_output = lines.chunks_exact(apart(size * LINE) / LINE);
        if let Some((x, sums)) = &mut kernel {
            let to = elements.as_mut_ptr();
            // SAFETY: as above.
            unsafe { InputToElements { tiles: &tiles, x, depth, zeros: &zeros, to }.run_widest() };
            let sides = elements.chunks_exact(apart(BLOCK * pitch)).zip(of_output.clone());
            for ((x, dy), sums) in sides.zip(sums.chunks_exact_mut(apart(depth * width))) {
                let dy = Factor::from_lines(&dy[..size], BLOCK, width);
                let finish = Finish { add: true, ..Finish::default() };
                products(x, &dy, (sums, width), channels.all(), tile_rows.first(count), finish);
            }
        }
        if let Some((kernels, dx)) = &mut input {
            let sides = of_output.zip(elements.chunks_exact_mut(apart(BLOCK * pitch)));
            for (kernel, (dy, to)) in kernels.factors().zip(sides) {
                let dy = Line::numbers(dy);
                products(dy, &kernel, (to, pitch), line_rows.first(count), filters.all(), Finish::default());
            }
            let (dx, unread) = (dx.as_mut_ptr(), &mut unread[..]);
            // SAFETY: as above.
            unsafe { ElementsToInput { tiles: &tiles, from: &elements, dx, depth, unread }.run_widest() };
        }
    }
}

/// The kernel's cotangent `[3, 3, depth, width]` of its elements, of which each has `size` numbers.
pub(super) fn kernel_cotangent(elements: &[f32], size: usize) -> Vec<f32> {
    assert_eq!(elements.len(), ELEMENTS * apart(size));
    let mut to = unwritten(9 * size);
    // SAFETY: there are so many elements and places.
    unsafe { ElementsToKernel { elements, size, to: to.as_mut_ptr() }.run_widest() };
    to
}

/// Rows or steps `pitch` apart on the one side, one behind the other on the other.
fn places(count: usize, pitch: usize) -> Places {
    let mut places = Places::default();
    (0..count).for_each(|at| places.push(at * pitch, at));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_transforming() {
        let same = |len: usize| Grid { input: [len; 2], output: [len; 2], before: [1; 2] };
        let valid = |len: usize| Grid { input: [len; 2], output: [len - 2; 2], before: [0; 2] };
        for (grid, depth, width, wanted) in [
            (valid(13), 32, 64, true),
            (same(8), 64, 64, true),
            (same(8), 16, 16, false),
            (same(8), 8, 64, false),
            // Few tiles, tiles that reach beyond the output, none.
            (same(4), 64, 64, false),
            (same(7), 64, 64, false),
            (valid(5), 64, 64, false),
            (valid(2), 64, 64, false),
        ] {
            assert_eq!(grid.is_worth(depth, width), wanted, "{:?} to {:?}", grid.input, grid.output);
        }
    }
}
