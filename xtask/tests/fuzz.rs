//! Each fuzz test is a target of libFuzzer, too: `fuzz/` has a file and a program of its name.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a host key is, is told by russh, and one Cargo.lock cannot have russh and age (crates/sftp/Cargo.toml).
const NO_TARGET: [&str; 1] = ["host_keys"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// All Rust files below.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn each_fuzz_test_is_a_target_of_lib_fuzzer_and_each_target_is_one_of_them() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let tests: BTreeSet<String> = texts
        .flat_map(|text| {
            let lines = text.lines().map(str::trim_start);
            let names = lines.filter_map(|line| line.trim_start_matches("pub ").strip_prefix("fn fuzz_"));
            names
                .filter_map(|rest| Some(rest.split_once("()")?.0.to_owned()))
                .collect::<Vec<_>>()
        })
        .filter(|name| !NO_TARGET.contains(&name.as_str()))
        .collect();
    assert!(tests.contains("what_an_agent_says"), "{tests:?}");
    let targets: BTreeSet<String> = fs::read_dir(root().join("fuzz/fuzz_targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(tests, targets, "the tests' names without fuzz_, and fuzz/fuzz_targets");
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for target in targets {
        let program = format!("[[bin]]\nname = \"{target}\"\npath = \"fuzz_targets/{target}.rs\"\n");
        assert!(manifest.contains(&program), "fuzz/Cargo.toml lacks\n{program}");
        let file = fs::read_to_string(root().join(format!("fuzz/fuzz_targets/{target}.rs"))).unwrap();
        assert!(
            file.contains(&format!("::fuzz_{target});")),
            "{target} serves another test"
        );
    }
}
