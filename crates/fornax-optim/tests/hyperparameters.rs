//! Hyper-parameters out of their domain are errors; schedules and configurations keep their laws.

use fornax_optim::*;
use proptest::prelude::*;

fn message(optimizer: impl Into<Optimizer>) -> String {
    optimizer.into().validate().unwrap_err().to_string()
}

#[test]
fn every_default_is_valid_and_survives_json() {
    let all: [Optimizer; 9] = [
        SGD::default().into(),
        Adam::default().into(),
        AdamW::default().into(),
        Adamax::default().into(),
        Nadam::default().into(),
        RMSprop::default().into(),
        Adagrad::default().into(),
        Adadelta::default().into(),
        Lion::default().into(),
    ];
    let names: Vec<&str> = all.iter().map(Optimizer::class_name).collect();
    assert_eq!(names, ["SGD", "Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta", "Lion"]);
    for optimizer in all {
        optimizer.validate().unwrap();
        let json = serde_json::to_string(&optimizer).unwrap();
        assert_eq!(serde_json::from_str::<Optimizer>(&json).unwrap(), optimizer);
    }
}

#[test]
fn a_configuration_by_kerass_argument_names_is_read() {
    let json = r#"{"learning_rate": 0.01, "beta_1": 0.8, "weight_decay": null, "clipnorm": 1.0}"#;
    let adam: Adam = serde_json::from_str(json).unwrap();
    assert_eq!(adam, Adam::new(0.01).beta_1(0.8).clipnorm(1.0));
    let adamw: AdamW = serde_json::from_str(r#"{"learning_rate": 0.01}"#).unwrap();
    assert_eq!(Optimizer::from(adamw).options().weight_decay, Some(0.004));
}

#[test]
fn rejections() {
    for (found, wanted) in [
        (message(SGD::new(-0.1)), "learning_rate: found -0.1, wanted a finite number of at least 0"),
        (message(Adam::new(f64::NAN)), "learning_rate: found NaN, wanted a finite number of at least 0"),
        (message(SGD::default().momentum(-0.5)), "momentum: found -0.5, wanted a number from 0 to 1"),
        (message(Adam::default().beta_2(1.0)), "beta_2: found 1, wanted a number of at least 0 and below 1"),
        (
            message(Adamax::default().beta_1(2.0)),
            "beta_1: found 2, wanted a number of at least 0 and below 1",
        ),
        (message(Nadam::default().epsilon(-1.0)), "epsilon: found -1, wanted a finite number of at least 0"),
        (message(RMSprop::default().rho(1.0)), "rho: found 1, wanted a number of at least 0 and below 1"),
        (message(Adadelta::default().rho(-1.0)), "rho: found -1, wanted a number of at least 0 and below 1"),
        (
            message(Adagrad::default().initial_accumulator_value(-1.0)),
            "initial_accumulator_value: found -1, wanted a finite number of at least 0",
        ),
        (message(Lion::default().beta_1(0.0)), "beta_1: found 0, wanted a number above 0 and at most 1"),
        (
            message(SGD::default().weight_decay(-1.0)),
            "weight_decay: found -1, wanted a finite number of at least 0",
        ),
        (message(SGD::default().clipnorm(0.0)), "clipnorm: found 0, wanted a finite number above 0"),
        (
            message(SGD::default().clipnorm(1.0).clipvalue(1.0)),
            "gradient clipping: found clipnorm and clipvalue, wanted at most one of clipnorm, clipvalue and \
             global_clipnorm",
        ),
        (message(SGD::default().ema_momentum(1.5)), "ema_momentum: found 1.5, wanted a number from 0 to 1"),
        (
            message(SGD::default().ema_overwrite_frequency(0)),
            "ema_overwrite_frequency: found 0, wanted at least 1",
        ),
        (message(SGD::new(ExponentialDecay::new(0.1, 0, 0.5))), "decay_steps: found 0, wanted at least 1"),
        (
            message(SGD::new(PiecewiseConstantDecay::new(vec![1, 2], vec![0.1]))),
            "values: found 1, wanted 3, boundaries + 1",
        ),
        (
            message(SGD::new(PiecewiseConstantDecay::new(vec![2, 1], vec![0.1, 0.2, 0.3]))),
            "boundaries: found [2, 1], wanted ascending steps",
        ),
        (
            message(SGD::new(CosineDecayRestarts::new(0.1, 5).t_mul(0.5))),
            "t_mul: found 0.5, wanted a finite number of at least 1",
        ),
        (message(SGD::new(Noam::new(0, 10))), "d_model: found 0, wanted at least 1"),
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn noam_peaks_at_the_end_of_the_warm_up() {
    let schedule = Schedule::from(Noam::new(512, 4000));
    // Vaswani et al. 2017, equation 3, at step 4000: (512 * 4000)^-1/2.
    assert!((schedule.at(3999) - (512.0f64 * 4000.0).powf(-0.5)).abs() < 1e-15);
    assert!(schedule.at(3998) < schedule.at(3999) && schedule.at(4000) < schedule.at(3999));
}

proptest! {
    #[test]
    fn decays_stay_between_their_ends(rate in 1e-6f64..1.0, steps in 1u64..1000, step in 0u64..5000) {
        let schedules: [Schedule; 4] = [
            CosineDecay::new(rate, steps).into(),
            CosineDecayRestarts::new(rate, steps).into(),
            ExponentialDecay::new(rate, steps, 0.9).into(),
            PolynomialDecay::new(rate, steps).end_learning_rate(0.0).into(),
        ];
        for schedule in schedules {
            let at = schedule.at(step);
            prop_assert!((0.0..=rate * (1.0 + 1e-12)).contains(&at), "{schedule:?} at {step}: {at}");
        }
    }

    #[test]
    fn a_restart_begins_at_the_full_rate(steps in 1u64..100, period in 0u32..8) {
        let schedule = Schedule::from(CosineDecayRestarts::new(0.5, steps));
        let start = steps * ((1 << period) - 1);
        prop_assert!((schedule.at(start) - 0.5).abs() < 1e-9, "{}", schedule.at(start));
    }
}
