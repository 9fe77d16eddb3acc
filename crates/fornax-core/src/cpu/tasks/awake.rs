//! Threads that stay awake for a while between two pieces of work.
//!
//! A thread of the pool that finds nothing to do goes to sleep, and takes some 20 microseconds to wake; so does a caller
//! that blocks until the others are done. So whoever has worked waits for the next piece of work before it sleeps, as
//! OpenMP's threads do (`KMP_BLOCKTIME`, 200 milliseconds there). Work that is too small to wake a thread for is shared
//! with those that wait.

use std::hint::spin_loop;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use super::WORTH_A_THREAD;

/// What work has to cost to be worth a thread that is awake, in multiply-adds: some 9 microseconds.
const WORTH_AN_AWAKE_THREAD: usize = 512 << 10;

/// How long a thread stays awake.
const AWAKE: Duration = Duration::from_micros(200);

/// Pieces of work that were begun on several threads.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// Threads that are awake and have nothing to do.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Processors: no more threads than those stay awake.
static PROCESSORS: LazyLock<usize> = LazyLock::new(|| available_parallelism().map_or(1, usize::from));

/// How many threads, the caller among them, shall do work that costs so much.
pub(in crate::cpu) fn threads(cost: usize) -> usize {
    match cost {
        WORTH_A_THREAD.. => rayon::current_num_threads(),
        WORTH_AN_AWAKE_THREAD.. => 1 + WAITING.load(Ordering::Relaxed),
        _ => 1,
    }
}

/// Runs `work` on this thread at once and on the others as they join.
pub(super) fn together(threads: usize, work: impl Fn() + Sync) {
    let begun = BEGUN.fetch_add(1, Ordering::Relaxed) + 1;
    // A thread of the pool looks for other work meanwhile.
    let outside = rayon::current_thread_index().is_none();
    let done = AtomicUsize::new(1);
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| {
                work();
                done.fetch_add(1, Ordering::Release);
            });
        }
        work();
        if outside {
            wait(Instant::now() + AWAKE, || done.load(Ordering::Acquire) == threads);
        }
    });
    if outside {
        let until = Instant::now() + AWAKE;
        for _ in 1..threads.min(*PROCESSORS) {
            rayon::spawn(move || {
                WAITING.fetch_add(1, Ordering::Relaxed);
                wait(until, || BEGUN.load(Ordering::Relaxed) != begun);
                WAITING.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}

fn wait(until: Instant, condition: impl Fn() -> bool) {
    while !condition() && Instant::now() < until {
        (0..8).for_each(|_| spin_loop());
    }
}

#[cfg(test)]
mod tests {
    use super::super::each;
    use super::*;

    /// Pieces that follow each other at once, at the time that threads stay awake, and behind it.
    #[test]
    fn every_part_is_done_once_and_in_order() {
        for pause in [0, 0, 190, 200, 210, 400].into_iter().cycle().take(120) {
            for cost in [WORTH_A_THREAD, WORTH_AN_AWAKE_THREAD, 0] {
                let done = each((0..9).collect(), cost, |index, part: usize| (index, part * part));
                assert_eq!(done, (0..9).map(|part| (part, part * part)).collect::<Vec<_>>());
                std::thread::sleep(Duration::from_micros(pause));
            }
        }
    }

    #[test]
    fn a_panic_of_a_part_reaches_the_caller() {
        let broken = std::panic::catch_unwind(|| {
            each(vec![0, 1, 2, 3], WORTH_A_THREAD, |_, part| assert!(part != 2, "part {part}"))
        });
        assert!(broken.is_err());
        assert_eq!(each(vec![1, 2], WORTH_A_THREAD, |_, part| part), [1, 2]);
    }

    #[test]
    fn small_work_needs_no_thread() {
        assert_eq!(threads(WORTH_AN_AWAKE_THREAD - 1), 1);
        assert_eq!(threads(WORTH_A_THREAD), rayon::current_num_threads());
    }
}
