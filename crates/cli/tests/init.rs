//! `kubectl backup init`, as people call it: what it prints is a manifest that `lint` takes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use std::io::Write;
use std::process::{Command, Stdio};

/// Names that no recipe has.
const NAMES: [[&str; 2]; 6] = [
    ["--namespace", "the-namespace"],
    ["--name", "the-name"],
    ["--storage", "the-storage"],
    ["--schedule", "7 4 * * 2"],
    ["--secret", "the-secret"],
    ["--host", "the-host.example"],
];

/// Whether it succeeded, and what it said on both streams.
fn backup(words: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A verb that reads nothing may have ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let out = child.wait_with_output().unwrap();
    let said = [out.stdout, out.stderr].concat();
    (out.status.success(), String::from_utf8(said).unwrap())
}

fn recipes() -> Vec<String> {
    let (ok, list) = backup(&["init"], "");
    assert!(ok, "{list}");
    let rows = list.lines().skip(1).take_while(|line| !line.is_empty());
    rows.map(|row| row.split(' ').next().unwrap().to_string()).collect()
}

#[test]
fn every_recipe_with_all_the_names_that_it_takes_passes_lint() {
    let all = recipes();
    assert!(all.len() >= 18, "{all:?}");
    for recipe in all {
        let (_, plain) = backup(&["init", &recipe], "");
        let takes = |name: &&[&str; 2]| backup(&["init", &recipe, name[0], name[1]], "").0;
        let taken: Vec<_> = NAMES.iter().filter(takes).collect();
        assert!(!taken.is_empty(), "{recipe} takes no name at all");
        let words: Vec<&str> = taken.iter().flat_map(|name| name.iter().copied()).collect();
        let (ok, filled) = backup(&[&["init", recipe.as_str()], words.as_slice()].concat(), "");
        assert!(ok, "{recipe}: {filled}");
        for [_, name] in taken {
            assert!(filled.contains(name), "{recipe}: {name} is not in it:\n{filled}");
        }
        assert_eq!(
            filled.matches('#').count(),
            plain.matches('#').count(),
            "{recipe} lost comments"
        );
        // Placeholders are to be refused as long as they are there.
        let keys = |text: &str| {
            text.replace(
                "age1-your-public-key",
                "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            )
            .replace(
                "age1-the-one-in-your-safe",
                "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
            )
        };
        let (ok, said) = backup(&["lint", "-f", "-"], &keys(&filled));
        assert!(ok, "{recipe}: {said}\n{filled}");
    }
}

#[test]
fn what_the_schedule_of_a_recipe_becomes_is_seen_here() {
    let words = "init retention -n shop --name orders --storage offsite --secret orders-db --host db.shop";
    let words: Vec<_> = words.split(' ').chain(["--schedule", "@hourly"]).collect();
    let (ok, filled) = backup(&words, "");
    assert!(ok, "{filled}");
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/screens/init-retention.txt");
    if std::env::var_os("RENEW_SCREENS").is_some() {
        std::fs::write(kept, &filled).unwrap();
    }
    assert_eq!(
        filled,
        std::fs::read_to_string(kept).unwrap(),
        "Where that is better: RENEW_SCREENS=1"
    );
}
