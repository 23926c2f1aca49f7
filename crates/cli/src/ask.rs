//! Questions before what cannot be taken back: asked on a terminal, answered by --yes elsewhere.
use std::io::{IsTerminal, Write};

use crate::read::fault::Fault;

/// Asks; `--yes` has answered.
///
/// # Errors
/// The answer is no, or there is nobody to ask. `doing` completes "cannot …", and `command` is what would do it.
pub fn confirm(yes: bool, question: &str, doing: &str, command: &str) -> Result<(), Fault> {
    if yes {
        return Ok(());
    }
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        let why = "it is to be confirmed, and there is no terminal to ask at";
        return Err(Fault::new(doing, why, format!("{command} --yes")));
    }
    let mut err = std::io::stderr();
    let _ = write!(err, "{question} [y/N] ");
    let _ = err.flush();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    if read.is_ok() && is_yes(&line) {
        Ok(())
    } else {
        Err(Fault::new(doing, "the answer was no; nothing was changed", command))
    }
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for (line, yes) in [
            ("y\n", true),
            ("YES\n", true),
            ("\n", false),
            ("", false),
            ("yep\n", false),
            ("n\n", false),
        ] {
            assert_eq!(is_yes(line), yes, "{line:?}");
        }
    }

    #[test]
    fn without_a_terminal_it_is_refused_with_the_command_that_does_it() {
        assert!(confirm(true, "?", "delete x", "kubectl backup delete x").is_ok());
        if !std::io::stdin().is_terminal() {
            let fault = confirm(false, "?", "delete x", "kubectl backup delete x")
                .unwrap_err()
                .to_string();
            assert!(fault.ends_with("try: kubectl backup delete x --yes"), "{fault}");
        }
    }
}
