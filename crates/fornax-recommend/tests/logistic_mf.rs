//! Laws of logistic matrix factorization: plain code and the gradient of the objective, ranking, threads, files, errors.

mod common;

use common::{Log, by_threads, random_log};
use fornax_core::Philox;
use fornax_recommend::{
    Evaluation, Filter, Index, ItemIndex, LogisticMf, LogisticMfModel, Negatives, Popularity, RankingMetric,
    Recommend, Recommender, Similar, SparseMatrix, UserIndex, UserItems, synthetic,
};

const FACTORS: usize = 3;
const WIDTH: usize = FACTORS + 2;

fn log(users: usize, items: usize, count: usize, seed: u64) -> Log {
    random_log(users, items, count, seed, |user, item| 0.5 + ((user + item) % 3) as f32)
}

/// Dense weights and two tables of vectors, in 64 bits.
struct Plain {
    weights: Vec<Vec<Option<f64>>>,
    tables: [Vec<[f64; WIDTH]>; 2],
}

impl Plain {
    fn new(log: &Log, seed: u64) -> Self {
        let matrix = log.matrix();
        let row = |user: u32| {
            let items = (0..log.items().len() as u32).map(ItemIndex::new);
            items.map(|item| matrix.value(UserIndex::new(user), item).map(f64::from)).collect()
        };
        let random = Philox::new(seed).named("logistic_mf");
        let table = |rows: usize, fixed: usize, mut random: Philox| {
            let mut row = || {
                let mut row = [0.0; WIDTH].map(|_: f64| f64::from(random.normal()));
                row[fixed] = 1.0;
                row
            };
            (0..rows).map(|_| row()).collect()
        };
        Self {
            weights: (0..log.users().len() as u32).map(row).collect(),
            tables: [
                table(log.users().len(), FACTORS + 1, random.stream(0)),
                table(log.items().len(), FACTORS, random.stream(1)),
            ],
        }
    }

    fn objective(&self, alpha: f64, regularization: f64) -> f64 {
        let mut sum = 0.0;
        for (user, weights) in self.tables[0].iter().zip(&self.weights) {
            for (item, weight) in self.tables[1].iter().zip(weights) {
                let score: f64 = user.iter().zip(item).map(|(a, b)| a * b).sum();
                sum += alpha * weight.unwrap_or(0.0) * (score - score.exp().ln_1p()) - score.exp().ln_1p();
            }
        }
        let squares: f64 = self.tables.iter().flatten().flatten().map(|x| x * x).sum();
        sum - regularization / 2.0 * squares
    }

    /// The derivative by an element.
    fn slope(&mut self, at: [usize; 3], alpha: f64, regularization: f64) -> f64 {
        let [side, row, element] = at;
        let step = 1e-5;
        let mut moved = |by: f64| {
            self.tables[side][row][element] += by;
            let objective = self.objective(alpha, regularization);
            self.tables[side][row][element] -= by;
            objective
        };
        (moved(step) - moved(-step)) / (2.0 * step)
    }
}

/// With all pairs, an iteration is AdaGrad along the derivatives of the objective, found by differences.
#[test]
fn steps_follow_the_gradient_of_the_objective() {
    let log = log(6, 5, 14, 2);
    let (alpha, regularization, rate) = (1.5, 0.4, 0.3);
    let mut plain = Plain::new(&log, 9);
    let mut squares = plain.tables.each_ref().map(|table| vec![[0.0; WIDTH]; table.len()]);
    for _ in 0..3 {
        for side in 0..2 {
            for (row, squares) in squares[side].iter_mut().enumerate() {
                let slopes: Vec<f64> = (0..WIDTH)
                    .map(|element| plain.slope([side, row, element], alpha, regularization))
                    .collect();
                for (element, slope) in slopes.into_iter().enumerate() {
                    if element == [FACTORS + 1, FACTORS][side] {
                        continue;
                    }
                    squares[element] += slope * slope;
                    let length: f64 = 1e-6 + squares[element];
                    plain.tables[side][row][element] += rate * slope / length.sqrt();
                }
            }
        }
    }
    let settings = LogisticMf::new(FACTORS).alpha(1.5).regularization(0.4).learning_rate(0.3).iterations(3);
    let model = settings.negative_samples(1000).seed(9).fit(&log).unwrap();
    for (user, wanted) in (0..).zip(&plain.tables[0]) {
        let found = model.factors().user(UserIndex::new(user)).unwrap();
        let near = found.iter().zip(wanted).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-3);
        assert!(near, "user {user}: {found:?}, wanted {wanted:?}");
    }
    for (item, wanted) in (0..).zip(&plain.tables[1]) {
        let found = model.factors().item(ItemIndex::new(item)).unwrap();
        let near = found.iter().zip(wanted).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-3);
        assert!(near, "item {item}: {found:?}, wanted {wanted:?}");
    }
}

#[test]
fn it_ranks_better_than_popularity() {
    let log = synthetic::tastes(400, 600, 40, 2).unwrap();
    let split = log.split_by_item(0.25, 0).unwrap();
    let auc =
        |model: &LogisticMfModel| Evaluation::at(10).run(model, &split).unwrap().mean(RankingMetric::Auc);
    let popularity = Popularity::new().fit(&split.train).unwrap();
    let least = Evaluation::at(10).run(&popularity, &split).unwrap().mean(RankingMetric::Auc);
    let settings = LogisticMf::new(8).negative_samples(4);
    let uniform = settings.clone().fit(&split.train).unwrap();
    let popular = settings.negatives(Negatives::ByPopularity).fit(&split.train).unwrap();
    assert!(auc(&uniform) > least + 0.02, "{}, popularity {least}", auc(&uniform));
    assert!(auc(&popular) > least + 0.02, "{}, popularity {least}", auc(&popular));
}

/// By popularity only items that someone has are drawn: an item that nobody has moves nobody.
#[test]
fn negatives_are_drawn_as_the_setting_says() {
    let log = log(20, 15, 80, 6);
    let matrix = log.matrix();
    let wider =
        SparseMatrix::new(16, matrix.offsets().to_vec(), matrix.indices().to_vec(), matrix.values().to_vec());
    let wider: UserItems = wider.unwrap();
    for negatives in [Negatives::Uniform, Negatives::ByPopularity] {
        let settings = LogisticMf::new(4).negative_samples(1).iterations(1).negatives(negatives);
        let [one, two] = [matrix, &wider].map(|matrix| settings.fit(matrix).unwrap());
        let same = (0..20)
            .map(UserIndex::new)
            .all(|user| one.factors().user(user).unwrap() == two.factors().user(user).unwrap());
        assert_eq!(same, negatives == Negatives::ByPopularity);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let log = log(300, 200, 3000, 8);
    for (negatives, samples) in
        [(Negatives::Uniform, 3), (Negatives::ByPopularity, 3), (Negatives::Uniform, 500)]
    {
        let fit = |seed| {
            let settings = LogisticMf::new(9).negatives(negatives).negative_samples(samples);
            settings.iterations(3).seed(seed).fit(&log).unwrap()
        };
        let [one, two, four] = by_threads(|| fit(0));
        assert!(one == two && one == four);
        assert_ne!(fit(1), one);
    }
}

#[test]
fn weights_count_times_alpha() {
    let log = log(30, 20, 200, 3);
    let fit = |alpha, log: &Log| LogisticMf::new(4).alpha(alpha).iterations(4).fit(log).unwrap();
    let one = fit(1.0, &log);
    assert_eq!(fit(0.5, &log.map_values(|value| 2.0 * value).unwrap()), one);
    assert_ne!(fit(2.0, &log), one);
}

#[test]
fn a_file_gives_the_same_model() {
    let log = log(30, 20, 200, 4);
    let model = LogisticMf::new(5).iterations(4).fit(&log).unwrap();
    assert_eq!(model.factors().width(), 7);
    assert_eq!(model.factors().user(UserIndex::new(2)).unwrap()[6], 1.0);
    assert_eq!(model.factors().item(ItemIndex::new(2)).unwrap()[5], 1.0);
    let list = model.recommend(UserIndex::new(3), 20, &Filter::unseen(&log)).unwrap();
    assert_eq!(list.len(), 20 - log.matrix().row(UserIndex::new(3)).0.len());
    assert_eq!(model.similar_items(ItemIndex::new(1), 5).unwrap().len(), 5);
    assert!(model.similar_items(ItemIndex::new(20), 5).is_err());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fornax");
    Recommender::new(model.clone(), &log).unwrap().save(&path).unwrap();
    let loaded = Recommender::<LogisticMfModel, u32, u32>::load(&path).unwrap();
    assert_eq!(loaded.model(), &model);
}

#[test]
fn what_cannot_be_fitted_is_an_error() {
    let log = log(10, 8, 40, 1);
    let fault = |model: LogisticMf| model.fit(&log).map(|_| ()).unwrap_err().to_string();
    let new = || LogisticMf::new(2);
    assert_eq!(fault(LogisticMf::new(0)), "factors: found 0, wanted at least 1");
    assert_eq!(fault(new().iterations(0)), "iterations: found 0, wanted at least 1");
    assert_eq!(fault(new().negative_samples(0)), "negative_samples: found 0, wanted at least 1");
    assert!(fault(LogisticMf::new(usize::MAX)).contains("for 4294967296 bytes, or more memory"));
    let (users, items) = (log.users().len() as u64, log.items().len() as u64);
    assert!(new().memory(8 * (users + items) * 4).fit(&log).is_ok());
    let little = fault(new().memory(8 * (users + items) * 4 - 1));
    assert!(little.starts_with("factors: found 2, wanted at most 1, for"), "{little}");
    assert!(fault(new().learning_rate(0.0)).starts_with("learning_rate: found 0"));
    assert!(fault(new().alpha(f32::NAN)).starts_with("alpha: found NaN"));
    assert!(fault(new().regularization(-1.0)).starts_with("regularization: found -1"));
    assert!(new().negative_samples(usize::MAX).iterations(1).fit(&log).is_ok());
    let wild = fault(new().learning_rate(1e30).regularization(1e9));
    assert!(wild.contains("a smaller learning rate"), "{wild}");
    let negative = log.map_values(|value| -value).unwrap();
    assert!(new().fit(&negative).unwrap_err().to_string().contains("wanted a weight of 0 or more"));
}
