//! Laws of the truncated SVD: nalgebra's dense one, SciPy's svds, the same bits for any number of threads, errors.

mod common;

use common::by_threads;
use fornax_core::{Array, Philox};
use fornax_recommend::{ItemIndex, SparseMatrix, Svd, TruncatedSvd, UserIndex, UserItems};
use proptest::prelude::*;

/// A matrix whose singular values fall by about `decay` from one to the next.
fn matrix(rows: usize, columns: usize, decay: f32, seed: u64) -> Array {
    let mut random = Philox::new(seed);
    let mut factors = |side: usize, scale: f32| -> nalgebra::DMatrix<f32> {
        nalgebra::DMatrix::from_fn(side, rows.min(columns), |_, at| random.normal() * scale.powi(at as i32))
    };
    (factors(rows, decay) * factors(columns, 1.0).transpose()).into()
}

/// The entries above a bound as a sparse matrix, and the same as a dense one.
fn thinned(dense: &Array, bound: f32) -> (UserItems, Array) {
    let columns = dense.row_len();
    let entries = dense.to_f32().into_iter().enumerate().filter(|(_, value)| value.abs() > bound);
    let entries = entries.map(|(at, value)| ((at / columns) as u32, (at % columns) as u32, value));
    let sparse = SparseMatrix::from_entries(dense.row_count(), columns, entries).unwrap();
    let dense = sparse.to_dense();
    (sparse, dense)
}

fn dense_values(matrix: &Array) -> Vec<f64> {
    let mut values: Vec<f64> =
        matrix.to_nalgebra().unwrap().cast::<f64>().singular_values().iter().copied().collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// Checks a decomposition: the singular values of the dense one, orthonormal vectors, `A v = s u` and `Aᵀ u = s v`, signs.
fn check(matrix: &Array, svd: &Svd, tolerance: f64) {
    let wanted = dense_values(matrix);
    let (a, first) = (matrix.to_nalgebra().unwrap().cast::<f64>(), wanted[0]);
    let u = svd.left().to_nalgebra().unwrap().cast::<f64>();
    let v = svd.right().to_nalgebra().unwrap().cast::<f64>();
    for (at, (&found, wanted)) in svd.singular_values().iter().zip(&wanted).enumerate() {
        assert!(
            (f64::from(found) - wanted).abs() <= tolerance * first,
            "value {at}: {found}, wanted {wanted}"
        );
    }
    let rank = svd.singular_values().len();
    for (side, vectors) in [("left", &u), ("right", &v)] {
        let fault = (vectors.transpose() * vectors - nalgebra::DMatrix::identity(rank, rank)).amax();
        assert!(fault < 2e-3, "{side} vectors are off orthonormal by {fault}");
    }
    let s = nalgebra::DVector::from_iterator(rank, svd.singular_values().iter().map(|&s| f64::from(s)));
    let scaled = |vectors: &nalgebra::DMatrix<f64>| vectors * nalgebra::DMatrix::from_diagonal(&s);
    assert!((&a * &v - scaled(&u)).amax() <= 1e-4 * first);
    assert!((a.transpose() * &u - scaled(&v)).amax() <= 1e-3 * first);
    for column in v.column_iter() {
        let largest = column
            .iter()
            .copied()
            .fold(0.0f64, |largest, x| if x.abs() > largest.abs() { x } else { largest });
        assert!(largest > 0.0, "the largest entry {largest} of a right vector");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_is_the_dense_one(
        rows in 1usize..50, columns in 1usize..50, rank in 1usize..50, decay in 0.7f32..1.0,
        scale in prop::sample::select(vec![1e-12f32, 1.0, 1e12]), seed: u64,
    ) {
        let dense = matrix(rows, columns, decay, seed);
        let dense = Array::from_vec([rows, columns], dense.to_f32().iter().map(|x| x * scale).collect()).unwrap();
        let bound = 0.3 * dense.to_f32().iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let (sparse, thin) = thinned(&dense, bound);
        for (matrix, of_sparse) in [(&dense, false), (&thin, true)] {
            let values = dense_values(matrix);
            // Where the rank is clear: what lies within rounding is neither there nor not.
            let shown = values.iter().filter(|value| **value > 1e-5 * values[0]).count();
            let svd = TruncatedSvd::new(rank.min(shown)).seed(seed);
            let found = if of_sparse { svd.decompose(&sparse) } else { svd.decompose(matrix) };
            check(matrix, &found.unwrap(), 1e-5);
        }
    }
}

/// After so many products the basis is full.
fn filled(rank: usize, block: usize) -> usize {
    (rank + 14 + 144) / block
}

/// A flat spectrum and no room for all of the space: the iteration has to start again.
#[test]
fn restarts_find_the_same() {
    let mut random = Philox::new(7);
    let dense: Array = nalgebra::DMatrix::from_fn(420, 400, |_, _| random.normal()).into();
    let svd = TruncatedSvd::new(40).tolerance(1e-5).decompose(&dense).unwrap();
    assert!(svd.products() > filled(40, 4), "{} products", svd.products());
    check(&dense, &svd, 1e-5);
    let (sparse, thin) = thinned(&dense, 1.5);
    let svd = TruncatedSvd::new(30).decompose(&sparse).unwrap();
    assert!(svd.products() > filled(30, 16), "{} products", svd.products());
    check(&thin, &svd, 1e-5);
    let turned = thin.to_nalgebra().unwrap().transpose();
    let (turned_sparse, turned) = thinned(&turned.into(), 1.5);
    check(&turned, &TruncatedSvd::new(30).decompose(&turned_sparse).unwrap(), 1e-5);
}

/// More vectors than are asked for finish those that rounding left (the steep matrix), and are not needed where it left none; a
/// basis with room for a part of a block, of the whole space, and of one vector.
#[test]
fn steep_and_flat_and_small_ones() {
    for (rows, columns, decay, rank) in [
        (400, 300, 0.9, 60),
        (400, 300, 0.999, 60),
        (30, 20, 0.95, 10),
        (90, 60, 0.98, 60),
        (300, 200, 0.5, 1),
    ] {
        let dense = matrix(rows, columns, decay, 5);
        check(&dense, &TruncatedSvd::new(rank).decompose(&dense).unwrap(), 1e-5);
        let (sparse, thin) = thinned(&dense, 0.0);
        check(&thin, &TruncatedSvd::new(rank).decompose(&sparse).unwrap(), 1e-5);
    }
}

/// `G` leaves any space alone: random directions have to fill the basis.
#[test]
fn equal_singular_values() {
    let entries = (0..100).map(|at| (at, at, 3.0));
    let matrix: SparseMatrix<UserIndex, ItemIndex> = SparseMatrix::from_entries(120, 100, entries).unwrap();
    let dense = matrix.to_dense();
    check(&dense, &TruncatedSvd::new(70).decompose(&matrix).unwrap(), 1e-5);
    check(&dense, &TruncatedSvd::new(70).decompose(&dense).unwrap(), 1e-5);
}

/// goldens/make_svds.py made the file.
#[test]
fn scipy_finds_the_same() {
    let text = std::fs::read_to_string(format!("{}/goldens/svds.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    let numbers = |name: &str| -> Vec<f32> { serde_json::from_value(golden[name].clone()).unwrap() };
    let [rows, columns]: [usize; 2] = serde_json::from_value(golden["shape"].clone()).unwrap();
    let entries: Vec<(u32, u32, f32)> = serde_json::from_value(golden["entries"].clone()).unwrap();
    let matrix = UserItems::from_entries(rows, columns, entries).unwrap();
    let svd = TruncatedSvd::new(numbers("singular_values").len()).tolerance(1e-6).decompose(&matrix).unwrap();
    for (name, found) in [
        ("singular_values", svd.singular_values().to_vec()),
        ("left", svd.left().to_f32()),
        ("right", svd.right().to_f32()),
    ] {
        let wanted = numbers(name);
        let scale = wanted.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let worst = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(found.len() == wanted.len() && worst < 1e-4 * scale, "{name}: off by {worst}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (sparse, dense) = thinned(&matrix(1500, 400, 0.99, 3), 12.0);
    let [one, two, four] = by_threads(|| {
        let svd = TruncatedSvd::new(20);
        let found = [svd.decompose(&sparse).unwrap(), svd.decompose(&dense).unwrap()];
        found.map(|svd| [svd.left().to_f32(), svd.singular_values().to_vec(), svd.right().to_f32()])
    });
    assert!(one == two && one == four);
    let other = TruncatedSvd::new(20).seed(1).decompose(&sparse).unwrap();
    assert_ne!(other.right().to_f32(), one[0][2]);
}

#[test]
fn what_cannot_be_decomposed_is_an_error() {
    let fault =
        |svd: TruncatedSvd, matrix: &Array| svd.decompose(matrix).map(|_| ()).unwrap_err().to_string();
    let small = matrix(3, 2, 1.0, 1);
    for rank in [0, 3] {
        let wanted = format!("rank: found {rank}, wanted 1 to 2, the smaller side of 3 x 2");
        assert_eq!(fault(TruncatedSvd::new(rank), &small), wanted);
    }
    assert!(fault(TruncatedSvd::new(1).tolerance(f64::NAN), &small).starts_with("tolerance: found NaN"));
    assert!(fault(TruncatedSvd::new(1).max_products(0), &small).starts_with("max_products: found 0"));
    let bad = Array::from_vec([2, 2], vec![1.0, 2.0, f32::NAN, 3.0]).unwrap();
    assert_eq!(
        fault(TruncatedSvd::new(1), &bad),
        "matrix, row 1, column 0: found NaN, wanted a finite number"
    );
    let zero = Array::from_vec([4, 4], vec![0.0; 16]).unwrap();
    assert!(fault(TruncatedSvd::new(1), &zero).contains("found 0 singular values above rounding"));
    let one = Array::from_vec([4, 4], vec![1.0; 16]).unwrap();
    assert_eq!(
        fault(TruncatedSvd::new(3), &one),
        "matrix: found 1 singular values above rounding, wanted at least the 3 asked for"
    );
    let large = Array::from_vec([40, 40], vec![3e38; 1600]).unwrap();
    assert!(fault(TruncatedSvd::new(1), &large).contains("found inf"));
    assert!(fault(TruncatedSvd::new(1), &Array::from(vec![1.0])).contains("wanted [rows, columns]"));
    let flat = matrix(420, 320, 1.0, 7);
    let hasty = fault(TruncatedSvd::new(40).max_products(12).tolerance(1e-6), &flat);
    assert!(hasty.starts_with("truncated SVD: found a residual of"), "{hasty}");
}

/// Singular values close to each other, so that there are restarts: the residual that is reported is that of the triplets, and
/// vectors stay orthogonal up to rounding.
#[test]
fn the_residual_is_that_of_the_triplets() {
    // The last one has so many entries that eight vectors are multiplied at once.
    for (rows, columns, rank, tolerance) in
        [(600, 500, 30, 1e-4), (600, 500, 30, 1e-5), (4300, 1000, 4, 1e-4)]
    {
        let mut random = Philox::new(3);
        let a = nalgebra::DMatrix::from_fn(rows, columns, |_, _| random.normal());
        let wide = a.clone().cast::<f64>();
        let matrix = Array::from(a);
        let svd = TruncatedSvd::new(rank).tolerance(tolerance).decompose(&matrix).unwrap();
        let block = if rows < 1000 { 4 } else { 8 };
        assert!(svd.products() > filled(rank, block), "{} products without a restart", svd.products());
        let [u, v] = [svd.left(), svd.right()].map(|side| side.to_nalgebra().unwrap().cast::<f64>());
        let fault = (v.transpose() * &v - nalgebra::DMatrix::identity(rank, rank)).amax();
        assert!(fault < 1e-5, "off orthonormal by {fault}");
        let images = wide.transpose() * u;
        let values = svd.singular_values();
        let residual = |at: usize| {
            let s = f64::from(values[at]);
            (images.column(at) - v.column(at) * s).norm() / f64::from(values[0])
        };
        let found = (0..rank).map(residual).fold(0.0, f64::max);
        assert!((found - svd.residual()).abs() < 3e-6 + 0.1 * found, "{found}, said {}", svd.residual());
        assert!(found < 1.1 * tolerance + 3e-6, "{found}");
    }
}
