//! Sums of products at given places: what convolution and its two cotangents have in common.
//!
//! `out[o_r, j] = sum over t of source[s_r + s_t] factor[f_t, j]`
//!
//! A **row** `r` says where it begins in the source and which row of the output it is; a **step** `t` says what to add
//! to the row's place and which row of the factor it meets. No row is copied: the places are the implicit im2col
//! (Dukhan, "The Indirect Convolution Algorithm", 2019).
//!
//! Blocking: `R` rows times `V` vectors of the output stay in registers while the steps run (6 x 4 of the 32
//! registers of AVX-512, 4 x 2 of the 16 of AVX2), so that a step loads `V` vectors and broadcasts `R` numbers for
//! `R V` multiply-adds. `R V + R + V` is about the number of registers, because the compiler loads a step's numbers
//! first. Steps come in blocks of 512, which keeps a panel of the factor (128 KiB) in the second-level
//! cache and the source near.

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

/// The multiple of 16 columns that a factor's row has to have.
pub(super) fn padded(width: usize) -> usize {
    width.next_multiple_of(16)
}

/// Rows of numbers that begin `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Factor<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
}

/// What becomes of a sum.
#[derive(Clone, Copy, Default)]
pub(super) struct Finish<'a> {
    /// Whether it is added to what is there.
    pub(super) add: bool,
    /// What is added to every row, `padded(width)` long.
    pub(super) bias: Option<&'a [f32]>,
    /// Whether a negative result becomes 0.
    pub(super) relu: bool,
}

/// The sums of products for `width` columns, into rows of `out` that begin `stride` apart.
pub(super) fn products(
    source: &[f32],
    factor: Factor<'_>,
    (out, stride, width): (&mut [f32], usize, usize),
    rows: PlacesRef<'_>,
    steps: PlacesRef<'_>,
    finish: Finish<'_>,
) {
    if rows.source.is_empty() || width == 0 {
        return;
    }
    assert!(steps.source.is_empty() || largest(rows.source) + largest(steps.source) < source.len());
    assert!(steps.end(factor.stride, padded(width)) <= factor.values.len());
    assert!(rows.end(stride, width) <= out.len());
    assert!(finish.bias.is_none_or(|bias| bias.len() >= padded(width)));
    let job =
        Job { source: source.as_ptr(), factor, out: out.as_mut_ptr(), stride, width, rows, steps, finish };
    // SAFETY: the assertions bound every place that the job reads or writes; the instructions are there.
    unsafe { job.run_widest() }
}

struct Job<'a> {
    source: *const f32,
    factor: Factor<'a>,
    out: *mut f32,
    stride: usize,
    width: usize,
    rows: PlacesRef<'a>,
    steps: PlacesRef<'a>,
    finish: Finish<'a>,
}

/// Steps of a block.
const BLOCK: usize = 512;

impl Job<'_> {
    unsafe fn run_widest(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{__m256, __m512};

            #[target_feature(enable = "avx512f")]
            unsafe fn avx512(job: &Job<'_>) {
                unsafe { job.run::<__m512>() }
            }
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2(job: &Job<'_>) {
                unsafe { job.run::<__m256>() }
            }
            if std::is_x86_feature_detected!("avx512f") {
                return unsafe { avx512(self) };
            }
            if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                return unsafe { avx2(self) };
            }
        }
        unsafe { self.run::<[f32; 8]>() }
    }

    #[inline(always)]
    unsafe fn run<L: Lanes>(&self) {
        let mut column = 0;
        while column < self.width {
            let vectors = (padded(self.width) - column) / L::LEN;
            unsafe {
                match (L::REGISTERS, vectors) {
                    (32, 1) => self.panel::<L, 14, 4, 1>(column),
                    (32, 2) => self.panel::<L, 9, 3, 2>(column),
                    (32, 3) => self.panel::<L, 7, 2, 3>(column),
                    (32, _) => self.panel::<L, 6, 2, 4>(column),
                    (16, _) => self.panel::<L, 4, 1, 2>(column),
                    _ => self.panel::<L, 2, 1, 2>(column),
                }
            }
            column += L::LEN * vectors.min(if L::REGISTERS == 32 { 4 } else { 2 });
        }
    }

    /// The columns from `column` on, `V` vectors of them; the last rows go `S` at a time.
    #[inline(always)]
    unsafe fn panel<L: Lanes, const R: usize, const S: usize, const V: usize>(&self, column: usize) {
        let (rows, steps) = (self.rows.source.len(), self.steps.source.len());
        let mut start = 0;
        loop {
            let end = (start + BLOCK).min(steps);
            let add = start > 0 || self.finish.add;
            let whole = if rows % R > R / 2 { rows } else { rows - rows % R };
            for first in (0..whole).step_by(R) {
                unsafe { self.tile::<L, R, V>(column, first, start..end, add, end == steps) };
            }
            for first in (whole..rows).step_by(S) {
                unsafe { self.tile::<L, S, V>(column, first, start..end, add, end == steps) };
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
        steps: std::ops::Range<usize>,
        add: bool,
        last: bool,
    ) {
        unsafe {
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
            }
            let factor = self.factor.values.as_ptr().add(column);
            for step in steps {
                let offset = *self.steps.source.get_unchecked(step) as usize;
                let at = *self.steps.other.get_unchecked(step) as usize * self.factor.stride;
                let mut vectors = [L::zero(); V];
                for v in 0..V {
                    vectors[v] = L::load(factor.add(at + v * L::LEN));
                }
                for r in 0..R {
                    let number = L::splat(sources[r].add(offset));
                    for v in 0..V {
                        sums[r][v] = number.multiply_add(vectors[v], sums[r][v]);
                    }
                }
            }
            if last {
                if let Some(bias) = self.finish.bias {
                    for v in 0..V {
                        let bias = L::load(bias.as_ptr().add(column + v * L::LEN));
                        for r in 0..R {
                            sums[r][v] = sums[r][v].plus(bias);
                        }
                    }
                }
                if self.finish.relu {
                    for r in 0..R {
                        for v in 0..V {
                            sums[r][v] = sums[r][v].rectified();
                        }
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

/// `y = x matrix`, or `y += x matrix`, for one row.
pub(super) fn row_product(x: &[f32], matrix: Factor<'_>, y: &mut [f32], add: bool) {
    if x.is_empty() || y.is_empty() {
        if !add {
            y.fill(0.0);
        }
        return;
    }
    assert!((x.len() - 1) * matrix.stride + y.len() <= matrix.values.len());
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{__m256, __m512};

        #[target_feature(enable = "avx512f")]
        unsafe fn avx512(x: &[f32], matrix: Factor<'_>, y: &mut [f32], add: bool) {
            unsafe { row::<__m512>(x, matrix, y, add) }
        }
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2(x: &[f32], matrix: Factor<'_>, y: &mut [f32], add: bool) {
            unsafe { row::<__m256>(x, matrix, y, add) }
        }
        if std::is_x86_feature_detected!("avx512f") {
            // SAFETY: the instructions are there, and the assertion bounds what is read.
            return unsafe { avx512(x, matrix, y, add) };
        }
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            // SAFETY: the instructions are there, and the assertion bounds what is read.
            return unsafe { avx2(x, matrix, y, add) };
        }
    }
    // SAFETY: the assertion bounds what is read.
    unsafe { row::<[f32; 8]>(x, matrix, y, add) }
}

#[inline(always)]
unsafe fn row<L: Lanes>(x: &[f32], matrix: Factor<'_>, y: &mut [f32], add: bool) {
    let mut column = 0;
    while column < y.len() {
        unsafe {
            if column + 4 * L::LEN <= y.len() {
                row_panel::<L, 4>(x, matrix, &mut y[column..], column, add);
                column += 4 * L::LEN;
            } else {
                row_panel::<L, 1>(x, matrix, &mut y[column..], column, add);
                column += L::LEN;
            }
        }
    }
}

/// The columns from `column` on, `V` vectors of them, the last of which may be cut off.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
unsafe fn row_panel<L: Lanes, const V: usize>(
    x: &[f32],
    matrix: Factor<'_>,
    y: &mut [f32],
    column: usize,
    add: bool,
) {
    unsafe {
        let len = y.len().min(V * L::LEN);
        let whole = len == V * L::LEN;
        let mut sums = [L::zero(); V];
        let part = |v: usize| len - v * L::LEN;
        if add {
            for v in 0..V {
                let at = y.as_ptr().add(v * L::LEN);
                sums[v] = if whole { L::load(at) } else { L::load_part(at, part(v)) };
            }
        }
        for k in 0..x.len() {
            let number = L::splat(x.as_ptr().add(k));
            let row = matrix.values.as_ptr().add(k * matrix.stride + column);
            for v in 0..V {
                let at = row.add(v * L::LEN);
                let vector = if whole { L::load(at) } else { L::load_part(at, part(v)) };
                sums[v] = number.multiply_add(vector, sums[v]);
            }
        }
        for v in 0..V {
            let at = y.as_mut_ptr().add(v * L::LEN);
            if whole { sums[v].store(at) } else { sums[v].store_part(at, part(v)) }
        }
    }
}

/// A vector of numbers in a register.
pub(super) trait Lanes: Copy {
    const LEN: usize;
    /// Vector registers of the instruction set.
    const REGISTERS: usize;

    unsafe fn zero() -> Self;
    unsafe fn splat(at: *const f32) -> Self;
    unsafe fn load(at: *const f32) -> Self;
    unsafe fn store(self, at: *mut f32);
    /// `self * by + to`.
    unsafe fn multiply_add(self, by: Self, to: Self) -> Self;
    unsafe fn plus(self, other: Self) -> Self;
    /// Negative numbers become 0; NaN stays.
    unsafe fn rectified(self) -> Self;

    /// The first `len` numbers at `at`, zeros behind them.
    #[inline(always)]
    unsafe fn load_part(at: *const f32, len: usize) -> Self {
        let mut part = [0.0f32; 16];
        unsafe {
            std::ptr::copy_nonoverlapping(at, part.as_mut_ptr(), len.min(Self::LEN));
            Self::load(part.as_ptr())
        }
    }

    /// Stores the first `len` numbers.
    #[inline(always)]
    unsafe fn store_part(self, at: *mut f32, len: usize) {
        let mut part = [0.0f32; 16];
        unsafe {
            self.store(part.as_mut_ptr());
            std::ptr::copy_nonoverlapping(part.as_ptr(), at, len.min(Self::LEN));
        }
    }
}

impl Lanes for [f32; 8] {
    const LEN: usize = 8;
    const REGISTERS: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        [0.0; 8]
    }
    #[inline(always)]
    unsafe fn splat(at: *const f32) -> Self {
        unsafe { [*at; 8] }
    }
    #[inline(always)]
    unsafe fn load(at: *const f32) -> Self {
        unsafe { at.cast::<Self>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, at: *mut f32) {
        unsafe { at.cast::<Self>().write_unaligned(self) }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, by: Self, mut to: Self) -> Self {
        for lane in 0..8 {
            to[lane] += self[lane] * by[lane];
        }
        to
    }
    #[inline(always)]
    unsafe fn plus(mut self, other: Self) -> Self {
        for lane in 0..8 {
            self[lane] += other[lane];
        }
        self
    }
    #[inline(always)]
    unsafe fn rectified(self) -> Self {
        self.map(|x| if 0.0 > x { 0.0 } else { x })
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! x86_lanes {
    (
        $vector:ident, $len:literal, $registers:literal, $set1:ident, $load:ident, $store:ident, $fma:ident,
        $add:ident, $max:ident, $zero:ident, { $($parts:tt)* }
    ) => {
        impl Lanes for std::arch::x86_64::$vector {
            const LEN: usize = $len;
            const REGISTERS: usize = $registers;

            #[inline(always)]
            unsafe fn zero() -> Self {
                unsafe { std::arch::x86_64::$zero() }
            }
            #[inline(always)]
            unsafe fn splat(at: *const f32) -> Self {
                unsafe { std::arch::x86_64::$set1(*at) }
            }
            #[inline(always)]
            unsafe fn load(at: *const f32) -> Self {
                unsafe { std::arch::x86_64::$load(at) }
            }
            #[inline(always)]
            unsafe fn store(self, at: *mut f32) {
                unsafe { std::arch::x86_64::$store(at, self) }
            }
            #[inline(always)]
            unsafe fn multiply_add(self, by: Self, to: Self) -> Self {
                unsafe { std::arch::x86_64::$fma(self, by, to) }
            }
            #[inline(always)]
            unsafe fn plus(self, other: Self) -> Self {
                unsafe { std::arch::x86_64::$add(self, other) }
            }
            #[inline(always)]
            unsafe fn rectified(self) -> Self {
                // The second operand is the result where one is NaN.
                unsafe { std::arch::x86_64::$max(Self::zero(), self) }
            }
            $($parts)*
        }
    };
}

#[cfg(target_arch = "x86_64")]
x86_lanes!(
    __m512,
    16,
    32,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_max_ps,
    _mm512_setzero_ps,
    {
        #[inline(always)]
        unsafe fn load_part(at: *const f32, len: usize) -> Self {
            unsafe { std::arch::x86_64::_mm512_maskz_loadu_ps(first_lanes(len), at) }
        }
        #[inline(always)]
        unsafe fn store_part(self, at: *mut f32, len: usize) {
            unsafe { std::arch::x86_64::_mm512_mask_storeu_ps(at, first_lanes(len), self) }
        }
    }
);

/// A mask of the first `len` of 16 lanes, all of them from 16 on.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn first_lanes(len: usize) -> u16 {
    if len >= 16 { u16::MAX } else { (1 << len) - 1 }
}

#[cfg(target_arch = "x86_64")]
x86_lanes!(
    __m256,
    8,
    16,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_max_ps,
    _mm256_setzero_ps,
    {}
);
