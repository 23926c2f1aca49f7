//! Ctrl-C while a run is followed: it is left running, or cancelled.
use std::io::{IsTerminal, Write};

use api::{BackupRun, labels};
use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::json;

use crate::read::connect::Session;
use crate::read::fault::Fault;

/// What is to become of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It goes on without somebody who looks.
    Leave,
    /// It is cancelled.
    Cancel,
    /// It was not meant.
    Follow,
}

/// Exit status of what was interrupted: 128 and the number of SIGINT, as shells have it.
pub const INTERRUPTED: i32 = 130;

/// Asks, where there is somebody to ask. A second Ctrl-C leaves it running. `fresh`: the cursor is at the beginning of a line.
pub async fn wish(fresh: bool) -> Wish {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Wish::Leave;
    }
    let mut err = std::io::stderr();
    let before = if fresh { "" } else { "\n" };
    let _ = write!(err, "{before}Leave it running (l), cancel it (c), or go on (g)? [l] ");
    let _ = err.flush();
    let (tell, told) = tokio::sync::oneshot::channel();
    // A thread of its own: nobody waits for it where no line comes.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        let _ = tell.send(read.map(|_| line).unwrap_or_default());
    });
    tokio::select! {
        line = told => of(&line.unwrap_or_default()),
        _ = tokio::signal::ctrl_c() => {
            // Below the echo.
            let _ = writeln!(err);
            Wish::Leave
        }
    }
}

fn of(line: &str) -> Wish {
    match line.trim().to_lowercase().as_str() {
        "c" | "cancel" => Wish::Cancel,
        "g" | "go on" => Wish::Follow,
        _ => Wish::Leave,
    }
}

/// Asks the operator to cancel what the run does.
///
/// # Errors
/// The API server refused, or did not answer in time.
pub async fn cancel(session: &Session, namespace: &str, name: &str) -> Result<DynamicObject, Fault> {
    let patch = json!({"metadata": {"annotations": {labels::CANCEL: Timestamp::now().to_string()}}});
    let doing = format!("cancel run {name} in namespace {namespace}");
    session.change::<BackupRun>(&doing, namespace, name, &patch).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_leaves_it_running() {
        for (line, wish) in [
            ("", Wish::Leave),
            ("l\n", Wish::Leave),
            ("x\n", Wish::Leave),
            ("C\n", Wish::Cancel),
            ("cancel", Wish::Cancel),
            ("g\n", Wish::Follow),
        ] {
            assert_eq!(of(line), wish, "{line:?}");
        }
    }
}
