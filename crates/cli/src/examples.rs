//! What stands below each verb's flags: two or three calls of it, and what its exit status says.
use std::fmt::Write;

use clap::Command;

/// What the others say, too.
const USAGE: (u8, &str) = (2, "the command line is wrong");
const LEFT: (u8, &str) = (130, "left by Ctrl-C; it goes on");
const FOLLOWED: &[(u8, &str)] = &[
    (0, "it ended well, or with --detach was asked for"),
    (1, "it did not, or not within --timeout, or could not be asked for"),
    USAGE,
    LEFT,
];
const ASKED: &[(u8, &str)] = &[(0, "done"), (1, "not done, or the cluster could not be asked"), USAGE];
const SHOWN: &[(u8, &str)] = &[(0, "shown"), (1, "it cannot be shown"), USAGE];

/// A verb, calls of it without `kubectl backup`, each with what it is for, and its exit statuses.
struct Row(
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [(u8, &'static str)],
);

const ROWS: &[Row] = &[
    Row(
        "run",
        &[
            ("run nightly -n shop", "one backup of a schedule, now"),
            ("run -f run.yaml", "one of a manifest"),
            ("run drill/weekly -n shop", "one drill, now"),
        ],
        FOLLOWED,
    ),
    Row(
        "restore",
        &[
            (
                "restore nightly -n shop",
                "the newest good backup of a schedule, where it was made",
            ),
            (
                "restore nightly -n shop --at yesterday",
                "the newest that had ended by then",
            ),
            (
                "restore nightly -n shop --into staging --set-env PGHOST=db",
                "in another namespace",
            ),
            (
                "restore nightly-1767225600 -n shop --drill",
                "by the drill of its schedule, over nothing: to see that it can be",
            ),
        ],
        FOLLOWED,
    ),
    Row(
        "list",
        &[
            (
                "list -A",
                "schedules of all namespaces, the age of the last good backup first",
            ),
            (
                "list runs -n shop --schedule nightly",
                "runs of one schedule, the newest last",
            ),
            ("list runs -A --failed", "what has failed"),
        ],
        SHOWN,
    ),
    Row(
        "status",
        &[
            ("status", "everything that wants a look"),
            ("status -n shop -o json", "for a script"),
        ],
        &[
            (0, "all is well"),
            (1, "something wants a look, or the cluster could not be asked"),
            USAGE,
        ],
    ),
    Row(
        "describe",
        &[
            ("describe nightly-1767225600 -n shop", "the story of a run"),
            ("describe nightly-1767225600 -n shop -o json", "for a script"),
        ],
        SHOWN,
    ),
    Row(
        "logs",
        &[
            ("logs nightly-1767225600 -n shop", "what the command wrote"),
            ("logs nightly-1767225600 -n shop -f", "live, to its end"),
        ],
        &[
            (0, "shown, however the run ended"),
            (
                1,
                "there is none, or with --follow the run has not ended within --timeout",
            ),
            USAGE,
        ],
    ),
    Row(
        "cancel",
        &[
            (
                "cancel nightly-1767225600 -n shop",
                "its backup is stopped, and it is kept",
            ),
            (
                "cancel nightly-1767225600 -n shop --yes",
                "its restore, too, without a question",
            ),
        ],
        &[
            (0, "it has stopped, or with --detach was asked to"),
            (1, "it has not, or there is nothing to stop"),
            USAGE,
        ],
    ),
    Row(
        "keep",
        &[
            ("keep nightly-1767225600 -n shop", "rotation passes it by"),
            ("keep nightly-1767225600 -n shop --off", "and no longer"),
        ],
        ASKED,
    ),
    Row(
        "copy",
        &[
            (
                "copy nightly-1767225600 offsite -n shop",
                "and waits until it is proved there",
            ),
            ("copy nightly-1767225600 offsite -n shop --detach", "only asks for it"),
        ],
        &[
            (0, "it lies there, proved, or with --detach was asked for"),
            (1, "it was not made in time, or cannot be"),
            USAGE,
        ],
    ),
    Row(
        "rewrap",
        &[
            (
                "rewrap nightly-1767225600 -n shop --add-recipient age1new... --remove-recipient age1old...",
                "whoever has the old key alone can read it no more",
            ),
            (
                "rewrap nightly-1767225600 -n shop --add-recipient 'ssh-ed25519 AAAA...' --detach",
                "only asks for it",
            ),
        ],
        &[
            (
                0,
                "it is encrypted for them, proved, and the old object is gone; or with --detach it was asked for",
            ),
            (1, "it was not done in time, failed, or cannot be"),
            USAGE,
        ],
    ),
    Row(
        "pause",
        &[
            ("pause nightly -n shop", "no backups on its ticks"),
            ("pause drill/weekly -n shop", "no drills"),
        ],
        ASKED,
    ),
    Row(
        "resume",
        &[
            ("resume nightly -n shop", "backups again"),
            ("resume drill/weekly -n shop", "drills again"),
        ],
        ASKED,
    ),
    Row(
        "delete",
        &[
            (
                "delete run/nightly-1767225600 -n shop",
                "says what goes along, and asks",
            ),
            ("delete schedule/nightly -n shop", "a schedule"),
        ],
        ASKED,
    ),
    Row(
        "catalog",
        &[
            ("catalog minio", "all that is in its bucket"),
            (
                "catalog minio --orphans -o wide",
                "what this cluster has no run of, with keys",
            ),
            ("catalog minio --missing", "runs whose object is gone"),
        ],
        &[
            (0, "shown; with --missing there is none"),
            (1, "the bucket cannot be read; with --missing there is one"),
            USAGE,
        ],
    ),
    Row(
        "import",
        &[
            ("import minio --dry-run", "what would be made"),
            ("import minio -n shop", "runs of one namespace"),
            (
                "import minio -n shop=staging --schedule nightly",
                "in another namespace",
            ),
        ],
        &[
            (0, "made, and Successful within --wait"),
            (
                1,
                "a run was not made or is not Successful, or the bucket cannot be read",
            ),
            USAGE,
        ],
    ),
    Row(
        "verify",
        &[
            ("verify --all -n shop", "every good backup of a namespace"),
            ("verify schedule/nightly -n shop", "of a schedule"),
            (
                "verify --storage-file storage.yaml --path shop/nightly.sql.zst --compression zstd",
                "without a cluster",
            ),
        ],
        &[
            (0, "all are whole"),
            (1, "one is not, or cannot be read, or there was none"),
            USAGE,
        ],
    ),
    Row(
        "download",
        &[
            ("download nightly-1767225600 -n shop", "into a file of its name"),
            ("download nightly-1767225600 -n shop -o -", "to another program"),
            (
                "download --storage-file storage.yaml --record .backup-operator/records/shop/nightly/nightly-1767225600.json",
                "without a cluster",
            ),
        ],
        &[
            (0, "it was proved whole"),
            (1, "it is not, or could not be read or written; then there is no file"),
            USAGE,
        ],
    ),
    Row(
        "restore-offline",
        &[
            (
                "restore-offline --storage-file storage.yaml --path shop/nightly.sql.zst --compression zstd -- psql -h 127.0.0.1 shop",
                "into a command on this machine",
            ),
            (
                "restore-offline --storage-file storage.yaml --record record.json --identity key.txt -- psql shop",
                "one that was encrypted",
            ),
        ],
        &[
            (0, "the command took all and ended well"),
            (
                1,
                "it did not, or the object is not whole; then the command was stopped",
            ),
            USAGE,
        ],
    ),
    Row(
        "init",
        &[
            ("init", "all recipes"),
            ("init postgresql -n shop --host db", "one, with your names"),
            ("init postgresql -n shop --schedule '0 3 * * *'", "and when"),
            (
                "init encryption -n shop --recipient age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
                "encrypted, for your key",
            ),
        ],
        &[
            (0, "printed"),
            (
                1,
                "there is no such recipe, or a name that it has no place for or that can be none",
            ),
            USAGE,
        ],
    ),
    Row(
        "lint",
        &[
            ("lint schedule.yaml", "one file"),
            (
                "lint --strict -f storage.yaml schedule.yaml",
                "some, and warnings count",
            ),
        ],
        &[
            (0, "nothing is wrong"),
            (
                1,
                "something is, or a file cannot be read; with --strict also a warning",
            ),
            USAGE,
        ],
    ),
    Row(
        "preview",
        &[
            ("preview -f schedule.yaml", "its next ticks and paths"),
            (
                "preview --schedule '0 3 * * *' --time-zone Europe/Berlin",
                "a cron expression",
            ),
        ],
        &[(0, "shown"), (1, "it is no schedule or path"), USAGE],
    ),
    Row(
        "ui",
        &[("ui", "says its address"), ("ui --port 8080 --open", "opens it")],
        &[
            (0, "ended by Ctrl-C or --idle-minutes"),
            (1, "it cannot be served"),
            USAGE,
        ],
    ),
    Row(
        "support",
        &[
            ("support", "all namespaces, into a file of its own name"),
            ("support -n shop --output shop.tar.gz", "one namespace"),
        ],
        &[
            (0, "there is an archive, which says what was left out"),
            (1, "there is none, or it has nothing of what was named"),
            USAGE,
        ],
    ),
    Row(
        "completion",
        &[
            ("completion kubectl", "what completes `kubectl backup`"),
            ("completion bash", "what completes `kubectl-backup`"),
        ],
        &[(0, "printed"), USAGE],
    ),
    Row(
        "version",
        &[
            ("version", "of all that works together"),
            ("version --client", "of this program"),
        ],
        &[
            (0, "they fit, or are told"),
            (1, "the cluster could not be asked"),
            USAGE,
        ],
    ),
];

/// The command line with them.
pub fn with(command: Command) -> Command {
    ROWS.iter().fold(command, |command, row| {
        command.mut_subcommand(row.0, |verb| {
            let own = verb
                .get_after_help()
                .map(|own| format!("{own}\n\n"))
                .unwrap_or_default();
            verb.after_help(own + &text(row))
        })
    })
}

fn text(Row(_, calls, statuses): &Row) -> String {
    let mut text = "Examples:\n".to_owned();
    for (call, what) in *calls {
        let _ = writeln!(text, "  # {what}\n  kubectl backup {call}");
    }
    text.push_str("\nExit status:\n");
    for (status, what) in *statuses {
        let _ = writeln!(text, "  {status:<4} {what}");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a shell splits these, which have nothing but single quotes.
    fn words(call: &str) -> Vec<String> {
        let quoted = call.split('\'').enumerate();
        let parts = quoted.flat_map(|(n, part)| match n % 2 {
            0 => part.split_whitespace().map(String::from).collect(),
            _ => vec![part.to_owned()],
        });
        parts.collect()
    }

    #[test]
    fn every_verb_has_examples_that_are_understood_and_its_exit_statuses() {
        let command = crate::command();
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let row = ROWS.iter().find(|row| row.0 == verb.get_name());
            let Row(name, calls, statuses) = row.unwrap_or_else(|| panic!("{} has none", verb.get_name()));
            assert!((2..=4).contains(&calls.len()), "{name}");
            assert!(statuses.first().is_some_and(|(status, _)| *status == 0), "{name}");
            for (call, _) in *calls {
                let all = [vec!["kubectl-backup".to_owned()], words(call)].concat();
                let found = crate::command().try_get_matches_from(all);
                assert!(
                    found.as_ref().is_ok_and(|m| m.subcommand_name() == Some(name)),
                    "{call}: {:?}",
                    found.err()
                );
            }
        }
    }

    #[test]
    fn what_people_need_first_is_first() {
        let command = crate::command();
        let verbs: Vec<_> = command
            .get_subcommands()
            .filter(|verb| !verb.is_hide_set())
            .map(Command::get_name)
            .collect();
        assert_eq!(verbs, ROWS.iter().map(|row| row.0).collect::<Vec<_>>());
        assert_eq!(
            verbs[..7],
            ["run", "restore", "list", "status", "describe", "logs", "cancel"]
        );
    }
}
