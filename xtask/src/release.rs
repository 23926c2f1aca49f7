//! `cargo xtask release ...`: what of a release follows from its version and from what was built. `dev/release` calls it.
mod attest;
mod changes;
mod chart;
mod crates;
mod krew;
mod linked;
mod manifests;
mod notices;
mod olm;
mod spdx;
mod version;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::generate;

/// The words that it takes.
pub const USAGE: &str = "release check version=X.Y.Z    says whether all files have that version, or which to change
release manifests version=X.Y.Z image=REPOSITORY digest=sha256:... created=TIME platforms=\"OS-ARCH ...\" out=DIR
                  install.yaml, crds.yaml, store.yaml, exec-policy.yaml, the chart's folder and the OLM bundle
release krew version=X.Y.Z downloads=URL archives=DIR out=DIR
                  the manifest of krew, for the archives of kubectl-backup that are there
release notices platforms=\"OS-ARCH ...\" cli=\"OS-ARCH ...\" linked=LINES out=FILE
                  whose work is in the programs, and their licences
release crates manifest=FILE program=NAME platform=OS-ARCH
                  which crates a program is built from, a line each
release attest version=X.Y.Z image=REPOSITORY downloads=URL digest=sha256:... commit=HASH created=TIME builder=URI rustc=VERSION
                  linked=LINES platforms=\"OS-ARCH ...\" cli=\"OS-ARCH ...\" image-OS-ARCH=sha256:... programs=DIR dist=DIR
                  the SPDX documents of the image, what of it is signed, and the provenance of all that is in dist";

/// Why a step of a release ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A word that it needs is not there.
    #[error("release {step} needs {name}=...")]
    Missing {
        /// The step.
        step: &'static str,
        /// The word.
        name: String,
    },
    /// The version is none, or not that of the files.
    #[error(transparent)]
    Version(#[from] version::Error),
    /// Something could not be made.
    #[error(transparent)]
    Generate(#[from] generate::Error),
    /// Something does not serialize.
    #[error("JSON cannot be written or read: {0}")]
    Json(#[from] serde_json::Error),
    /// YAML of ours cannot be read or written.
    #[error("YAML cannot be written or read: {0}")]
    Yaml(#[from] serde_yaml_ng::Error),
    /// A file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// What a package of Debian's says of its licence is not there.
    #[error(
        "{path}, the licence of Debian's package {package}, cannot be read: {source}. Programs have parts of that package, and the release says under which licence: \
         install it again with its documentation (`path-exclude` in /etc/dpkg leaves that out)"
    )]
    Copyright {
        /// Which package.
        package: String,
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file of ours has not what a release changes in it.
    #[error("{path} has no {what}: the release replaces it there")]
    Shape {
        /// Which.
        path: String,
        /// What it should have.
        what: String,
    },
    /// There is nothing to name.
    #[error("{0} has no archive kubectl-backup-VERSION-OS-ARCH.tar.gz: build one first")]
    NoArchive(PathBuf),
    /// Cargo could not say what a program is made of.
    #[error("cargo metadata of {manifest}: {message}")]
    Cargo {
        /// Which workspace.
        manifest: String,
        /// What it said.
        message: String,
    },
}

/// The words of a command, by their names.
struct Given<'a> {
    step: &'static str,
    words: BTreeMap<&'a str, &'a str>,
}

impl<'a> Given<'a> {
    fn get(&self, name: &str) -> Result<&'a str, Error> {
        let found = self.words.get(name).filter(|value| !value.is_empty());
        found.copied().ok_or_else(|| Error::Missing {
            step: self.step,
            name: name.into(),
        })
    }

    /// The words of one, as `platforms`.
    fn list(&self, name: &str) -> Result<Vec<&'a str>, Error> {
        Ok(self.get(name)?.split(' ').collect())
    }

    fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        self.get(name).map(PathBuf::from)
    }
}

/// Runs one step; None: there is no such step.
pub fn run(root: &Path, words: &[&str]) -> Option<Result<(), Error>> {
    let (step, words) = words.split_first()?;
    let words = words.iter().filter_map(|word| word.split_once('=')).collect();
    let given = |step| Given { step, words };
    Some(match *step {
        "check" => check(root, &given("check")),
        "manifests" => manifests::write(root, &given("manifests")),
        "krew" => krew::write(&given("krew")),
        "notices" => notices::write(root, &given("notices")),
        "crates" => crates::print(root, &given("crates")),
        "attest" => attest::write(root, &given("attest")),
        _ => return None,
    })
}

fn check(root: &Path, given: &Given<'_>) -> Result<(), Error> {
    let files = version::FILES
        .iter()
        .map(|file| Ok((file.path, read(&root.join(file.path))?)))
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(version::check(given.get("version")?, &files)?)
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.into(),
        source,
    })
}

fn save(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|source| Error::File {
            path: path.into(),
            source,
        })
}

/// The files of a folder, sorted by their names.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::File {
        path: folder.into(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
