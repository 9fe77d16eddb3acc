//! The orthonormal basis of a block Krylov iteration, and the matrix that stands for `G` in it.

use faer::{Mat, MatRef, Side};
use fornax_core::linalg::{Aligned, DenseRows, Matrix, multiply};
use fornax_core::{Error, Philox, Result};

use super::eigen::{eigen, largest};
use super::operator::Operator;
use super::{Found, product};

/// Blocks of orthonormal vectors `V`, of which all but the last one have been multiplied by `G`, and `T = VᵀGV` of those.
///
/// A vector is a row. Blocks on their way are `[room, n]`, with zeros behind the vectors that they have.
pub(super) struct Basis {
    n: usize,
    capacity: usize,
    /// Vectors of a block, and the room for them.
    block: usize,
    room: usize,
    /// `[capacity, stride]`; the first `len` rows are used.
    vectors: Aligned,
    stride: usize,
    len: usize,
    /// Vectors that have been multiplied by `G`.
    processed: usize,
    /// Where the last two blocks begin.
    starts: [usize; 2],
    /// `[capacity, capacity]`.
    projected: Vec<f64>,
    /// What `G` times the last block has outside of the basis: orthonormal vectors and the factor `[width, last block]`.
    next: Vec<f32>,
    next_width: usize,
    coupling: Vec<f64>,
    last: usize,
}

/// A block of `width` vectors as `insideᵀ V + factorᵀ vectors`.
struct Outside {
    /// Orthonormal and outside of the basis.
    vectors: Vec<f32>,
    found: usize,
    /// `[len, width]`.
    inside: Vec<f64>,
    /// `[found, width]`.
    factor: Vec<f64>,
}

impl Basis {
    pub(super) fn new(n: usize, capacity: usize, block: usize, room: usize) -> Self {
        let stride = Aligned::stride(n);
        Self {
            n,
            capacity,
            block,
            room,
            vectors: Aligned::zeros(capacity * stride),
            stride,
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
        let width = self.block.min(self.capacity - self.len);
        let mut block = vec![0.0; self.room * self.n];
        block[..width * self.n].fill_with(|| random.uniform_in(-1.0, 1.0));
        let Outside { vectors, found, .. } = self.outside(block, width, 0)?;
        if found == 0 {
            return Err(Error::training("truncated SVD", "no direction left to look in", "one"));
        }
        self.append(&vectors, found);
        Ok(())
    }

    /// Multiplies the last block by `G`: its column of `T`, and what lies outside of the basis.
    pub(super) fn step(&mut self, operator: &dyn Operator) -> Result<()> {
        let (start, end) = (self.processed, self.len);
        let width = end - start;
        let mut block = vec![0.0; self.room * self.n];
        for (to, from) in block.chunks_exact_mut(self.n).zip(self.rows(start, end)) {
            to.copy_from_slice(from);
        }
        let mut image = vec![0.0; self.room * self.n];
        operator.gram(&block, &mut image);
        let Outside { vectors, found, inside, factor } = self.outside(image, width, self.starts[0])?;
        for row in 0..end {
            for column in 0..width {
                let value = inside[row * width + column];
                self.projected[row * self.capacity + start + column] = value;
                self.projected[(start + column) * self.capacity + row] = value;
            }
        }
        (self.next, self.next_width, self.last) = (vectors, found, width);
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
        self.append(&next, width);
        Ok(())
    }

    /// The largest eigenvalues of `T`, the largest first, and its eigenvectors as columns `[processed, count]`.
    pub(super) fn ritz(&self, count: usize) -> Result<(Vec<f64>, Vec<f64>)> {
        let size = self.processed;
        let rows = self.projected.chunks_exact(self.capacity).take(size);
        largest(&rows.flat_map(|row| &row[..size]).copied().collect::<Vec<f64>>(), size, count.min(size))
    }

    /// `|G v - θ v|` of a Ritz vector.
    pub(super) fn residual(&self, vectors: &[f64], at: usize) -> f64 {
        let (size, count) = (self.processed, vectors.len() / self.processed);
        let part: Vec<f64> = (size - self.last..size).map(|row| vectors[row * count + at]).collect();
        product(&self.coupling, &part, [self.next_width, 1, self.last])
            .iter()
            .map(|x| x * x)
            .sum::<f64>()
            .sqrt()
    }

    /// The Ritz vectors of the first `width` eigenvectors of `T`, as rows.
    pub(super) fn combined(&self, vectors: &[f64], width: usize) -> Found {
        let size = self.processed;
        let rows = vectors.chunks_exact(vectors.len() / size);
        let turns: Vec<f32> = rows.flat_map(|row| &row[..width]).map(|&x| x as f32).collect();
        Found { vectors: DenseRows::new(&self.vectors, size, self.n, self.stride).combined(&turns), width }
    }

    /// Keeps the Ritz vectors alone.
    pub(super) fn restart(&mut self, values: &[f64], vectors: &[f64]) {
        let Found { vectors, width } = self.combined(vectors, values.len());
        (self.len, self.starts) = (0, [0, 0]);
        self.append(&vectors, width);
        self.projected.fill(0.0);
        values.iter().enumerate().for_each(|(at, &value)| self.projected[at * (self.capacity + 1)] = value);
        self.processed = width;
    }

    fn rows(&self, start: usize, end: usize) -> impl Iterator<Item = &[f32]> {
        self.vectors[start * self.stride..end * self.stride]
            .chunks_exact(self.stride)
            .map(|row| &row[..self.n])
    }

    fn append(&mut self, vectors: &[f32], width: usize) {
        let rows = self.vectors[self.len * self.stride..].chunks_exact_mut(self.stride).take(width);
        for (to, from) in rows.zip(vectors.chunks_exact(self.n)) {
            to[..self.n].copy_from_slice(from);
        }
        self.starts = [self.starts[1], self.len];
        self.len += width;
    }

    /// Splits `width` vectors of a block, of which but for rounding nothing lies in the basis before `start`.
    fn outside(&self, mut block: Vec<f32>, width: usize, start: usize) -> Result<Outside> {
        // What is left may be small, and then mostly what rounding left inside: it is brought to length 1 and cleaned again until
        // nothing is inside. Mostly twice is enough (Giraud, Langou and Rozložník 2005). Once is not: what is not quite orthogonal
        // is so by a multiple at each step.
        const PASSES: usize = 6;
        const CLEAN: f64 = 1e-3;
        let mut inside = self.remove(&mut block, width, start);
        let (mut found, mut factor) = self.orthonormal(&mut block, width, Lengths::Any)?;
        for _ in 1..PASSES {
            if found == 0 {
                break;
            }
            let again = self.remove(&mut block, found, 0);
            let more = product(&again, &factor, [self.len, width, found]);
            inside.iter_mut().zip(more).for_each(|(to, more)| *to += more);
            let (next_found, second) = self.orthonormal(&mut block, found, Lengths::Unit)?;
            factor = product(&second, &factor, [next_found, width, found]);
            found = next_found;
            if again.iter().all(|x| x.abs() < CLEAN) {
                break;
            }
        }
        Ok(Outside { vectors: block, found, inside, factor })
    }

    /// Takes the part inside of the basis from `start` on away from `width` vectors and returns its coordinates `[len, width]`.
    fn remove(&self, block: &mut [f32], width: usize, start: usize) -> Vec<f64> {
        let basis =
            DenseRows::new(&self.vectors[start * self.stride..], self.len - start, self.n, self.stride);
        let found = basis.remove(block);
        let mut inside = vec![0.0; start * width];
        for row in found.chunks_exact(self.room) {
            inside.extend(row[..width].iter().map(|&x| f64::from(x)));
        }
        inside
    }

    /// Makes the first vectors of a block `W` orthonormal and returns how many it found, and the factor `R [found, width]` of
    /// `W = Rᵀ Q`, by the Gram matrix in `f64`: its Cholesky factor, or where vectors nearly depend on others its eigenvectors
    /// (SVQB, Stathopoulos and Wu 2002). What depends on others up to rounding is left out.
    fn orthonormal(&self, block: &mut [f32], width: usize, measure: Lengths) -> Result<(usize, Vec<f64>)> {
        if width == 0 {
            return Ok((0, vec![]));
        }
        let mut gram = gram(Matrix::new(block, width, self.n).t());
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
        let turns: Vec<f32> = turns.iter().map(|&x| x as f32).collect();
        let turned = DenseRows::new(block, width, self.n, self.n).combined(&turns);
        block[..found * self.n].copy_from_slice(&turned);
        block[found * self.n..].fill(0.0);
        Ok((found, factor))
    }
}

/// Vectors that are read in `f64` at once, so that the copy stays small.
const PIECE: usize = 4096;

/// The Gram matrix `[width, width]` of vectors `[n, width]`.
pub(super) fn gram(vectors: Matrix<'_, f32>) -> Vec<f64> {
    let [n, width] = vectors.shape();
    let (mut sums, mut wide) = (vec![0.0; width * width], vec![]);
    for start in (0..n).step_by(PIECE) {
        let piece = vectors.widened(start..n.min(start + PIECE), &mut wide);
        multiply(1.0, piece.t(), piece, 1.0, &mut sums, width);
    }
    sums
}

/// Vectors `[n, width]` times a matrix `turns [width, columns]`.
pub(super) fn turned(vectors: Matrix<'_, f32>, turns: &[f64]) -> Vec<f32> {
    let [n, width] = vectors.shape();
    let columns = turns.len() / width;
    let turns = Matrix::new(turns, width, columns);
    let mut out = vec![0.0; n * columns];
    let (mut wide, mut part) = (vec![], vec![]);
    for start in (0..n).step_by(PIECE) {
        let len = PIECE.min(n - start);
        let piece = vectors.widened(start..start + len, &mut wide);
        part.resize(len * columns, 0.0);
        multiply(1.0, piece, turns, 0.0, &mut part, columns);
        out[start * columns..].iter_mut().zip(&part).for_each(|(to, &x)| *to = x as f32);
    }
    out
}

/// What [`Basis::orthonormal`] measures vectors by.
#[derive(Clone, Copy)]
enum Lengths {
    /// Their own lengths, whatever they are.
    Any,
    /// They had length 1: what is much shorter now is what rounding left.
    Unit,
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
