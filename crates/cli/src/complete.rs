//! What shells complete: words of the command line by its definition, and names of objects by the cluster that the words before name.
mod names;

use std::ffi::{OsStr, OsString};
use std::io::Write;

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};

use names::{Of, names};

/// The program that kubectl asks for what may follow `kubectl backup`.
pub const KUBECTL_ASKS: &str = "kubectl_complete-backup";
/// The variable by which a shell asks this program itself.
pub const VARIABLE: &str = "COMPLETE";
/// What kubectl is told of the candidates: names of files are none of them.
const NO_FILES: &str = ":4";

/// The command line, of which each value that is the name of an object is completed by the cluster.
pub fn with_names(command: Command) -> Command {
    let command = command.mut_args(named);
    let verbs: Vec<_> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_string())
        .collect();
    verbs
        .into_iter()
        .fold(command, |command, verb| command.mut_subcommand(verb, with_names))
}

/// By what the value is called in the help: `RUN`, `RUN|SCHEDULE`.
fn named(arg: Arg) -> Arg {
    let of: Vec<_> = arg
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .flat_map(|name| name.split('|'))
        .filter_map(Of::called)
        .chain((arg.get_id() == "context").then_some(Of::Context))
        .collect();
    if of.is_empty() {
        return arg;
    }
    arg.add(ArgValueCompleter::new(move |begun: &OsStr| {
        let words: Vec<_> = std::env::args().collect();
        let begun = begun.to_string_lossy();
        let found = of.iter().flat_map(|of| names(*of, &words));
        let fits = found.filter(|name| name.starts_with(&*begun));
        fits.map(CompletionCandidate::new).collect::<Vec<_>>()
    }))
}

/// Answers kubectl: what may stand in the place of the last word, a candidate a line with what it is after a tab, and what to do with them.
pub fn for_kubectl(command: Command, words: &[OsString], out: &mut dyn Write) {
    let mut command = with_names(command);
    let mut all = vec![OsString::from("kubectl-backup")];
    all.extend(words.iter().cloned());
    if words.is_empty() {
        all.push(OsString::new());
    }
    let last = all.len() - 1;
    let found = complete(&mut command, all, last, None).unwrap_or_default();
    for candidate in found.iter().filter(|candidate| !candidate.is_hide_set()) {
        let value = candidate.get_value().to_string_lossy();
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        // A shell that has gone wants nothing more.
        let _ = match help.lines().next() {
            Some(help) => writeln!(out, "{value}\t{help}"),
            None => writeln!(out, "{value}"),
        };
    }
    let _ = writeln!(out, "{NO_FILES}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(words: &[&str]) -> String {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        let mut out = Vec::new();
        for_kubectl(crate::command(), &words, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn kubectl_is_told_of_verbs_flags_and_words_in_its_own_form() {
        for (words, wanted) in [
            (&["stat"][..], "status\t"),
            (&[""], "list\t"),
            (&["list", "ru"], "runs\t"),
            (&["list", "--outp"], "--output\t"),
            (&["list", "-o", "js"], "json\t"),
            (&["init", "retenti"], "retention"),
        ] {
            let said = answer(words);
            assert!(
                said.starts_with(wanted) || said.contains(&format!("\n{wanted}")),
                "{words:?}: {said}"
            );
            assert!(
                said.ends_with("\n:4\n") && said.lines().count() > 1,
                "{words:?}: {said}"
            );
        }
        assert_eq!(answer(&["status", "nothing-begins-so"]), ":4\n");
    }

    #[test]
    fn every_value_that_is_a_name_is_completed_by_the_cluster() {
        let command = with_names(crate::command());
        let mut seen = 0;
        for verb in command.get_subcommands() {
            for arg in verb.get_arguments() {
                let names = arg.get_value_names().unwrap_or_default();
                let is_name = names
                    .iter()
                    .any(|name| name.split('|').any(|word| Of::called(word).is_some()));
                let has = arg.get::<ArgValueCompleter>().is_some();
                assert!(has || !is_name, "{} {}", verb.get_name(), arg.get_id());
                seen += usize::from(has);
            }
        }
        assert!(seen > 5);
    }
}
