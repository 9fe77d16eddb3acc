//! Matrices whose rows become columns, in squares of a cache line's side: each line is read once and written once, however
//! far apart rows lie.

/// The side of a square.
const SIDE: usize = 16;

simd_fn! {
    /// `to[c apart + r] = from[r stride + c]` for `rows` rows of `columns` columns.
    fn transpose(from: &[f32], stride: usize, shape: [usize; 2], to: &mut [f32], apart: usize) {
        let [rows, columns] = shape;
        for column in (0..columns).step_by(SIDE) {
            for row in (0..rows).step_by(SIDE) {
                let (from, to) = (&from[row * stride + column..], &mut to[column * apart + row..]);
                let left = [rows - row, columns - column];
                if left[0] < SIDE || left[1] < SIDE {
                    for r in 0..left[0].min(SIDE) {
                        for c in 0..left[1].min(SIDE) {
                            to[c * apart + r] = from[r * stride + c];
                        }
                    }
                    continue;
                }
                let mut square = [[0.0; SIDE]; SIDE];
                for (r, square) in square.iter_mut().enumerate() {
                    square.copy_from_slice(&from[r * stride..][..SIDE]);
                }
                for c in 0..SIDE {
                    let to = &mut to[c * apart..][..SIDE];
                    for r in 0..SIDE {
                        to[r] = square[r][c];
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        for ([rows, columns], stride, apart) in
            [([1, 1], 1, 1), ([16, 32], 40, 17), ([37, 16], 16, 40), ([15, 19], 23, 15), ([50, 33], 33, 50)]
        {
            let from: Vec<f32> = (0..rows * stride).map(|at| at as f32).collect();
            let mut to = vec![-1.0; columns * apart];
            transpose(&from, stride, [rows, columns], &mut to, apart);
            for (at, &found) in to.iter().enumerate() {
                let (c, r) = (at / apart, at % apart);
                let wanted = if r < rows { (r * stride + c) as f32 } else { -1.0 };
                assert_eq!(found, wanted, "{rows} x {columns}, row {r}, column {c}");
            }
        }
    }
}
