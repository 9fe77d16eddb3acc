//! Standard output that its reader has closed, or that has no room.

use std::process::{Command, Stdio};

fn sources() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fornax"));
    command.args(["data", "list"]).stderr(Stdio::piped());
    command
}

#[test]
fn a_closed_pipe_ends_the_command_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = sources().stdout(writer).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = sources().stdout(full).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("error: standard output: write: "), "{text}");
}
