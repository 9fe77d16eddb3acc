//! Threads that help the caller, and stay awake for a while between two pieces of work.
//!
//! A thread of a pool that finds nothing to do goes to sleep, and takes some 20 microseconds to wake; so does a caller that
//! blocks until the others are done. So whoever has worked waits for the next piece of work before it sleeps, as OpenMP's
//! threads do (`KMP_BLOCKTIME`, 200 milliseconds there). Work that is too small to wake a thread for is shared with those
//! that wait.
//!
//! Helpers are a pool of their own, one fewer than rayon's threads: with the caller there are as many as processors. A caller
//! that is itself a thread of a pool shares its work there, where threads look for other work meanwhile.

use std::hint::spin_loop;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use rayon::{Scope, ThreadPool, ThreadPoolBuilder};

use super::WORTH_A_THREAD;

/// What work has to cost to be worth a thread that is awake, in multiply-adds: some 20 microseconds.
const WORTH_AN_AWAKE_THREAD: usize = 1 << 20;

/// How long a thread stays awake.
const AWAKE: Duration = Duration::from_micros(200);

/// Pieces of work that helpers were called for.
static CALLED: AtomicUsize = AtomicUsize::new(0);

/// Helpers that are awake and have nothing to do.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Whether a caller has the helpers. Another one, and the work within a part, goes on alone meanwhile instead of waiting for them.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Helpers that stay awake at most: beside the caller as many as there are processors.
static MOST_AWAKE: LazyLock<usize> = LazyLock::new(|| available_parallelism().map_or(0, |all| all.get() - 1));

/// None where there is one thread alone, or no more can be had.
static HELPERS: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    let count = rayon::current_num_threads() - 1;
    let builder = ThreadPoolBuilder::new().num_threads(count).thread_name(|at| format!("fornax-{at}"));
    if count == 0 { None } else { builder.build().ok() }
});

/// The helpers of a caller outside of all pools.
fn helpers() -> Option<&'static ThreadPool> {
    if rayon::current_thread_index().is_some() { None } else { HELPERS.as_ref() }
}

/// How many threads, the caller among them, shall do work that costs so much.
pub(in crate::cpu) fn threads(cost: usize) -> usize {
    match (cost, rayon::current_thread_index()) {
        (WORTH_A_THREAD.., Some(_)) => rayon::current_num_threads(),
        (WORTH_A_THREAD.., None) => 1 + helpers().map_or(0, ThreadPool::current_num_threads),
        (WORTH_AN_AWAKE_THREAD.., None) => 1 + WAITING.load(Ordering::Relaxed),
        _ => 1,
    }
}

/// [`threads`] for work that comes alone, as the layers of a model that predicts one sample do: it wakes a helper for the next
/// such work, if the last was there just now.
pub(in crate::cpu) fn threads_soon(cost: usize) -> usize {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    /// Nanoseconds from the first such work to the last.
    static LAST: AtomicU64 = AtomicU64::new(0);
    let threads = threads(cost);
    if threads == 1
        && cost >= WORTH_AN_AWAKE_THREAD
        && let Some(helpers) = helpers()
    {
        let now = FIRST.elapsed();
        let last = Duration::from_nanos(LAST.swap(now.as_nanos() as u64, Ordering::Relaxed));
        if now.saturating_sub(last) < AWAKE {
            stay_awake(helpers, 1, CALLED.load(Ordering::Relaxed));
        }
    }
    threads
}

/// Lets so many helpers wait for a while, until they are called again.
fn stay_awake(helpers: &'static ThreadPool, count: usize, called: usize) {
    let until = Instant::now() + AWAKE;
    for _ in 0..count.min(*MOST_AWAKE) {
        helpers.spawn(move || {
            WAITING.fetch_add(1, Ordering::Relaxed);
            wait(until, || CALLED.load(Ordering::Relaxed) != called);
            WAITING.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Having the helpers, until it is dropped.
struct Taken;

impl Taken {
    fn take() -> Option<Self> {
        (!TAKEN.swap(true, Ordering::Acquire)).then_some(Self)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::Release);
    }
}

/// Runs `work` on this thread at once and on the others as they join.
pub(super) fn together(threads: usize, work: impl Fn() + Sync) {
    let done = AtomicUsize::new(0);
    let job = || {
        work();
        done.fetch_add(1, Ordering::Release);
    };
    let Some(helpers) = helpers() else { return rayon::in_place_scope(|scope| share(scope, threads, &job)) };
    let Some(_taken) = Taken::take() else { return work() };
    let called = CALLED.fetch_add(1, Ordering::Relaxed) + 1;
    helpers.in_place_scope(|scope| {
        share(scope, threads, &job);
        if threads <= *MOST_AWAKE + 1 {
            wait(Instant::now() + AWAKE, || done.load(Ordering::Acquire) == threads);
        }
    });
    stay_awake(helpers, threads - 1, called);
}

fn share<'a>(scope: &Scope<'a>, threads: usize, job: &'a (impl Fn() + Sync)) {
    (1..threads).for_each(|_| scope.spawn(|_| job()));
    job();
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
