//! The right factor of a product in blocks of columns, packed where many rows meet it.

use std::borrow::Cow;

use super::tasks::unwritten_lines;
use super::transpose::transpose;
use crate::lanes::Line;
use crate::prefetch::prefetch;

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

/// Rows ahead that are asked for while one is packed.
const AHEAD: usize = 4;

/// Rows of the output from which on a factor is worth packing.
const WORTH_PACKING: usize = 48;

impl<'a> Factor<'a> {
    /// `width` columns of `rows` rows that begin `stride` apart, to be met by `uses` rows of the output.
    pub(super) fn new(values: &'a [f32], stride: usize, [rows, width]: [usize; 2], uses: usize) -> Self {
        assert!(rows <= 1 || width <= stride);
        assert!(rows == 0 || (rows - 1) * stride + width <= values.len());
        let storage = if uses < WORTH_PACKING && width.is_multiple_of(WIDTH) && rows > 0 {
            Storage::Borrowed(values, stride)
        } else {
            Storage::Packed(pack(values, stride, [rows, width]).into())
        };
        Self { storage, rows, width }
    }

    /// The transpose of `width` rows of `rows` columns that begin `stride` apart.
    pub(super) fn transposed(values: &[f32], stride: usize, [rows, width]: [usize; 2]) -> Self {
        let mut lines = unwritten_lines(width.div_ceil(WIDTH) * rows);
        for (block, lines) in lines.chunks_exact_mut(rows.max(1)).enumerate() {
            let (first, columns) = (block * WIDTH, (width - block * WIDTH).min(WIDTH));
            if columns < WIDTH {
                lines.fill(Line([0.0; WIDTH]));
            }
            transpose(&values[first * stride..], stride, [columns, rows], Line::numbers_mut(lines), WIDTH);
        }
        Self::from_lines(lines, rows, width)
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

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Where the factor begins, and how far apart rows and blocks of columns are.
    pub(super) fn layout(&self) -> (*const f32, usize, usize) {
        match &self.storage {
            Storage::Packed(lines) => (lines.as_ptr().cast(), WIDTH, self.rows * WIDTH),
            Storage::Borrowed(values, stride) => (values.as_ptr(), *stride, WIDTH),
        }
    }
}

/// The columns of every row in blocks of lines, zeros behind the last column.
fn pack(values: &[f32], stride: usize, [rows, width]: [usize; 2]) -> Vec<Line> {
    let mut lines = unwritten_lines(rows * width.div_ceil(WIDTH));
    for row in 0..rows {
        // Rows lie in pages of their own, where the processor does not ask ahead by itself.
        prefetch(values.as_ptr().wrapping_add((row + AHEAD) * stride), width);
        let (whole, rest) = values[row * stride..][..width].as_chunks::<WIDTH>();
        for (block, numbers) in whole.iter().enumerate() {
            lines[block * rows + row] = Line(*numbers);
        }
        if !rest.is_empty() {
            let mut line = [0.0; WIDTH];
            line[..rest.len()].copy_from_slice(rest);
            lines[whole.len() * rows + row] = Line(line);
        }
    }
    lines
}

/// Numbers with zeros behind them up to a whole line.
pub(super) fn whole_lines(numbers: &[f32]) -> Cow<'_, [f32]> {
    let mut numbers = Cow::Borrowed(numbers);
    if !numbers.len().is_multiple_of(WIDTH) {
        let len = numbers.len().next_multiple_of(WIDTH);
        numbers.to_mut().resize(len, 0.0);
    }
    numbers
}
