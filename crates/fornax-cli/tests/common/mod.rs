//! The program as its users run it.

use std::path::Path;
use std::process::Command;

/// What the command prints, or what it says on failing.
pub(crate) fn fornax(folder: &Path, arguments: &str) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_fornax"))
        .current_dir(folder)
        .args(arguments.split(' '))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stderr)),
    }
}
