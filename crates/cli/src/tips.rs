//! What is offered in the place of a verb that there is not.
use clap::error::{ContextKind, ContextValue, Error};

/// What nobody shall do because a word looks like it: they write over data, or remove them.
const NEVER: [&str; 4] = ["restore", "restore-offline", "delete", "rm"];

/// The same error, without verbs that do harm among what may have been meant.
pub fn harmless(mut error: Error) -> Error {
    if let Some(ContextValue::Strings(verbs)) = error.remove(ContextKind::SuggestedSubcommand) {
        let left: Vec<_> = verbs.into_iter().filter(|v| !NEVER.contains(&v.as_str())).collect();
        if !left.is_empty() {
            error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(left));
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(word: &str) -> String {
        let error = crate::command().try_get_matches_from(["kubectl-backup", word, "x"]);
        harmless(error.unwrap_err()).to_string()
    }

    #[test]
    fn no_word_is_answered_with_a_verb_that_writes_over_data_or_removes_them() {
        for word in [
            "stor",
            "store",
            "restart",
            "reset",
            "restor",
            "restroe",
            "stop-it",
            "deleet",
            "del",
            "rmm",
            "rn",
            "deploy",
            "select",
            "rest",
            "reste",
            "restore-online",
        ] {
            let text = said(word);
            assert!(text.contains(&format!("unrecognized subcommand '{word}'")), "{text}");
            assert!(!NEVER.iter().any(|verb| text.contains(&format!("'{verb}'"))), "{text}");
        }
        // And the others are, or nothing would be tested here.
        assert!(said("statsu").contains("'status'"), "{}", said("statsu"));
        let clap = crate::command().try_get_matches_from(["kubectl-backup", "restor", "x"]);
        assert!(clap.unwrap_err().to_string().contains("'restore'"));
    }

    #[test]
    fn words_of_other_tools_do_what_is_meant_by_them() {
        for (word, verb) in [
            ("stop", "cancel"),
            ("abort", "cancel"),
            ("kill", "cancel"),
            ("get", "list"),
            ("create", "run"),
            ("backup", "run"),
            ("trigger", "run"),
            ("suspend", "pause"),
            ("unpause", "resume"),
            ("rm", "delete"),
        ] {
            let about = crate::command();
            let argument = if word == "get" { "runs" } else { "x" };
            let found = about.try_get_matches_from(["kubectl-backup", word, argument]).unwrap();
            assert_eq!(found.subcommand_name(), Some(verb), "{word}");
        }
        assert!(!crate::command().render_long_help().to_string().contains("unpause"));
    }
}
