//! kubectl, as people use it.
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::admission::{AWAY, is_away};

/// What kubectl says to these arguments and that input, on both streams, and whether it succeeded. Asked again while the webhook is away.
pub fn kubectl(args: &[&str], input: &str) -> (bool, String) {
    let until = Instant::now() + AWAY;
    loop {
        let mut command = Command::new(std::env::var_os("KUBECTL").expect("KUBECTL is not set: run `make test`"));
        let (ok, text) = said(command.args(args), input);
        if ok || !is_away(&text) || Instant::now() >= until {
            return (ok, text);
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Puts a `kubectl` into a folder, for a page's commands that are run as they stand there. What asks the webhook is asked again until it is there:
/// it is away for a moment while another case kills the operator, and no page can know that.
pub fn put_into(folder: &Path) {
    let program = std::env::var_os("KUBECTL").expect("KUBECTL is not set: run `make test`");
    let program = Path::new(&program).canonicalize().expect("kubectl");
    let script = format!(
        r#"#!/bin/bash
# Only what is written asks the webhook; the rest may run for long, and be read while it runs.
case "$*" in *apply*|*create*|*annotate*|*delete*|*label*|*patch*) ;; *) exec '{program}' "$@" ;; esac
[ -t 0 ] || input=$(cat)
until=$((SECONDS + {away}))
while :; do
    said=$('{program}' "$@" 2>&1 <<<"${{input:-}}") && status=0 || status=$?
    case "$said" in *"failed calling webhook"* | *"it cannot be checked now"*) [ $SECONDS -lt $until ] && sleep 0.25 && continue ;; esac
    [ -z "$said" ] || echo "$said"
    exit $status
done
"#,
        program = program.display(),
        away = AWAY.as_secs(),
    );
    let path = folder.join("kubectl");
    std::fs::write(&path, script).expect("a script");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a program");
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
pub async fn answered(command: impl FnMut() -> Command) -> (bool, String) {
    answered_with(command, "").await
}

/// The same of one that reads something.
pub async fn answered_with(mut command: impl FnMut() -> Command, input: &str) -> (bool, String) {
    let until = tokio::time::Instant::now() + AWAY;
    loop {
        let (ok, text) = said(&mut command(), input);
        if ok || !is_away(&text) || tokio::time::Instant::now() >= until {
            return (ok, text);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
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
