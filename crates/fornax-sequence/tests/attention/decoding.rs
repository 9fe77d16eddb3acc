//! Decoding of a model whose logits are a random function of the tokens so far: one beam is greedy, all beams are an
//! exhaustive search, draws have the model's frequencies.

use fornax_core::{ErrorKind, Philox, Result};
use fornax_sequence::decoding::{BeamSearch, Hypothesis, Limits, Sampling, StepDecoder, greedy};
use fornax_testkit::config;
use proptest::prelude::*;

/// Logits drawn from the tokens so far, the row's own seed among them.
struct Random {
    vocabulary: usize,
}

impl Random {
    fn logits(&self, (seed, tokens): &(u64, Vec<i32>)) -> Vec<f32> {
        let stream = tokens.iter().fold(Philox::new(*seed), |random, token| random.stream(*token as u64));
        let mut random = stream.stream(99);
        (0..self.vocabulary).map(|_| 2.0 * random.normal()).collect()
    }
}

impl StepDecoder for Random {
    type State = Vec<(u64, Vec<i32>)>;

    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn step(&self, tokens: &[i32], state: &mut Self::State) -> Result<Vec<f32>> {
        assert_eq!(tokens.len(), state.len());
        state.iter_mut().zip(tokens).for_each(|((_, so_far), token)| so_far.push(*token));
        Ok(state.iter().flat_map(|row| self.logits(row)).collect())
    }

    fn reorder(&self, state: &mut Self::State, rows: &[usize]) -> Result<()> {
        *state = rows.iter().map(|&row| state[row].clone()).collect();
        Ok(())
    }
}

const LIMITS: Limits = Limits { start: 0, end: 1, max_steps: 4 };

fn start(seeds: &[u64]) -> Vec<(u64, Vec<i32>)> {
    seeds.iter().map(|&seed| (seed, vec![])).collect()
}

/// Every sequence with its score, best first.
fn all(model: &Random, seed: u64, penalty: f64) -> Vec<Hypothesis> {
    let mut found = vec![];
    let mut open = vec![(vec![], 0.0)];
    for step in 1..=LIMITS.max_steps {
        let score = |log_probability: f64| log_probability / ((5.0 + step as f64) / 6.0).powf(penalty);
        for (tokens, so_far) in std::mem::take(&mut open) {
            let given: Vec<i32> = [vec![LIMITS.start], tokens.clone()].concat();
            let logits: Vec<f64> = model.logits(&(seed, given)).into_iter().map(f64::from).collect();
            let total = logits.iter().map(|logit| logit.exp()).sum::<f64>().ln();
            for (token, logit) in logits.iter().enumerate() {
                let log_probability = so_far + logit - total;
                let ended = token as i32 == LIMITS.end;
                let mut tokens = tokens.clone();
                tokens.extend((!ended).then_some(token as i32));
                if ended || step == LIMITS.max_steps {
                    found.push(Hypothesis { tokens, log_probability, score: score(log_probability), ended });
                } else {
                    open.push((tokens, log_probability));
                }
            }
        }
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found
}

fn close(found: &Hypothesis, wanted: &Hypothesis) {
    assert_eq!((&found.tokens, found.ended), (&wanted.tokens, wanted.ended));
    assert!((found.log_probability - wanted.log_probability).abs() < 1e-5, "{found:?}, {wanted:?}");
    assert!((found.score - wanted.score).abs() < 1e-5);
}

proptest! {
    #![proptest_config(config(50))]

    #[test]
    fn one_beam_is_greedy(seeds in proptest::collection::vec(any::<u64>(), 1..4), vocabulary in 2..6usize, penalty in 0.0..2.0) {
        let model = Random { vocabulary };
        let wanted = greedy(&model, start(&seeds), seeds.len(), LIMITS).unwrap();
        let search = BeamSearch::new(1).length_penalty(penalty);
        let found = search.search(&model, start(&seeds), seeds.len(), LIMITS).unwrap();
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(found.len(), 1);
            assert_eq!((&found[0].tokens, found[0].ended), (&wanted.tokens, wanted.ended));
            assert!((found[0].log_probability - wanted.log_probability).abs() < 1e-9);
        }
    }

    #[test]
    fn all_beams_are_an_exhaustive_search(seed: u64, vocabulary in 2..5usize, penalty in 0.0..2.0) {
        let model = Random { vocabulary };
        let wanted = all(&model, seed, penalty);
        let beams = vocabulary.pow(LIMITS.max_steps as u32);
        let n_best = wanted.len().min(5);
        let search = BeamSearch::new(beams).n_best(n_best).length_penalty(penalty).early_stop(false);
        let found = search.search(&model, start(&[seed]), 1, LIMITS).unwrap();
        assert_eq!(found[0].len(), n_best);
        found[0].iter().zip(&wanted).for_each(|(found, wanted)| close(found, wanted));
    }

    /// A sample finds the same sequences whatever is searched beside it.
    #[test]
    fn samples_do_not_meet(seeds in proptest::collection::vec(any::<u64>(), 2..5), beams in 1..5usize, early: bool) {
        let model = Random { vocabulary: 5 };
        let search = BeamSearch::new(beams).n_best(beams).length_penalty(0.7).early_stop(early);
        let together = search.search(&model, start(&seeds), seeds.len(), LIMITS).unwrap();
        let sampling = Sampling::new().seed(5);
        let drawn = sampling.sample(&model, start(&seeds), seeds.len(), LIMITS).unwrap();
        for (seed, wanted) in seeds.iter().zip(&together) {
            let alone = search.search(&model, start(&[*seed]), 1, LIMITS).unwrap();
            assert_eq!(&alone[0], wanted);
            assert!(wanted.windows(2).all(|pair| pair[0].score >= pair[1].score));
        }
        let alone = sampling.sample(&model, start(&seeds[..1]), 1, LIMITS).unwrap();
        assert_eq!(alone[0], drawn[0]);
    }

    #[test]
    fn certain_draws_are_greedy(seed: u64) {
        let model = Random { vocabulary: 6 };
        let wanted = greedy(&model, start(&[seed]), 1, LIMITS).unwrap();
        for sampling in [Sampling::new().top_k(1), Sampling::new().top_p(1e-6), Sampling::new().temperature(1e-4)] {
            assert_eq!(sampling.seed(seed).sample(&model, start(&[seed]), 1, LIMITS).unwrap(), wanted);
        }
    }
}

/// The first token's frequencies among many rows are its probabilities, or those of the likely part.
#[test]
fn draws_have_the_models_frequencies() {
    let model = Random { vocabulary: 5 };
    let limits = Limits { max_steps: 1, ..LIMITS };
    let rows = 20_000;
    let logits: Vec<f64> = model.logits(&(3, vec![0])).into_iter().map(f64::from).collect();
    for (sampling, temperature, kept) in [
        (Sampling::new(), 1.0, 5),
        (Sampling::new().temperature(2.0), 2.0, 5),
        (Sampling::new().top_k(2), 1.0, 2),
    ] {
        let drawn = sampling.seed(7).sample(&model, start(&vec![3; rows]), rows, limits).unwrap();
        let mut order: Vec<usize> = (0..5).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let weight = |token: usize| match order[..kept].contains(&token) {
            true => (logits[token] / temperature).exp(),
            false => 0.0,
        };
        let total: f64 = (0..5).map(weight).sum();
        for token in 0..5 {
            let wanted_tokens = if token as i32 == limits.end { vec![] } else { vec![token as i32] };
            let count = drawn.iter().filter(|found| found.tokens == wanted_tokens).count();
            let (found, wanted) = (count as f64 / rows as f64, weight(token) / total);
            assert!((found - wanted).abs() < 0.012, "token {token}: {found}, wanted {wanted}");
        }
    }
}

#[test]
fn a_longer_search_is_no_worse() {
    let model = Random { vocabulary: 5 };
    for seed in 0..40 {
        let score = |early: bool| {
            let search = BeamSearch::new(3).length_penalty(1.0).early_stop(early);
            search.search(&model, start(&[seed]), 1, LIMITS).unwrap()[0][0].score
        };
        assert!(score(false) >= score(true));
    }
}

/// Logits that are not usable.
struct Broken(Vec<f32>);

impl StepDecoder for Broken {
    type State = ();

    fn vocabulary(&self) -> usize {
        3
    }

    fn step(&self, _: &[i32], _: &mut ()) -> Result<Vec<f32>> {
        Ok(self.0.clone())
    }

    fn reorder(&self, _: &mut (), _: &[usize]) -> Result<()> {
        Ok(())
    }
}

#[test]
fn rejections_name_the_value() {
    let model = Random { vocabulary: 5 };
    let search = |search: BeamSearch| search.search(&model, start(&[1]), 1, LIMITS).unwrap_err().to_string();
    assert!(search(BeamSearch::new(0)).contains("beams: found 0, wanted at least 1"));
    assert!(search(BeamSearch::new(2).n_best(0)).contains("n_best: found 0"));
    assert!(search(BeamSearch::new(2).n_best(3)).contains("n_best: found 3, wanted at most 2"));
    assert!(search(BeamSearch::new(2).length_penalty(-1.0)).contains("length_penalty: found -1"));
    let sample =
        |sampling: Sampling| sampling.sample(&model, start(&[1]), 1, LIMITS).unwrap_err().to_string();
    assert!(sample(Sampling::new().temperature(0.0)).contains("temperature: found 0"));
    assert!(sample(Sampling::new().top_k(0)).contains("top_k: found 0"));
    assert!(sample(Sampling::new().top_p(0.0)).contains("top_p: found 0"));
    assert!(sample(Sampling::new().top_p(f64::NAN)).contains("top_p: found NaN"));
    let within = |limits: Limits| greedy(&model, start(&[1]), 1, limits).unwrap_err();
    assert!(within(Limits { end: 5, ..LIMITS }).to_string().contains("end: found 5, wanted a token, 0 to 4"));
    assert!(within(Limits { start: -1, ..LIMITS }).to_string().contains("start: found -1"));
    assert_eq!(within(Limits { max_steps: 0, ..LIMITS }).kind(), ErrorKind::Argument);
    let broken = |logits: Vec<f32>| greedy(&Broken(logits), (), 1, LIMITS).unwrap_err();
    assert_eq!(broken(vec![0.0; 2]).kind(), ErrorKind::Shape);
    assert!(broken(vec![0.0, f32::NAN, 0.0]).to_string().contains("logit 1 of a step: found NaN"));
}
