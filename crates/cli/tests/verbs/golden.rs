//! Screens that are kept (`crates/cli/tests/screens`), and what of them is not the same twice. `RENEW_SCREENS=1` writes them again: look at each
//! as whoever is called at three in the morning.
use std::fmt::Write;
use std::path::PathBuf;

/// The pictures of a spinner.
const SPINS: &str = "⠁⠂⠄⡀⢀⠠⠐⠈⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏⠉⠒⠓⠖⠤⠲⠞⠚⠛⠘⠰⠆";

/// Holds a screen to the one that is kept under that name. `changing`: names that another run of the test has otherwise, and what stands for each.
pub fn holds(name: &str, screen: &str, changing: &[(&str, &str)]) {
    let seen = normal(screen, changing);
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/screens/{name}.txt"));
    if std::env::var_os("RENEW_SCREENS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, seen).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == seen,
        "{name} was\n{kept}and is\n{seen}Where that is better: RENEW_SCREENS=1 dev/with-cluster --without dev/cargo test -p cli --test verbs"
    );
}

/// The same on each run and machine: times and what is as long ago as the test is long are replaced, colours are written as `{31}`.
fn normal(screen: &str, changing: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for line in screen.lines() {
        let line = changing
            .iter()
            .fold(line.to_string(), |line, (is, stands)| line.replace(is, stands));
        let line = ages(&times(&line)).replace("\u{1b}[", "\u{1b}");
        let line = line.replace(|c| SPINS.contains(c), "*");
        let _ = writeln!(text, "{}", colours(&line).trim_end());
    }
    text
}

/// `(7s ago)` and `(2m3s ago)` as `(0s ago)`: how long the test has taken.
fn ages(line: &str) -> String {
    let mut parts = line.split('(');
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |line, part| match part.split_once("s ago)") {
        Some((seconds, rest)) if seconds.bytes().all(|b| b.is_ascii_digit() || b == b'm') => {
            format!("{line}(0s ago){rest}")
        }
        _ => format!("{line}({part}"),
    })
}

/// `\x1b31m` as `{31}`.
fn colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |line, part| match part.split_once('m') {
        Some((code, rest)) => format!("{line}{{{code}}}{rest}"),
        None => format!("{line}{part}"),
    })
}

/// Times as `2026-01-31T03:00:00Z`, whatever they are.
fn times(line: &str) -> String {
    const LIKE: &[u8] = b"dddd-dd-ddTdd:dd:ddZ";
    let chars: Vec<char> = line.chars().collect();
    let is_time = |at: usize| {
        let part = chars.get(at..at + LIKE.len());
        part.is_some_and(|part| {
            let mut each = part.iter().zip(LIKE);
            each.all(|(c, like)| {
                if *like == b'd' {
                    c.is_ascii_digit()
                } else {
                    *c == char::from(*like)
                }
            })
        })
    };
    let (mut text, mut at) = (String::new(), 0);
    while let Some(c) = chars.get(at) {
        if is_time(at) {
            text.push_str("YYYY-MM-DDThh:mm:ssZ");
            at += LIKE.len();
        } else {
            text.push(*c);
            at += 1;
        }
    }
    text
}
