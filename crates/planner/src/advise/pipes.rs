//! Whether a script for a shell hides that the first command of a pipe failed: `pg_dump | gzip` ends as gzip does.
use super::shell::{PIPEFAIL, Scan, Token, script};
use crate::validate::Fault;

/// Looks at a command and its arguments, `field` being that of the action.
pub(super) fn advise(command: &[String], args: &[String], field: &str) -> Option<Fault> {
    let (shell, at, script) = script(command, args)?;
    if shell.pipefail || !has_pipe(script) {
        return None;
    }
    let place = match at.checked_sub(command.len()) {
        Some(at) => format!("{field}.args[{at}]"),
        None => format!("{field}.command[{at}]"),
    };
    let cure = if shell.name == "bash" {
        "write [bash, -o, pipefail, -c, ...]"
    } else {
        "write [bash, -o, pipefail, -c, ...] where the image has bash, or begin the script with `set -o pipefail` where this shell knows it (busybox does, Debian's dash does not)"
    };
    Some(Fault::new(
        place,
        format!(
            "has a pipe, which ends as its last command does: if one before it breaks off, what it had printed by then is taken for all, and for good; {cure}, or let spec.compression do what the pipe does"
        ),
    ))
}

/// Whether a script has a pipe between commands and does not set pipefail. Not a shell: what stands in quotes, comments, here
/// documents, `case` patterns, `[[ ]]` and `(( ))` is passed over. So is what never is the script's output: `$( )` and conditions.
fn has_pipe(script: &str) -> bool {
    let mut scan = Scan::new(script);
    let mut pipe = false;
    while let Some(token) = scan.token() {
        match token {
            Token::Word(word) if word == PIPEFAIL => return false,
            Token::Pipe => pipe = true,
            Token::Word(_) | Token::Or | Token::End => {}
        }
    }
    pipe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_one_between_commands() {
        for (script, wanted) in [
            ("pg_dump shop | gzip", true),
            ("pg_dump shop|gzip", true),
            ("pg_dump shop |& gzip", true),
            ("pg_dump shop |\n gzip", true),
            ("set -e\na; b | c", true),
            ("echo $(a) | gzip", true),
            ("if a; then b | c; fi", true),
            ("a | while read x; do b; done", true),
            ("while a; do b; done | gzip", true),
            ("f() { a | b; }; f", true),
            ("x=$(a | b); echo $x", false),
            ("x=\"$(a \"b (\" | c)\"", false),
            ("x=`a | b`", false),
            ("if a | b; then c; fi", false),
            ("until a | b; do c; done", false),
            ("case $x in a) b | c;; esac", true),
            ("case $x in a|b) c;; esac | d", true),
            ("cat <<EOF | gzip\nx\nEOF\n", true),
            ("a; # no | pipe\nb | c", true),
            ("a || b", false),
            ("a || b && c", false),
            ("echo 'a | b'", false),
            ("echo \"a | b\"", false),
            ("echo \"a \\\" | b\"", false),
            ("echo a \\| b", false),
            ("a # | b", false),
            ("a >| b", false),
            ("case $x in a|b) c;; d|e) f;; esac", false),
            ("psql <<EOF\nselect 1 | 2\nEOF\n", false),
            ("psql <<-'END OF'\n\tselect 1 | 2\n\tEND OF\n", false),
            ("cat <<< 'a | b'", false),
            ("[[ $x =~ a|b ]] && c", false),
            ("x=$((1 | 2))", false),
            ("set -o pipefail; a | b", false),
            ("set -euo pipefail\na | b", false),
            ("(set -o pipefail && a | b)", false),
            // Only named in a comment or a text, it is not set.
            ("a | b # pipefail", true),
            ("echo 'set -o pipefail'; a | b", true),
            ("", false),
            ("'", false),
            ("\"\\", false),
            ("a <<", false),
            ("case x in", false),
        ] {
            assert_eq!(has_pipe(script), wanted, "{script:?}");
        }
    }

    #[test]
    fn only_a_shell_without_pipefail_is_warned_of() {
        let strings = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (command, args, place) in [
            (&["sh", "-c", "a | b"][..], &[][..], Some("f.command[2]")),
            (&["/bin/bash", "-c"], &["a | b"], Some("f.args[0]")),
            (&["sh"], &["-ec", "a | b", "name"], Some("f.args[1]")),
            (&["/usr/bin/env", "bash", "-c", "a | b"], &[], Some("f.command[3]")),
            (
                &["bash", "-eu", "-o", "errexit", "-c", "a | b"],
                &[],
                Some("f.command[5]"),
            ),
            (&["bash", "+o", "pipefail", "-c", "a | b"], &[], Some("f.command[4]")),
            (&["bash", "-o", "pipefail", "-c", "a | b"], &[], None),
            (&["bash", "-euo", "pipefail", "-c", "a | b"], &[], None),
            (&["bash", "-c", "-o", "pipefail", "a | b"], &[], None),
            (&["sh", "-c", "a || b"], &[], None),
            // Words of a program that is no shell, and what a script is given.
            (&["echo", "-c", "a | b"], &[], None),
            (&["sh", "a | b"], &[], None),
            (&["sh", "-c", "a", "x | y"], &[], None),
            (&["sh", "-c"], &[], None),
            (&["bash", "-o"], &[], None),
            (&["env"], &[], None),
            (&[], &[], None),
        ] {
            let said = advise(&strings(command), &strings(args), "f");
            assert_eq!(
                said.as_ref().map(|f| f.field.as_str()),
                place,
                "{command:?} {args:?}: {said:?}"
            );
            assert!(said.is_none_or(|f| f.message.contains("[bash, -o, pipefail, -c, ...]")));
        }
    }
}
