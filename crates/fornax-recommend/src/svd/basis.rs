//! The orthonormal basis of a block Krylov iteration, and the matrix that stands for `G` in it.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{self, ComputeEigenvectors};
use faer::{Mat, MatRef, Par, Side};
use fornax_core::linalg::{Aligned, BLOCK, Matrix, multiply};
use fornax_core::{Error, Philox, Result};

use super::operator::Operator;
use super::{Found, product};

/// Blocks of orthonormal vectors `V`, of which all but the last one have been multiplied by `G`, and `T = VᵀGV` of those.
pub(super) struct Basis {
    n: usize,
    capacity: usize,
    block: usize,
    /// `[n, capacity]`; the first `len` columns are used.
    vectors: Vec<f32>,
    len: usize,
    /// Columns that have been multiplied by `G`.
    processed: usize,
    /// Where the last two blocks begin.
    starts: [usize; 2],
    /// `[capacity, capacity]`.
    projected: Vec<f64>,
    /// What `G` times the last block has outside of the basis: orthonormal vectors `[n, width]` and the factor
    /// `[width, last block]`.
    next: Vec<f32>,
    next_width: usize,
    coupling: Vec<f64>,
    last: usize,
}

/// A block `W [n, columns]` as `V inside + vectors factor`.
struct Outside {
    /// Orthonormal and outside of the basis, `[n, width]`.
    vectors: Vec<f32>,
    width: usize,
    /// `[len, columns]`.
    inside: Vec<f64>,
    /// `[width, columns]`.
    factor: Vec<f64>,
}

impl Basis {
    pub(super) fn new(n: usize, capacity: usize, block: usize) -> Self {
        Self {
            n,
            capacity,
            block,
            vectors: vec![0.0; n * capacity],
            len: 0,
            processed: 0,
            starts: [0, 0],
            projected: vec![0.0; capacity * capacity],
            next: vec![],
            next_width: 0,
            coupling: vec![],
            last: 0,
        }
    }

    pub(super) fn processed(&self) -> usize {
        self.processed
    }

    /// Whether there is no room for a next block.
    pub(super) fn is_full(&self) -> bool {
        self.len + self.next_width.max(1) > self.capacity
    }

    /// Whether the basis is the whole space: what it holds is then exact.
    pub(super) fn is_exhausted(&self) -> bool {
        self.processed == self.n
    }

    /// Appends what random vectors have outside of the basis.
    pub(super) fn append_random(&mut self, random: &mut Philox) -> Result<()> {
        let mut block = Aligned::zeros(self.n * BLOCK);
        block.iter_mut().for_each(|value| *value = random.uniform_in(-1.0, 1.0));
        let width = self.block.min(self.capacity - self.len);
        let Outside { vectors, width, .. } = self.outside(&mut block, width, 0)?;
        if width == 0 {
            return Err(Error::training("truncated SVD", "no direction left to look in", "one"));
        }
        self.append(&vectors, width);
        Ok(())
    }

    /// Multiplies the last block by `G`: its column of `T`, and what lies outside of the basis.
    pub(super) fn step(&mut self, operator: &dyn Operator) -> Result<()> {
        let (start, end) = (self.processed, self.len);
        let width = end - start;
        let mut block = Aligned::zeros(self.n * BLOCK);
        for (to, from) in block.chunks_exact_mut(BLOCK).zip(self.vectors.chunks_exact(self.capacity)) {
            to[..width].copy_from_slice(&from[start..end]);
        }
        let mut image = Aligned::zeros(self.n * BLOCK);
        operator.gram(&block, &mut image);
        let Outside { vectors, width: next_width, inside, factor } =
            self.outside(&mut image, width, self.starts[0])?;
        for row in 0..end {
            for column in 0..width {
                let value = inside[row * width + column];
                self.projected[row * self.capacity + start + column] = value;
                self.projected[(start + column) * self.capacity + row] = value;
            }
        }
        (self.next, self.next_width, self.last) = (vectors, next_width, width);
        self.coupling = factor;
        self.processed = end;
        Ok(())
    }

    /// Takes what [`step`](Self::step) found outside as the next block; random vectors where it found nothing, because the
    /// basis holds a space that `G` does not leave.
    pub(super) fn take_next(&mut self, random: &mut Philox) -> Result<()> {
        let room = self.capacity - self.len;
        let (next, width) = (std::mem::take(&mut self.next), self.next_width.min(room));
        if width == 0 {
            return self.append_random(random);
        }
        let cut: Vec<f32> = match width == self.next_width {
            true => next,
            false => next.chunks_exact(self.next_width).flat_map(|row| row[..width].to_vec()).collect(),
        };
        self.append(&cut, width);
        Ok(())
    }

    /// The eigenvalues of `T`, the largest first, and its eigenvectors as columns.
    pub(super) fn ritz(&self) -> Result<(Vec<f64>, Vec<f64>)> {
        let size = self.processed;
        let rows = self.projected.chunks_exact(self.capacity).take(size);
        eigen(&rows.flat_map(|row| row[..size].to_vec()).collect::<Vec<f64>>(), size)
    }

    /// `|G v - θ v|` of a Ritz vector.
    pub(super) fn residual(&self, vectors: &[f64], at: usize) -> f64 {
        let size = self.processed;
        let part: Vec<f64> = (size - self.last..size).map(|row| vectors[row * size + at]).collect();
        product(&self.coupling, &part, [self.next_width, 1, self.last])
            .iter()
            .map(|x| x * x)
            .sum::<f64>()
            .sqrt()
    }

    /// The first `width` Ritz vectors, `[n, width]`.
    pub(super) fn combined(&self, vectors: &[f64], width: usize) -> Found {
        let size = self.processed;
        let turns: Vec<f32> =
            vectors.chunks_exact(size).flat_map(|row| row[..width].iter().map(|&x| x as f32)).collect();
        let mut out = vec![0.0; self.n * width];
        let basis = Matrix::strided(&self.vectors, self.n, size, self.capacity);
        multiply(1.0, basis, Matrix::new(&turns, size, width), 0.0, &mut out, width);
        Found { vectors: out, width }
    }

    /// Keeps the first Ritz vectors alone.
    pub(super) fn restart(&mut self, values: &[f64], vectors: &[f64], kept: usize) {
        let Found { vectors: kept_vectors, width } = self.combined(vectors, kept.min(self.processed));
        (self.len, self.starts) = (0, [0, 0]);
        self.append(&kept_vectors, width);
        self.projected.fill(0.0);
        values[..width]
            .iter()
            .enumerate()
            .for_each(|(at, &value)| self.projected[at * (self.capacity + 1)] = value);
        self.processed = width;
    }

    fn append(&mut self, vectors: &[f32], width: usize) {
        for (to, from) in self.vectors.chunks_exact_mut(self.capacity).zip(vectors.chunks_exact(width)) {
            to[self.len..self.len + width].copy_from_slice(from);
        }
        self.starts = [self.starts[1], self.len];
        self.len += width;
    }

    /// Splits `width` vectors of a block `[n, BLOCK]`, of which but for rounding nothing lies in the basis before `start`.
    fn outside(&self, block: &mut [f32], width: usize, start: usize) -> Result<Outside> {
        // What is left may be small, and then mostly what rounding left inside: it is brought to length 1 and cleaned again until
        // nothing is inside. Mostly twice is enough (Giraud, Langou and Rozložník 2005). Once is not: what is not quite orthogonal
        // is so by a multiple at each step.
        const PASSES: usize = 6;
        const CLEAN: f64 = 1e-3;
        let mut inside = self.remove(block, BLOCK, width, start);
        let (mut vectors, mut found, mut factor) = orthonormal(block, width, BLOCK, Lengths::Any)?;
        for _ in 1..PASSES {
            if found == 0 {
                break;
            }
            let again = self.remove(&mut vectors, found, found, 0);
            let more = product(&again, &factor, [self.len, width, found]);
            inside.iter_mut().zip(more).for_each(|(to, more)| *to += more);
            let (next, next_found, second) = orthonormal(&vectors, found, found, Lengths::Unit)?;
            factor = product(&second, &factor, [next_found, width, found]);
            (vectors, found) = (next, next_found);
            if again.iter().all(|x| x.abs() < CLEAN) {
                break;
            }
        }
        Ok(Outside { vectors, width: found, inside, factor })
    }

    /// Takes the part inside of the basis from `start` on away from `width` vectors and returns its coordinates `[len, width]`.
    fn remove(&self, block: &mut [f32], stride: usize, width: usize, start: usize) -> Vec<f64> {
        let mut inside = vec![0.0; self.len * width];
        if inside.is_empty() {
            return vec![];
        }
        let basis = Matrix::strided(&self.vectors[start..], self.n, self.len - start, self.capacity);
        let mut found = vec![0.0; (self.len - start) * width];
        let view = Matrix::strided(&*block, self.n, width, stride);
        multiply(1.0, basis.t(), view, 0.0, &mut found, width);
        multiply(-1.0, basis, Matrix::new(&found, self.len - start, width), 1.0, block, stride);
        inside[start * width..].iter_mut().zip(found).for_each(|(to, x)| *to = f64::from(x));
        inside
    }
}

/// The Gram matrix `[width, width]` of vectors `[n, stride]`.
pub(super) fn gram(block: &[f32], width: usize, stride: usize) -> Vec<f64> {
    // In pieces, so that the copy in `f64` stays small.
    const ROWS: usize = 4096;
    let mut sums = vec![0.0; width * width];
    for piece in block.chunks(ROWS * stride) {
        let wide: Vec<f64> = piece.iter().map(|&x| f64::from(x)).collect();
        let view = Matrix::strided(&wide, piece.len() / stride, width, stride);
        multiply(1.0, view.t(), view, 1.0, &mut sums, width);
    }
    sums
}

/// Vectors `[n, stride]` times a matrix `turns` of `width` rows, column `at` times `scale(at)`: `[n, columns of turns]`.
pub(super) fn turned(
    block: &[f32],
    stride: usize,
    turns: &[f64],
    width: usize,
    scale: impl Fn(usize) -> f64,
) -> Vec<f32> {
    const ROWS: usize = 4096;
    let columns = turns.len().checked_div(width).unwrap_or(0);
    let turns: Vec<f64> =
        turns.iter().enumerate().map(|(at, turn)| turn * scale(at % columns.max(1))).collect();
    let mut out = Vec::with_capacity(block.len() / stride * columns);
    for piece in block.chunks(ROWS * stride) {
        let wide: Vec<f64> = piece.iter().map(|&x| f64::from(x)).collect();
        let rows = piece.len() / stride;
        let mut part = vec![0.0; rows * columns];
        let view = Matrix::strided(&wide, rows, width, stride);
        multiply(1.0, view, Matrix::new(&turns, width, columns), 0.0, &mut part, columns.max(1));
        out.extend(part.iter().map(|&x| x as f32));
    }
    out
}

/// What [`orthonormal`] measures vectors by.
#[derive(Clone, Copy)]
enum Lengths {
    /// Their own lengths, whatever they are.
    Any,
    /// They had length 1: what is much shorter now is what rounding left.
    Unit,
}

/// Orthonormal vectors `Q [n, found]` of the space of a block `W [n, stride]`, and the factor `R [found, width]` of `W = Q R`, by
/// the Gram matrix in `f64`: its Cholesky factor, or where vectors nearly depend on others its eigenvectors (SVQB, Stathopoulos
/// and Wu 2002). What depends on others up to rounding is left out.
fn orthonormal(
    block: &[f32],
    width: usize,
    stride: usize,
    measure: Lengths,
) -> Result<(Vec<f32>, usize, Vec<f64>)> {
    if width == 0 {
        return Ok((vec![], 0, vec![]));
    }
    let mut gram = gram(block, width, stride);
    let (lengths, least): (Vec<f64>, f64) = match measure {
        Lengths::Any => ((0..width).map(|at| gram[at * (width + 1)].sqrt()).collect(), 1e-10),
        Lengths::Unit => (vec![1.0; width], 1e-8),
    };
    let inverse: Vec<f64> = lengths.iter().map(|&x| if x > 0.0 { 1.0 / x } else { 0.0 }).collect();
    gram.iter_mut().enumerate().for_each(|(at, x)| *x *= inverse[at / width] * inverse[at % width]);
    let Root { mut turns, mut factor, found } = match triangular_root(&gram, width) {
        Some(root) => root,
        None => root(&gram, width, least)?,
    };
    for row in 0..width {
        for column in 0..found {
            turns[row * found + column] *= inverse[row];
            factor[column * width + row] *= lengths[row];
        }
    }
    Ok((turned(block, stride, &turns, width, |_| 1.0), found, factor))
}

/// `factor [found, width]` with `factorᵀ factor` a Gram matrix, and its inverse from the right, `turns [width, found]`.
struct Root {
    turns: Vec<f64>,
    factor: Vec<f64>,
    found: usize,
}

/// The Cholesky factor, if its inverse is not large.
fn triangular_root(gram: &[f64], width: usize) -> Option<Root> {
    const LARGE: f64 = 1e3;
    let llt = MatRef::from_row_major_slice(gram, width, width).llt(Side::Lower).ok()?;
    let mut inverse = Mat::identity(width, width);
    llt.L().solve_lower_triangular_in_place(inverse.as_mut());
    let size: f64 = inverse.norm_l2();
    let transposed = |matrix: MatRef<'_, f64>| -> Vec<f64> {
        (0..width * width).map(|at| matrix[(at % width, at / width)]).collect()
    };
    (size < LARGE).then(|| Root {
        turns: transposed(inverse.as_ref()),
        factor: transposed(llt.L()),
        found: width,
    })
}

/// The eigenvectors with eigenvalues above `least`.
fn root(gram: &[f64], width: usize, least: f64) -> Result<Root> {
    let (values, vectors) = eigen(gram, width)?;
    let found = values.iter().take_while(|&&value| value > least).count();
    let mut turns = vec![0.0; width * found];
    let mut factor = vec![0.0; found * width];
    for row in 0..width {
        for column in 0..found {
            let (entry, root) = (vectors[row * width + column], values[column].sqrt());
            turns[row * found + column] = entry / root;
            factor[column * width + row] = root * entry;
        }
    }
    Ok(Root { turns, factor, found })
}

/// Eigenvalues of a symmetric matrix, the largest first, and its eigenvectors as columns of a row-major matrix.
pub(super) fn eigen(matrix: &[f64], size: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let matrix = MatRef::from_row_major_slice(matrix, size, size);
    let (mut values, mut vectors) = (Diag::zeros(size), Mat::zeros(size, size));
    let scratch =
        evd::self_adjoint_evd_scratch::<f64>(size, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    let (to_values, to_vectors) = (values.as_mut(), Some(vectors.as_mut()));
    evd::self_adjoint_evd(matrix, to_values, to_vectors, Par::Seq, stack, Default::default()).map_err(
        |_| Error::training("truncated SVD", "eigenvalues that do not converge", "finite products"),
    )?;
    let turned = (0..size * size).map(|at| vectors[(at / size, size - 1 - at % size)]).collect();
    Ok((values.column_vector().iter().rev().copied().collect(), turned))
}
