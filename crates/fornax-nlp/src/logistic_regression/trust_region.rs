//! Trust-region Newton method: the quadratic model of a convex function, minimised by conjugate gradients within a radius
//! that grows where the model was right.
//!
//! Source: C.-J. Lin, R. C. Weng, S. S. Keerthi, *Trust Region Newton Method for Large-Scale Logistic Regression*, JMLR 9,
//! 2008: algorithms 1 and 2, with the constants of their section 4.

/// A function that is convex and twice differentiable.
pub(super) trait Objective {
    /// What the derivatives at a place need.
    type At;

    /// The value at `w`.
    fn value(&self, w: &[f64]) -> (f64, Self::At);

    /// The gradient at `w`.
    fn gradient(&self, w: &[f64], at: &Self::At) -> Vec<f64>;

    /// The Hessian times a vector.
    fn hessian_times(&self, at: &Self::At, v: &[f64]) -> Vec<f64>;
}

/// Where a minimisation ended.
pub(super) struct Minimum {
    pub(super) w: Vec<f64>,
    pub(super) iterations: usize,
    pub(super) converged: bool,
}

/// A step is taken if the value falls by this share of what the model promises.
const ACCEPT: f64 = 1e-4;
/// Below the first share the radius shrinks, above the second it grows.
const SHARES: [f64; 2] = [0.25, 0.75];
/// By what a radius shrinks at most, shrinks at least, and grows at most.
const SCALES: [f64; 3] = [0.25, 0.5, 4.0];
/// Conjugate gradients stop when the residual is this share of the gradient.
const RESIDUAL: f64 = 0.1;

/// Differences of values below this share of them are rounding.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// Minimises from `w` on until the gradient is at most `tolerance` times as long as there.
pub(super) fn minimize<O: Objective>(
    objective: &O,
    mut w: Vec<f64>,
    tolerance: f64,
    max_iterations: usize,
) -> Minimum {
    let (mut value, mut at) = objective.value(&w);
    let mut gradient = objective.gradient(&w, &at);
    let goal = tolerance * norm(&gradient);
    let mut radius = norm(&gradient);
    for iterations in 0..max_iterations {
        if norm(&gradient) <= goal {
            return Minimum { w, iterations, converged: true };
        }
        let (step, residual) = truncated_newton(objective, &at, &gradient, radius);
        let slope = dot(&gradient, &step);
        let promised = -0.5 * (slope - dot(&step, &residual));
        let next: Vec<f64> = w.iter().zip(&step).map(|(w, s)| w + s).collect();
        let (next_value, next_at) = objective.value(&next);
        let gained = value - next_value;
        let length = norm(&step);
        if iterations == 0 {
            radius = radius.min(length);
        }
        // The step along which the value would be least, were it quadratic there.
        let bend = next_value - value - slope;
        let alpha = if bend <= 0.0 { SCALES[2] } else { (-0.5 * slope / bend).max(SCALES[0]) };
        let [shrink_most, shrink_least, grow] = SCALES;
        let wanted = alpha * length;
        radius = match gained / promised {
            ratio if ratio < SHARES[0] => wanted.max(shrink_most * length).min(shrink_least * radius),
            ratio if ratio < SHARES[1] => wanted.max(shrink_most * radius).min(grow * radius),
            ratio if ratio >= SHARES[1] => wanted.max(radius).min(grow * radius),
            _ => shrink_most * radius,
        };
        if gained > ACCEPT * promised {
            (w, value, at) = (next, next_value, next_at);
            gradient = objective.gradient(&w, &at);
        } else if gained.abs().max(promised) <= ROUNDING * value.abs() {
            // No step can be told from none: this is as near as numbers of 64 bits go.
            return Minimum { w, iterations: iterations + 1, converged: true };
        }
    }
    let converged = norm(&gradient) <= goal;
    Minimum { w, iterations: max_iterations, converged }
}

/// The step towards `H s = -gradient` that conjugate gradients take within the radius, and what remains of the equation.
fn truncated_newton<O: Objective>(
    objective: &O,
    at: &O::At,
    gradient: &[f64],
    radius: f64,
) -> (Vec<f64>, Vec<f64>) {
    let mut step = vec![0.0; gradient.len()];
    let mut residual: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut direction = residual.clone();
    let goal = RESIDUAL * norm(gradient);
    let mut square = dot(&residual, &residual);
    // In exact arithmetic there are as many steps as dimensions at most.
    for _ in 0..gradient.len() {
        if square.sqrt() <= goal {
            break;
        }
        let bent = objective.hessian_times(at, &direction);
        let curvature = dot(&direction, &bent);
        if curvature <= 0.0 {
            break;
        }
        let alpha = square / curvature;
        add(&mut step, alpha, &direction);
        if norm(&step) > radius {
            add(&mut step, -alpha, &direction);
            let alpha = to_the_edge(&step, &direction, radius);
            add(&mut step, alpha, &direction);
            add(&mut residual, -alpha, &bent);
            break;
        }
        add(&mut residual, -alpha, &bent);
        let next = dot(&residual, &residual);
        let beta = next / square;
        direction.iter_mut().zip(&residual).for_each(|(d, r)| *d = r + beta * *d);
        square = next;
    }
    (step, residual)
}

/// The `alpha >= 0` with `|step + alpha direction| = radius`.
fn to_the_edge(step: &[f64], direction: &[f64], radius: f64) -> f64 {
    let (sd, ss, dd) = (dot(step, direction), dot(step, step), dot(direction, direction));
    let missing = (radius * radius - ss).max(0.0);
    let root = (sd * sd + dd * missing).sqrt();
    // The form without a difference of near numbers.
    if sd >= 0.0 { missing / (sd + root) } else { (root - sd) / dd }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn add(to: &mut [f64], scale: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += scale * from);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sum_i a_i (w_i - 1)^2 / 2 + (w_i - 1)^4`: the minimum is where all are 1.
    struct Bowl(Vec<f64>);

    impl Objective for Bowl {
        type At = Vec<f64>;

        fn value(&self, w: &[f64]) -> (f64, Vec<f64>) {
            let offsets: Vec<f64> = w.iter().map(|w| w - 1.0).collect();
            let value = self.0.iter().zip(&offsets).map(|(a, d)| a * d * d / 2.0 + d.powi(4)).sum();
            (value, offsets)
        }

        fn gradient(&self, _: &[f64], at: &Vec<f64>) -> Vec<f64> {
            self.0.iter().zip(at).map(|(a, d)| a * d + 4.0 * d.powi(3)).collect()
        }

        fn hessian_times(&self, at: &Vec<f64>, v: &[f64]) -> Vec<f64> {
            self.0.iter().zip(at).zip(v).map(|((a, d), v)| (a + 12.0 * d * d) * v).collect()
        }
    }

    #[test]
    fn the_minimum_is_found_from_near_and_far() {
        for start in [0.0, -300.0, 1.0] {
            let bowl = Bowl(vec![1.0, 30.0, 0.01, 500.0]);
            let Minimum { w, iterations, converged } = minimize(&bowl, vec![start; 4], 1e-12, 100);
            assert!(converged && iterations < 60, "{iterations}");
            w.iter().for_each(|w| assert!((w - 1.0).abs() < 0.02, "{w}"));
        }
        let cut = minimize(&Bowl(vec![1.0, 30.0]), vec![-300.0; 2], 1e-12, 2);
        assert!(!cut.converged && cut.iterations == 2);
    }

    #[test]
    fn a_step_to_the_edge_ends_there() {
        for (step, direction) in
            [([0.5, 0.0], [1.0, 2.0]), ([0.5, 0.0], [-3.0, 0.1]), ([0.0, 0.0], [1.0, 1.0])]
        {
            let alpha = to_the_edge(&step, &direction, 2.0);
            let end: Vec<f64> = step.iter().zip(direction).map(|(s, d)| s + alpha * d).collect();
            assert!(alpha >= 0.0 && (norm(&end) - 2.0).abs() < 1e-12);
        }
    }
}
