//! Standard output. Who reads it may close it before the end, as `head` does: the command then ends, and says nothing.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::process::exit;

use fornax::Error;

/// As that of `std`, which panics where nobody reads or a disk is full.
macro_rules! print {
    ($($text:tt)+) => {
        $crate::output::write(format_args!($($text)+))
    };
}

/// See `print`.
macro_rules! println {
    ($($text:tt)+) => {
        print!("{}\n", format_args!($($text)+))
    };
}

pub(crate) fn write(text: Arguments<'_>) {
    written(io::stdout().write_fmt(text));
}

/// What became of writing to standard output: the command goes on only if all is well.
pub(crate) fn written(outcome: io::Result<()>) {
    match outcome {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(0),
        Err(error) => {
            eprintln!("error: {}", Error::io("standard output", "write", error));
            exit(1);
        }
    }
}
