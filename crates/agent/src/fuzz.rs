//! The command line, as bytes that nobody made for this.
use ::fuzz::Target;

use crate::args;

#[cfg_attr(test, test)]
pub fn fuzz_command_line() {
    let seeds: [&[u8]; 3] = [
        b"connect --run u --attempt backup-1 --dir /d",
        b"install /x",
        b"connect --attempt ../../x --run",
    ];
    Target {
        name: "the agent's command line",
        seeds: &seeds,
        words: &[
            "connect",
            "install",
            "daemon",
            " ",
            "--run",
            "--attempt",
            "--dir",
            "--log",
            "..",
            "/",
        ],
    }
    .run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        match args::parse(text.split(' ').map(Into::into)) {
            Ok(args::Verb::Connect(place) | args::Verb::Daemon(place)) => {
                let fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                assert!(place.attempt.chars().all(fit), "{:?}", place.attempt);
                "a place".to_string()
            }
            Ok(verb) => format!("{verb:?}").chars().take(7).collect(),
            Err(error) => format!("{error:?}").chars().take(7).collect(),
        }
    });
}
