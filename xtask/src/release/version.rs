//! Whether a release may be called that: its version, and those that the files name.

/// A file that names the version.
pub struct File {
    /// Relative to the root of the checkout.
    pub path: &'static str,
    /// What stands before and after the version, each time.
    lines: &'static [(&'static str, &'static str)],
}

/// Every file that names it.
pub const FILES: [File; 4] = [
    File {
        path: "Cargo.toml",
        lines: &[("version = \"", "\"")],
    },
    File {
        path: "crates/sftp/Cargo.toml",
        lines: &[("version = \"", "\"")],
    },
    File {
        path: "charts/backup-operator/Chart.yaml",
        lines: &[("version: ", ""), ("appVersion: ", "")],
    },
    File {
        path: "CHANGELOG.md",
        lines: &[("## [", "]")],
    },
];

/// Why not.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a version.
    #[error("VERSION={0:?} is no version of Semantic Versioning: write it as 1.2.3, or 1.2.3-rc.1, without a v")]
    Form(String),
    /// Legal there, and not in the tag of an image.
    #[error("VERSION={0:?} has build metadata, which no tag of an image can have: leave out + and what follows it")]
    Build(String),
    /// Files that name another one.
    #[error("VERSION={version} is not what the files say: {}", found.join("; "))]
    Differs {
        /// What was asked for.
        version: String,
        /// What each file names, and where to change it.
        found: Vec<String>,
    },
    /// The changelog has no day for it.
    #[error(
        "CHANGELOG.md says `{0}`: a release has a day, write `## [1.2.3] - 2026-12-31` there, with its version and day"
    )]
    Undated(String),
}

/// Holds a version against its form and against the texts of `FILES`, and asks for its day in the changelog.
///
/// # Errors
/// Names every file to change.
pub fn check(version: &str, texts: &[(&str, String)]) -> Result<(), Error> {
    agrees(version, texts)?;
    dated(texts)
}

/// The newest heading of the changelog, as https://keepachangelog.com has it.
fn dated(texts: &[(&str, String)]) -> Result<(), Error> {
    let text = texts.iter().find(|(path, _)| *path == "CHANGELOG.md");
    let line = text.and_then(|(_, text)| text.lines().find(|line| line.starts_with("## [")));
    let line = line.unwrap_or_default();
    let day = line.split_once("] - ").map(|(_, day)| day.trim_end());
    let is_day = |day: &str| {
        day.len() == "2026-12-31".len()
            && day.bytes().enumerate().all(|(at, b)| match at {
                4 | 7 => b == b'-',
                _ => b.is_ascii_digit(),
            })
    };
    if day.is_some_and(is_day) {
        return Ok(());
    }
    Err(Error::Undated(line.into()))
}

/// What holds between releases, too.
fn agrees(version: &str, texts: &[(&str, String)]) -> Result<(), Error> {
    form(version)?;
    let mut found = Vec::new();
    for file in &FILES {
        let text = texts.iter().find(|(path, _)| *path == file.path).map(|(_, text)| text);
        for (before, after) in file.lines {
            // The first such line: in a manifest of Cargo's those of dependencies follow, in the changelog older releases.
            let named = text.and_then(|text| {
                let rest = text.lines().find_map(|line| line.strip_prefix(before))?;
                rest.split(|c: char| after.contains(c) || c == ' ').next()
            });
            let line = format!("{before}{version}{after}");
            match named {
                Some(named) if named == version => {}
                Some(named) => found.push(format!("{} says {named}: write `{line}` there", file.path)),
                None => found.push(format!("{} names none: write `{line}` there", file.path)),
            }
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::Differs {
        version: version.into(),
        found,
    })
}

/// https://semver.org, 2 and 9 to 11.
fn form(version: &str) -> Result<(), Error> {
    let wrong = || Error::Form(version.into());
    let number = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
    };
    if version.contains('+') {
        return Err(Error::Build(version.into()));
    }
    let (core, pre) = version
        .split_once('-')
        .map_or((version, None), |(core, pre)| (core, Some(pre)));
    let numbers: Vec<_> = core.split('.').collect();
    if numbers.len() != 3 || !numbers.iter().all(|text| number(text)) {
        return Err(wrong());
    }
    let word = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && (number(text) || !text.bytes().all(|b| b.is_ascii_digit()))
    };
    if pre.is_some_and(|pre| !pre.split('.').all(word)) {
        return Err(wrong());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    fn texts(version: &str) -> Vec<(&'static str, String)> {
        FILES
            .iter()
            .map(|file| {
                let lines = file
                    .lines
                    .iter()
                    .map(|(before, after)| format!("{before}{version}{after} - 2026-01-02\n"));
                (file.path, lines.collect())
            })
            .collect()
    }

    #[test]
    fn a_version_is_one_of_semantic_versioning_without_build_metadata() {
        for version in ["0.1.0", "1.2.3", "10.20.30-rc.1", "1.0.0-alpha-1.0"] {
            assert_eq!(check(version, &texts(version)), Ok(()), "{version}");
        }
        for version in [
            "",
            "1",
            "1.2",
            "v1.2.3",
            "01.2.3",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3-a..b",
            "1.2.3.4",
            "1.2.x",
            "1.2.3 ",
        ] {
            assert_eq!(
                check(version, &texts(version)),
                Err(Error::Form(version.into())),
                "{version}"
            );
        }
        assert_eq!(check("1.2.3+5", &texts("1.2.3+5")), Err(Error::Build("1.2.3+5".into())));
    }

    #[test]
    fn a_version_that_files_do_not_have_is_refused_with_each_of_them_and_the_line_to_write() {
        let error = check("0.2.0", &texts("0.1.0")).unwrap_err().to_string();
        for part in [
            "Cargo.toml says 0.1.0: write `version = \"0.2.0\"` there",
            "crates/sftp/Cargo.toml says 0.1.0",
            "Chart.yaml says 0.1.0: write `version: 0.2.0` there",
            "write `appVersion: 0.2.0` there",
            "CHANGELOG.md says 0.1.0: write `## [0.2.0]` there",
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert!(check("0.2.0", &[]).unwrap_err().to_string().contains("names none"));
    }

    #[test]
    fn a_version_without_a_day_in_the_changelog_is_not_released() {
        for (end, is_dated) in [
            (" - 2026-01-02", true),
            (" - 2026-01-02 ", true),
            (" - unreleased", false),
            (" - Unreleased", false),
            (" - 2026", false),
            (" - 2026-1-2", false),
            (" - ", false),
            ("", false),
        ] {
            let mut texts = texts("0.2.0");
            let (_, changelog) = texts.iter_mut().find(|(path, _)| *path == "CHANGELOG.md").unwrap();
            // An older release has its day.
            *changelog = format!("## [0.2.0]{end}\n\n## [0.1.0] - 2025-01-02\n");
            let checked = check("0.2.0", &texts);
            if is_dated {
                assert_eq!(checked, Ok(()), "{end}");
            } else {
                assert_eq!(checked, Err(Error::Undated(format!("## [0.2.0]{end}"))), "{end}");
            }
        }
    }

    #[test]
    fn the_files_of_this_checkout_agree_on_one_version() {
        let texts: Vec<_> = FILES
            .iter()
            .map(|file| (file.path, std::fs::read_to_string(root().join(file.path)).unwrap()))
            .collect();
        assert_eq!(agrees(env!("CARGO_PKG_VERSION"), &texts), Ok(()));
    }
}
