//! Which crates a program is built from, as cargo resolves them for the build that is released.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use super::{Error, Given};

/// Where no licence is known: SPDX's word.
pub(super) const UNKNOWN: &str = "NOASSERTION";

/// Built in one go (`dev/release-programs`): what a crate has of features, and so which others it takes along, follows from all three.
const TOGETHER: [&str; 3] = ["operator", "agent", "depot"];

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Crate {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) license: String,
    /// It is from crates.io, and not of this repository.
    pub(super) published: bool,
}

impl Crate {
    /// Of letters, digits, full stop and hyphen, as the specification wants it.
    pub(super) fn id(&self) -> String {
        format!("SPDXRef-crate-{}-{}", self.name, self.version).replace(['_', '+'], "-")
    }
}

/// What a program is built from, without what only tests and build scripts need.
pub(super) fn crates_of(root: &Path, manifest: &str, program: &str, target: &str) -> Result<BTreeSet<Crate>, Error> {
    let failed = |message: String| Error::Cargo {
        manifest: manifest.into(),
        message,
    };
    let one = [program];
    let together: &[&str] = if TOGETHER.contains(&program) { &TOGETHER } else { &one };
    let output = Command::new("cargo")
        .args(["tree", "--locked", "--edges", "normal", "--prefix", "depth"])
        .args(["--format", " {p}|{l}|", "--target", target])
        .args(together.iter().flat_map(|package| ["--package", package]))
        .arg("--manifest-path")
        .arg(root.join(manifest))
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(Tree::of(&String::from_utf8_lossy(&output.stdout)).below(program))
}

/// What needs what. Cargo prints what a crate needs once, and a mark wherever it stands again.
#[derive(Default)]
struct Tree {
    roots: Vec<Crate>,
    needs: BTreeMap<Crate, BTreeSet<Crate>>,
}

impl Tree {
    fn of(text: &str) -> Self {
        let mut tree = Self::default();
        // None: it runs in the compiler.
        let mut above: Vec<Option<Crate>> = Vec::new();
        for line in text.lines() {
            let Some((depth, line)) = line.split_once(' ') else {
                continue;
            };
            let Ok(depth) = depth.parse() else { continue };
            above.truncate(depth);
            // Below what runs in the compiler a crate is built once more, for that, and stands for itself there.
            let found = listed_crate(line).filter(|_| above.iter().all(Option::is_some));
            match (&found, above.last()) {
                (Some(one), Some(Some(by))) => {
                    tree.needs.entry(by.clone()).or_default().insert(one.clone());
                }
                (Some(one), None) => tree.roots.push(one.clone()),
                _ => {}
            }
            above.push(found);
        }
        tree
    }

    /// A root, and all that it needs.
    fn below(&self, root: &str) -> BTreeSet<Crate> {
        let mut found = BTreeSet::new();
        let mut open: Vec<_> = self.roots.iter().filter(|one| one.name == root).collect();
        while let Some(one) = open.pop() {
            if found.insert(one.clone()) {
                open.extend(self.needs.get(one).into_iter().flatten());
            }
        }
        found
    }
}

/// Prints them, a line each: name and version.
pub fn print(root: &Path, given: &Given<'_>) -> Result<(), Error> {
    let crates = crates_of(
        root,
        given.get("manifest")?,
        given.get("program")?,
        super::spdx::triple(given.get("platform")?),
    )?;
    for one in crates {
        println!("{} {}", one.name, one.version);
    }
    Ok(())
}

/// `bytes v1.10.1|MIT|`, `store v0.1.0 (/folder)|Apache-2.0|`, `serde_derive v1.0.1 (proc-macro)|MIT OR Apache-2.0|`, each perhaps followed by
/// ` (*)`: the last kind runs in the compiler only.
fn listed_crate(line: &str) -> Option<Crate> {
    let mut parts = line.split('|');
    let (name, rest) = parts.next()?.split_once(" v")?;
    let version = rest.split(' ').next()?;
    if rest.contains("(proc-macro)") {
        return None;
    }
    Some(Crate {
        name: name.into(),
        version: version.into(),
        license: license(parts.next().unwrap_or_default()),
        published: !rest.contains("(/"),
    })
}

/// Cargo took a slash for `OR` once, and crates of that time still have it.
fn license(declared: &str) -> String {
    let words: Vec<_> = declared
        .split('/')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        return UNKNOWN.into();
    }
    words.join(" OR ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn a_line_of_cargo_tree_is_a_crate_unless_it_runs_in_the_compiler() {
        let found = listed_crate("bytes v1.10.1|MIT/Apache-2.0| (*)").unwrap();
        assert_eq!(
            (&*found.name, &*found.version, found.published),
            ("bytes", "1.10.1", true)
        );
        assert_eq!(found.license, "MIT OR Apache-2.0");
        assert!(
            !listed_crate("store v0.1.0 (/src/crates/store)|Apache-2.0|")
                .unwrap()
                .published
        );
        assert_eq!(listed_crate("serde_derive v1.0.1 (proc-macro)|MIT|"), None);
        assert_eq!(listed_crate(""), None);
        assert_eq!(listed_crate("odd v1.0.0||").unwrap().license, UNKNOWN);
    }

    #[test]
    fn what_a_program_needs_is_read_from_wherever_cargo_has_printed_it() {
        let tree = Tree::of(
            "0 agent v1.0.0 (/src/agent)|A|\n1 serde v1.0.0|A|\n2 serde_derive v1.0.0 (proc-macro)|A|\n3 syn v2.0.0|A|\n4 macros-only v1.0.0|A|\n1 log v1.0.0|A|\n2 both v1.0.0|A|\n3 deep v1.0.0|A|\n\n\
             0 depot v1.0.0 (/src/depot)|A|\n1 log v1.0.0|A| (*)\n1 macro v1.0.0 (proc-macro)|A|\n2 seen v1.0.0|A|\n3 of-seen v1.0.0|A|\n1 seen v1.0.0|A|\n",
        );
        let names = |root: &str| -> Vec<_> { tree.below(root).into_iter().map(|one| one.name).collect() };
        assert_eq!(names("agent"), ["agent", "both", "deep", "log", "serde"]);
        assert_eq!(names("depot"), ["both", "deep", "depot", "log", "seen"]);
        assert!(names("gone").is_empty());
    }

    #[test]
    fn programs_that_are_built_together_are_made_of_what_follows_from_all_of_them() {
        let of = |program| crates_of(&root(), "Cargo.toml", program, "x86_64-unknown-linux-gnu").unwrap();
        let (operator, depot) = (of("operator"), of("depot"));
        let names = |crates: &BTreeSet<Crate>| crates.iter().map(|one| one.name.clone()).collect::<BTreeSet<_>>();
        // Depot asks for no log of `tracing`, and the Kubernetes client does.
        assert!(names(&operator).contains("log") && names(&depot).contains("log"));
        assert!(!names(&depot).contains("kube-client") && !names(&operator).contains("syn"));
    }
}
