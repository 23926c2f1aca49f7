//! kubectl, as people use it.
use std::io::Write;
use std::process::{Command, Stdio};

use crate::admission::AWAY;

/// What kubectl says to these arguments and that input, on both streams, and whether it succeeded.
pub fn kubectl(args: &[&str], input: &str) -> (bool, String) {
    said(
        Command::new(std::env::var_os("KUBECTL").expect("KUBECTL is not set: run `make test`")).args(args),
        input,
    )
}

/// The same of any program.
pub fn said(command: &mut Command, input: &str) -> (bool, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    // A program that ends early reads none of it.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("its end");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).trim().to_string(),
    )
}

/// The same of a command that asks the webhook, which is away for a moment while another case kills the operator: made again until it is there.
pub async fn answered(mut command: impl FnMut() -> Command) -> (bool, String) {
    let until = tokio::time::Instant::now() + AWAY;
    loop {
        let (ok, text) = said(&mut command(), "");
        if ok || !text.contains("failed calling webhook") || tokio::time::Instant::now() >= until {
            return (ok, text);
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
}

/// `kubectl backup ARGS`, as kubectl finds the plugin in PATH.
pub fn plugin(args: &[&str]) -> Command {
    let plugin = std::env::var_os("CLI_BIN").expect("CLI_BIN is not set: run `make test`");
    let folder = std::path::Path::new(&plugin).parent().expect("its folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(std::env::var_os("KUBECTL").expect("KUBECTL is not set: run `make test`"));
    command
        .arg("backup")
        .args(args)
        .env("PATH", format!("{}:{path}", folder.display()));
    command
}
