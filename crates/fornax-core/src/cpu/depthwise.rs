//! Depthwise convolution: a sum over kernel elements for each channel by itself, along the contiguous channels.

use super::gemm::add_row;
use super::product::PlacesRef;

simd_fn! {
    /// `out[o_r, c] = sum over t of source[s_r + s_t + c] kernel[k_t, c]`.
    fn forward(
        source: &[f32],
        kernel: &[f32],
        out: &mut [f32],
        channels: usize,
        rows: PlacesRef<'_>,
        elements: PlacesRef<'_>,
    ) {
        for (&place, &row) in rows.source.iter().zip(rows.other) {
            let out = &mut out[row as usize * channels..][..channels];
            out.fill(0.0);
            for (&step, &element) in elements.source.iter().zip(elements.other) {
                let source = &source[place as usize + step as usize..][..channels];
                let kernel = &kernel[element as usize * channels..][..channels];
                for ((out, x), k) in out.iter_mut().zip(source).zip(kernel) {
                    *out += x * k;
                }
            }
        }
    }
}

simd_fn! {
    /// `dkernel[k_t, c] += sum over r of source[s_r + s_t + c] dz[o_r, c]`.
    fn kernel(
        source: &[f32],
        dz: &[f32],
        dkernel: &mut [f32],
        channels: usize,
        rows: PlacesRef<'_>,
        elements: PlacesRef<'_>,
    ) {
        for (&place, &row) in rows.source.iter().zip(rows.other) {
            let dz = &dz[row as usize * channels..][..channels];
            for (&step, &element) in elements.source.iter().zip(elements.other) {
                let source = &source[place as usize + step as usize..][..channels];
                let dkernel = &mut dkernel[element as usize * channels..][..channels];
                for ((sum, x), dz) in dkernel.iter_mut().zip(source).zip(dz) {
                    *sum += x * dz;
                }
            }
        }
    }
}

/// `y = max(y + b, 0)`, each where it applies.
pub(super) fn finish(y: &mut [f32], bias: Option<&[f32]>, relu: bool) {
    if let Some(bias) = bias {
        add_row(y, bias);
    }
    if relu {
        super::activation::relu(y);
    }
}
