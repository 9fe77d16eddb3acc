//! Ctrl-C in a training: the handler only sets a flag, `fit` reads it after each step.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use fornax_core::{Error, Result};

static PRESSED: AtomicBool = AtomicBool::new(false);
static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();

/// Takes Ctrl-C (and SIGTERM) over for this process, once. A second one ends the process at once.
///
/// # Errors
/// If the program has a handler of its own.
pub(crate) fn install() -> Result<()> {
    let installed = INSTALLED.get_or_init(|| {
        // Not `try_set_handler`: that fails where the parent ignores the signal, as under nohup.
        ctrlc::set_handler(|| {
            if PRESSED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        })
        .map_err(|error| error.to_string())
    });
    installed.clone().map_err(|error| {
        Error::training(
            "Ctrl-C handler",
            error,
            "a program without a handler of its own, or no handle_interrupt",
        )
    })
}

/// Whether Ctrl-C was pressed since the last [`reset`].
pub(crate) fn pressed() -> bool {
    PRESSED.load(Ordering::SeqCst)
}

/// Forgets an earlier Ctrl-C.
pub(crate) fn reset() {
    PRESSED.store(false, Ordering::SeqCst);
}
