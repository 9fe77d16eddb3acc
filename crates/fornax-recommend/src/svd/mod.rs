//! [`TruncatedSvd`]: the largest singular values of a matrix and their vectors.

mod basis;
mod eigen;
mod operator;

use fornax_core::linalg::{BLOCK, Matrix, multiply};
use fornax_core::{Array, Error, Philox, Result, keep_freed_memory};

use basis::Basis;
use eigen::eigen;
use operator::Operator;
pub use operator::SvdInput;

/// The truncated singular value decomposition `A ≈ U diag(s) Vᵀ` of a matrix `A [rows, columns]`: the `rank` largest singular
/// values `s_1 >= s_2 >= ...` with orthonormal `U [rows, rank]` and `V [columns, rank]`.
///
/// Block Krylov iteration (Musco and Musco 2015): an orthonormal basis of `X, G X, G² X, ...` for `G = AᵀA` of the smaller side
/// and random `X`, in which the Ritz vectors of `G` are found. When the basis is full, it starts again from the best ones
/// (thick restart, Wu and Simon 2000). It ends when no triplet's residual `|Aᵀu - s v|` is above `tolerance s_1`, or above
/// `2e-6 s_1² / s`, which is what products in 32 bits leave: where that is more, [`Svd::residual`] says so. The singular
/// values are then those of `A` within the space found, so that their error is of the order of the residual's square.
///
/// Defaults: seed 0, tolerance 1e-4, at most 1000 products with a block of vectors (16 where the matrix is sparse; where it
/// is dense 4, or 8 if it has more than 4 million entries). The sign rule: of each column of `V` the entry of the largest
/// absolute value (of equal ones the first) is positive.
///
/// ```
/// use fornax_core::Array;
/// use fornax_recommend::TruncatedSvd;
///
/// let a = Array::from_vec([3, 2], vec![3.0, 0.0, 0.0, -2.0, 0.0, 0.0])?;
/// let svd = TruncatedSvd::new(2).decompose(&a)?;
/// assert!((svd.singular_values()[0] - 3.0).abs() < 1e-5 && (svd.singular_values()[1] - 2.0).abs() < 1e-5);
/// assert!((svd.left().to_f32()[3] + 1.0).abs() < 1e-5);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TruncatedSvd {
    rank: usize,
    seed: u64,
    tolerance: f64,
    max_products: usize,
}

/// What [`TruncatedSvd`] found.
#[derive(Clone, Debug)]
pub struct Svd {
    left: Array,
    singular_values: Vec<f32>,
    right: Array,
    products: usize,
    residual: f64,
}

impl Svd {
    /// `U [rows, rank]`, orthonormal columns.
    pub fn left(&self) -> &Array {
        &self.left
    }

    /// The singular values, the largest first.
    pub fn singular_values(&self) -> &[f32] {
        &self.singular_values
    }

    /// `V [columns, rank]`, orthonormal columns.
    pub fn right(&self) -> &Array {
        &self.right
    }

    /// How many times a block of vectors was multiplied by `AᵀA`.
    pub fn products(&self) -> usize {
        self.products
    }

    /// The largest `|Aᵀu - s v|` of a triplet, relative to the first singular value.
    pub fn residual(&self) -> f64 {
        self.residual
    }
}

/// Vectors beyond the rank that make the last ones converge sooner.
const EXTRA: usize = 14;

/// Vectors between two restarts.
const RESTART: usize = 144;

/// A product counts as dear if it has more multiplications than so many times the third power of the projected matrix's size.
const DEAR: usize = 50;

/// How many times as fast as its bound or as before a residual is expected to fall.
const FASTER: f64 = 1.3;

/// Residuals of products in `f32` do not fall below this, relative to the square of the first singular value.
const ROUNDING: f64 = 2e-6;

impl TruncatedSvd {
    /// The `rank` largest singular values.
    pub fn new(rank: usize) -> Self {
        Self { rank, seed: 0, tolerance: 1e-4, max_products: 1000 }
    }

    /// The seed of the block that the iteration starts from.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The largest residual, relative to the first singular value.
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// The most products with a block.
    pub fn max_products(self, max_products: usize) -> Self {
        Self { max_products, ..self }
    }

    /// Decomposes a sparse matrix, whose missing entries are 0, or an array `[rows, columns]`.
    ///
    /// What it frees the process keeps (see [`fornax_core::keep_freed_memory`]).
    ///
    /// # Errors
    /// If the rank is 0 or above a side of the matrix, the matrix has a value that is not finite or fewer singular values above
    /// rounding than the rank asks for, or the residual is too large after the last product.
    pub fn decompose(&self, input: &impl SvdInput) -> Result<Svd> {
        let [rows, columns] = input.shape()?;
        if self.rank == 0 || self.rank > rows.min(columns) {
            let wanted = format!("1 to {}, the smaller side of {rows} x {columns}", rows.min(columns));
            return Err(Error::argument("rank", self.rank, wanted));
        }
        if !(self.tolerance > 0.0 && self.tolerance.is_finite()) {
            return Err(Error::argument("tolerance", self.tolerance, "a finite number above 0"));
        }
        keep_freed_memory();
        let largest = input.largest()?;
        if largest == 0.0 {
            return Err(self.rank_error(0));
        }
        let turned = rows < columns;
        // A power of two, so that the squares of the values neither overflow nor vanish and no digit changes.
        let scale = largest.log2().floor().clamp(-126.0, 126.0).exp2();
        // Within the pool of threads, so that each of the many products need not wake it.
        let (products, residual, (far, values, near)) = rayon::scope(|_| {
            let operator = input.operator(turned, 1.0 / scale);
            let (found, products, residual) = self.iterate(&*operator)?;
            Ok::<_, Error>((products, residual, refine(&*operator, &found, rows.max(columns))?))
        })?;
        let shown =
            values.iter().take_while(|&&value| value > values[0] * f64::from(f32::EPSILON) * 4.0).count();
        if shown < self.rank {
            return Err(self.rank_error(shown));
        }
        let singular_values: Vec<f32> =
            values[..self.rank].iter().map(|value| (value * f64::from(scale)) as f32).collect();
        if let Some(bad) = singular_values.iter().find(|value| !value.is_finite()) {
            return Err(Error::data("singular values", bad, "numbers of 32 bits: scale the matrix"));
        }
        let width = values.len();
        let [mut left, mut right] = [far, near].map(|vectors| first_columns(vectors, width, self.rank));
        if turned {
            std::mem::swap(&mut left, &mut right);
        }
        fix_signs(&mut left, &mut right, self.rank);
        Ok(Svd {
            left: Array::from_vec([rows, self.rank], left)?,
            singular_values,
            right: Array::from_vec([columns, self.rank], right)?,
            products,
            residual,
        })
    }

    fn rank_error(&self, found: usize) -> Error {
        let wanted = format!("at least the {} asked for", self.rank);
        Error::data("matrix", format!("{found} singular values above rounding"), wanted)
    }

    /// Orthonormal vectors in whose space the largest singular vectors of the smaller side lie, after how many products, and with which
    /// residual.
    fn iterate(&self, operator: &dyn Operator) -> Result<(Found, usize, f64)> {
        let n = operator.small_side();
        let kept = (self.rank + EXTRA).min(n);
        let block = kept.min(operator.block());
        let capacity = (kept + RESTART).min(n);
        let mut random = Philox::new(self.seed).named("svd");
        let mut basis = Basis::new(n, capacity, block, operator.block());
        basis.append_random(&mut random)?;
        // The decomposition of the projected matrix costs as much as some products with a small matrix, so that there is none before
        // the end that the last one lets expect, unless products are dear.
        let (mut last, mut expected) = (Look { product: 0, excess: -self.tolerance.ln() }, usize::MAX);
        for product in 1..=self.max_products {
            basis.step(operator)?;
            let full = basis.is_full();
            let size = basis.processed();
            let is_dear = operator.multiplications() * block > DEAR * size.pow(3);
            let is_due = product >= expected || is_dear && size >= kept + 2 * block;
            let is_last = product == self.max_products;
            if size >= self.rank && (full || is_due || is_last) {
                let (values, vectors) = basis.ritz(kept)?;
                let first = values[0].max(0.0).sqrt();
                // What rounding leaves cannot be driven out by more products: it is reported, and counts as 0 all the same.
                let (mut reported, mut residual) = (0.0f64, 0.0f64);
                for at in 0..self.rank {
                    let of_square = basis.residual(&vectors, at);
                    let relative = of_square / (values[at].max(f64::MIN_POSITIVE).sqrt() * first);
                    reported = reported.max(relative);
                    if of_square > ROUNDING * values[0] {
                        residual = residual.max(relative);
                    }
                }
                let look = Look { product, excess: (residual / self.tolerance).ln() };
                let beyond = values[(self.rank + block).min(values.len()) - 1];
                expected = look.expected_end(&last, chebyshev_rate(values[self.rank - 1], beyond));
                last = look;
                if residual <= self.tolerance || basis.is_exhausted() {
                    // Vectors that rounding leaves unfinished are finished by their images, among some more of their kind.
                    let rounding = ROUNDING * first / values[self.rank - 1].max(f64::MIN_POSITIVE).sqrt();
                    let is_finished = reported.max(rounding) <= self.tolerance;
                    let width = if is_finished { self.rank } else { values.len() };
                    return Ok((basis.combined(&vectors, width), product, reported));
                }
                if is_last {
                    let found = format!("a residual of {residual:.1e} after {product} products");
                    let wanted = format!("at most {:.1e}: raise max_products or tolerance", self.tolerance);
                    return Err(Error::training("truncated SVD", found, wanted));
                }
                if full {
                    basis.restart(&values, &vectors);
                }
            }
            basis.take_next(&mut random)?;
        }
        Err(Error::argument("max_products", self.max_products, "enough to hold the rank"))
    }
}

/// After which product by how much, as a logarithm, the residual was above the tolerance.
struct Look {
    product: usize,
    excess: f64,
}

impl Look {
    /// After which product the residual may reach the tolerance, if it falls no slower than since the last look and than by
    /// `rate`.
    fn expected_end(&self, last: &Self, rate: f64) -> usize {
        let before = (last.excess - self.excess) / (self.product - last.product) as f64;
        match rate.max(before) {
            rate if rate > 0.0 => {
                self.product.saturating_add((self.excess / (FASTER * rate)).max(1.0) as usize)
            }
            _ => usize::MAX,
        }
    }
}

/// By how much, as a logarithm, a product brings down at least what is beside a vector of eigenvalue `wanted`, if the block is as
/// wide as eigenvalues lie between it and `beyond`: the growth of Chebyshev polynomials beyond `[0, beyond]` (Saad 1980).
fn chebyshev_rate(wanted: f64, beyond: f64) -> f64 {
    let gap = (wanted - beyond) / beyond.max(f64::MIN_POSITIVE);
    (1.0 + 2.0 * gap.max(0.0)).acosh()
}

/// Orthonormal vectors, `[width, n]`.
struct Found {
    vectors: Vec<f32>,
    width: usize,
}

/// The singular values of `A` within the space of `found`, with the vectors of both sides, `[side, width]`.
fn refine(operator: &dyn Operator, found: &Found, far_side: usize) -> Result<(Vec<f32>, Vec<f64>, Vec<f32>)> {
    let Found { vectors, width } = found;
    let (width, stride) = (*width, width.next_multiple_of(BLOCK));
    let n = vectors.len() / width;
    let mut padded = vec![0.0; n * stride];
    Matrix::new(vectors, width, n).t().scaled(1.0, &mut padded, stride);
    let mut images = vec![0.0; far_side * stride];
    operator.apply(&padded, width, stride, &mut images);
    let images = Matrix::strided(&images, far_side, width, stride);
    let (squares, turns) = eigen(&basis::gram(images), width)?;
    let values: Vec<f64> = squares.iter().map(|square| square.max(0.0).sqrt()).collect();
    let inverse: Vec<f64> = values.iter().map(|&value| if value > 0.0 { 1.0 / value } else { 0.0 }).collect();
    let near = basis::turned(Matrix::strided(&padded, n, width, stride), &turns);
    let scaled: Vec<f64> = turns.iter().enumerate().map(|(at, turn)| turn * inverse[at % width]).collect();
    let far = basis::turned(images, &scaled);
    Ok((far, values, near))
}

fn first_columns(values: Vec<f32>, width: usize, count: usize) -> Vec<f32> {
    values.chunks_exact(width).flat_map(|row| &row[..count]).copied().collect()
}

fn fix_signs(left: &mut [f32], right: &mut [f32], width: usize) {
    for column in 0..width {
        let entries = right.iter().skip(column).step_by(width).copied();
        let largest = entries.fold(0.0f32, |largest, x| if x.abs() > largest.abs() { x } else { largest });
        if largest < 0.0 {
            let turn =
                |values: &mut [f32]| values.iter_mut().skip(column).step_by(width).for_each(|x| *x = -*x);
            turn(left);
            turn(right);
        }
    }
}

/// `out = a b` of small matrices.
fn product(a: &[f64], b: &[f64], [m, n, k]: [usize; 3]) -> Vec<f64> {
    let mut out = vec![0.0; m * n];
    multiply(1.0, Matrix::new(a, m, k), Matrix::new(b, k, n), 0.0, &mut out, n.max(1));
    out
}
