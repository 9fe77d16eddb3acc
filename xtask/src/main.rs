//! The project's tasks: `cargo xtask TASK`. One file a task, almost no dependencies.
#![forbid(unsafe_code)]

mod accept;
mod bench;
mod build;
mod ci;
mod gpu;
mod process;
mod prop;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK

  build                          every crate with each feature set, release binary
  test                           all crates, all CPU backends, doctests
  prop --cases N                 the property tests with N cases each
  bench [--record] [--rounds N] [FILTER]
                                 our benches, and our figures against the recorded ones
  bench --peers [--json] [--rounds N] [--data DIR] [FILTER]
                                 a race against the Python peers; dense-process reads DIR/mnist
  bench --shapes random          models with drawn shapes: the share of the ceiling they reach
  tidy                           file headers, invariants, dependency direction
  accept --data DIR [BAR]        the bars on real data: bar, figure, wanted, pass
  gpu                            builds the CUDA check; runs it where there is a GPU
  ci                             everything that a commit has to pass";

/// What a task returns: an error is a message for the user.
type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("", &[][..]),
    };
    let outcome = match task {
        "build" => build::run(),
        "test" => test::run(),
        "prop" => prop::run(rest),
        "bench" => bench::run(rest),
        "tidy" => tidy::run(),
        "accept" => accept::run(rest),
        "gpu" => gpu::run(),
        "ci" => ci::run(),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
