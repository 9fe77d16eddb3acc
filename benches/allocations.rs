//! Heap allocations of a training step: `allocations BENCH...` prints how many a step makes once it is warm, and how many
//! bytes, by the difference of a short and a long training.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use fornax::Result;
use fornax::prelude::*;
use fornax_benches::{batch_size, model, samples};

struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Result<()> {
    for name in std::env::args().skip(1) {
        let (short, long) = (count(&name, 10)?, count(&name, 20)?);
        let per_step = |at: usize| (long[at] - short[at]) / 10;
        println!(
            "{}",
            serde_json::json!({ "model": name, "allocations": per_step(0), "bytes": per_step(1) })
        );
    }
    Ok(())
}

/// Allocations and bytes of a training of so many steps behind a first epoch.
fn count(name: &str, steps: usize) -> Result<[usize; 2]> {
    let mut model = model::<Cpu>(name, Default::default())?;
    let set = samples(name, batch_size(name) * steps)?;
    let fit = || Fit::new().batch_size(batch_size(name)).verbose(false);
    model.fit(&set, fit())?;
    let before = [&CALLS, &BYTES].map(|counter| counter.load(Ordering::Relaxed));
    model.fit(&set, fit())?;
    let after = [&CALLS, &BYTES].map(|counter| counter.load(Ordering::Relaxed));
    Ok([after[0] - before[0], after[1] - before[1]])
}
