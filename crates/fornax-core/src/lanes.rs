//! Vectors of numbers in registers, of the instruction sets that kernels by hand are compiled for.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many numbers a cache line has.
pub(crate) const LINE: usize = 16;

/// The numbers of a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Line(#[allow(dead_code, reason = "read through pointers")] pub(crate) [f32; LINE]);

impl Line {
    /// The numbers of lines.
    pub(crate) fn numbers(lines: &[Self]) -> &[f32] {
        // SAFETY: a line is 16 numbers and nothing else.
        unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * LINE) }
    }

    /// The numbers of lines, to be written.
    pub(crate) fn numbers_mut(lines: &mut [Self]) -> &mut [f32] {
        // SAFETY: as above, and the lines are borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * LINE) }
    }
}

/// A vector of numbers in a register.
pub(crate) trait Lanes: Copy {
    const LEN: usize;
    /// Vector registers of the instruction set.
    const REGISTERS: usize;

    unsafe fn zero() -> Self;
    unsafe fn splat(at: *const f32) -> Self;
    unsafe fn load(at: *const f32) -> Self;
    unsafe fn store(self, at: *mut f32);
    /// Numbers that other threads may change by [`store_shared`](Self::store_shared) meanwhile: each is read by a relaxed atomic
    /// operation of its own.
    unsafe fn load_shared(at: *const f32) -> Self;
    /// Each number is written by a relaxed atomic operation of its own.
    unsafe fn store_shared(self, at: *mut f32);
    /// `self * by + to`.
    unsafe fn multiply_add(self, by: Self, to: Self) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn subtract(self, other: Self) -> Self;
    unsafe fn multiply(self, by: Self) -> Self;
    unsafe fn divide(self, by: Self) -> Self;
    /// The square root, within a unit in the last place; of numbers below `f32::MIN_POSITIVE` it may be that of
    /// `f32::MIN_POSITIVE`, and of infinity NaN.
    unsafe fn root(self) -> Self;
    /// Negative numbers become 0; NaN stays.
    unsafe fn rectified(self) -> Self;
    /// Numbers below `least` in magnitude become 0; NaN stays.
    unsafe fn at_least(self, least: Self) -> Self;
    /// The sum over the lanes of each of eight vectors.
    unsafe fn sums(eight: [Self; 8], to: *mut f32);

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

/// A computation that is written for any vectors.
pub(crate) trait Kernel: Sized {
    /// Runs it by vectors `L`, inlined, so that it is compiled for their instruction set.
    ///
    /// # Safety
    /// The machine has the instructions, and the kernel's own places hold.
    unsafe fn run<L: Lanes>(self);

    /// Runs it by the widest vectors that the machine has.
    ///
    /// # Safety
    /// The kernel's own places hold.
    unsafe fn run_widest(self) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{__m256, __m512};

            #[target_feature(enable = "avx512f")]
            unsafe fn avx512(kernel: impl Kernel) {
                unsafe { kernel.run::<__m512>() }
            }
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2(kernel: impl Kernel) {
                unsafe { kernel.run::<__m256>() }
            }
            // SAFETY: the instructions are there; the caller answers for the rest.
            unsafe {
                if std::is_x86_feature_detected!("avx512f") {
                    return avx512(self);
                }
                if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                    return avx2(self);
                }
            }
        }
        // SAFETY: arrays need no instructions of their own; the caller answers for the rest.
        unsafe { self.run::<[f32; 8]>() }
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
    unsafe fn load_shared(at: *const f32) -> Self {
        std::array::from_fn(|lane| {
            let bits = unsafe { AtomicU32::from_ptr(at.add(lane).cast_mut().cast()) };
            f32::from_bits(bits.load(Relaxed))
        })
    }
    #[inline(always)]
    unsafe fn store_shared(self, at: *mut f32) {
        for (lane, x) in self.into_iter().enumerate() {
            unsafe { AtomicU32::from_ptr(at.add(lane).cast()) }.store(x.to_bits(), Relaxed);
        }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, by: Self, mut to: Self) -> Self {
        for lane in 0..8 {
            to[lane] += self[lane] * by[lane];
        }
        to
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] + other[lane])
    }
    #[inline(always)]
    unsafe fn subtract(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] - other[lane])
    }
    #[inline(always)]
    unsafe fn multiply(self, by: Self) -> Self {
        std::array::from_fn(|lane| self[lane] * by[lane])
    }
    #[inline(always)]
    unsafe fn divide(self, by: Self) -> Self {
        std::array::from_fn(|lane| self[lane] / by[lane])
    }
    #[inline(always)]
    unsafe fn root(self) -> Self {
        self.map(f32::sqrt)
    }
    #[inline(always)]
    unsafe fn sums(eight: [Self; 8], to: *mut f32) {
        unsafe { to.cast::<Self>().write_unaligned(eight.map(|lanes| lanes.into_iter().sum())) };
    }
    #[inline(always)]
    unsafe fn rectified(self) -> Self {
        self.map(|x| if 0.0 > x { 0.0 } else { x })
    }
    #[inline(always)]
    unsafe fn at_least(self, least: Self) -> Self {
        std::array::from_fn(|lane| if self[lane].abs() < least[lane] { 0.0 } else { self[lane] })
    }
}

/// Vectors of numbers that several threads read and write. An instruction does what as many relaxed atomic operations would do, in
/// no order that can be told: each of the 32-bit numbers is read and written whole. For the compiler, which has no such operation,
/// it is assembly that touches memory.
#[cfg(target_arch = "x86_64")]
macro_rules! shared {
    ($name:ident, $vector:ident, $register:ident, $features:literal) => {
        mod $name {
            use std::arch::asm;
            use std::arch::x86_64::$vector;

            #[inline]
            #[target_feature(enable = $features)]
            pub(super) unsafe fn load(at: *const f32) -> $vector {
                let vector;
                unsafe {
                    asm!("vmovups {}, [{}]", out($register) vector, in(reg) at, options(nostack, preserves_flags, readonly));
                }
                vector
            }

            #[inline]
            #[target_feature(enable = $features)]
            pub(super) unsafe fn store(vector: $vector, at: *mut f32) {
                unsafe {
                    asm!("vmovups [{}], {}", in(reg) at, in($register) vector, options(nostack, preserves_flags));
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
shared!(shared_512, __m512, zmm_reg, "avx512f");
#[cfg(target_arch = "x86_64")]
shared!(shared_256, __m256, ymm_reg, "avx2,fma");

#[cfg(target_arch = "x86_64")]
macro_rules! x86_lanes {
    (
        $vector:ident, $len:literal, $registers:literal, $set1:ident, $load:ident, $store:ident, $fma:ident,
        $add:ident, $sub:ident, $mul:ident, $div:ident, $max:ident, $zero:ident, $shared:ident, { $($parts:tt)* }
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
            unsafe fn load_shared(at: *const f32) -> Self {
                unsafe { $shared::load(at) }
            }
            #[inline(always)]
            unsafe fn store_shared(self, at: *mut f32) {
                unsafe { $shared::store(self, at) }
            }
            #[inline(always)]
            unsafe fn multiply_add(self, by: Self, to: Self) -> Self {
                unsafe { std::arch::x86_64::$fma(self, by, to) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                unsafe { std::arch::x86_64::$add(self, other) }
            }
            #[inline(always)]
            unsafe fn subtract(self, other: Self) -> Self {
                unsafe { std::arch::x86_64::$sub(self, other) }
            }
            #[inline(always)]
            unsafe fn multiply(self, by: Self) -> Self {
                unsafe { std::arch::x86_64::$mul(self, by) }
            }
            #[inline(always)]
            unsafe fn divide(self, by: Self) -> Self {
                unsafe { std::arch::x86_64::$div(self, by) }
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
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_div_ps,
    _mm512_max_ps,
    _mm512_setzero_ps,
    shared_512,
    {
        #[inline(always)]
        unsafe fn load_part(at: *const f32, len: usize) -> Self {
            unsafe { std::arch::x86_64::_mm512_maskz_loadu_ps(first_lanes(len), at) }
        }
        #[inline(always)]
        unsafe fn store_part(self, at: *mut f32, len: usize) {
            unsafe { std::arch::x86_64::_mm512_mask_storeu_ps(at, first_lanes(len), self) }
        }
        #[inline(always)]
        unsafe fn root(self) -> Self {
            use std::arch::x86_64::*;
            // Newton's step from an estimate of 14 bits, so that the divider is free for what divides.
            unsafe {
                // The second operand is the result where one is NaN.
                let x = _mm512_max_ps(_mm512_set1_ps(f32::MIN_POSITIVE), self);
                let inverse = _mm512_rsqrt14_ps(x);
                let root = _mm512_mul_ps(x, inverse);
                let left = _mm512_fnmadd_ps(root, inverse, _mm512_set1_ps(1.0));
                _mm512_fmadd_ps(_mm512_mul_ps(root, _mm512_set1_ps(0.5)), left, root)
            }
        }
        #[inline(always)]
        unsafe fn at_least(self, least: Self) -> Self {
            use std::arch::x86_64::*;
            unsafe {
                let kept = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(_mm512_abs_ps(self), least);
                _mm512_maskz_mov_ps(kept, self)
            }
        }
        #[inline(always)]
        unsafe fn sums(eight: [Self; 8], to: *mut f32) {
            use std::arch::x86_64::*;
            let [a, b, c, d, e, f, g, h] = eight;
            // By instructions that reach all 32 registers: with those for AVX2 a loop that sums up would have to keep to 16.
            unsafe {
                macro_rules! pairs {
                    ($x:expr, $y:expr) => {
                        _mm512_castps_pd(_mm512_add_ps(
                            _mm512_unpacklo_ps($x, $y),
                            _mm512_unpackhi_ps($x, $y),
                        ))
                    };
                }
                macro_rules! fours {
                    ($x:expr, $y:expr) => {{
                        let (low, high) = (_mm512_unpacklo_pd($x, $y), _mm512_unpackhi_pd($x, $y));
                        _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high))
                    }};
                }
                let low = fours!(pairs!(a, b), pairs!(c, d));
                let high = fours!(pairs!(e, f), pairs!(g, h));
                let halves = _mm512_add_ps(
                    _mm512_shuffle_f32x4::<0x44>(low, high),
                    _mm512_shuffle_f32x4::<0xee>(low, high),
                );
                let all = _mm512_add_ps(
                    _mm512_shuffle_f32x4::<0x88>(halves, halves),
                    _mm512_shuffle_f32x4::<0xdd>(halves, halves),
                );
                _mm256_storeu_ps(to, _mm512_castps512_ps256(all));
            }
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
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_div_ps,
    _mm256_max_ps,
    _mm256_setzero_ps,
    shared_256,
    {
        #[inline(always)]
        unsafe fn root(self) -> Self {
            unsafe { std::arch::x86_64::_mm256_sqrt_ps(self) }
        }
        #[inline(always)]
        unsafe fn at_least(self, least: Self) -> Self {
            use std::arch::x86_64::*;
            unsafe {
                let magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0), self);
                _mm256_and_ps(self, _mm256_cmp_ps::<_CMP_NLT_UQ>(magnitude, least))
            }
        }
        #[inline(always)]
        unsafe fn sums(eight: [Self; 8], to: *mut f32) {
            use std::arch::x86_64::*;
            let [a, b, c, d, e, f, g, h] = eight;
            unsafe {
                let low = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
                let high = _mm256_hadd_ps(_mm256_hadd_ps(e, f), _mm256_hadd_ps(g, h));
                let lower = _mm256_permute2f128_ps::<0x20>(low, high);
                let upper = _mm256_permute2f128_ps::<0x31>(low, high);
                _mm256_add_ps(lower, upper).store(to);
            }
        }
    }
);

/// Runs a generic check by each kind of vectors that the machine has.
#[cfg(test)]
macro_rules! by_any_vectors {
    ($check:ident) => {
        $check::<[f32; 8]>();
        #[cfg(target_arch = "x86_64")]
        {
            if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                $check::<std::arch::x86_64::__m256>();
            }
            if std::is_x86_feature_detected!("avx512f") {
                $check::<std::arch::x86_64::__m512>();
            }
        }
    };
}
#[cfg(test)]
pub(crate) use by_any_vectors;
