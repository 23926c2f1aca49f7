//! Arrows in `run` point downward: no circle, and no life calls another one.
use std::collections::BTreeSet;
use std::path::Path;

const LIVES: [&str; 7] = ["begin", "between", "delete", "follow", "leave", "restore", "returned"];

#[test]
fn a_file_of_a_run_uses_only_files_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let list = std::fs::read_to_string(source.join("run.rs")).unwrap();
    let order: Vec<_> = list
        .lines()
        .filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert!(order.len() > 10, "{order:?}");
    for (place, name) in order.iter().enumerate() {
        let text = std::fs::read_to_string(source.join(format!("run/{name}.rs"))).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for used in used(text) {
            let Some(at) = order.iter().position(|o| *o == used) else {
                continue;
            };
            assert!(at > place, "run/{name}.rs uses {used}, which stands above it");
            let lives = LIVES.contains(name) && LIVES.contains(&used.as_str());
            assert!(!lives, "run/{name}.rs uses {used}: no life calls another one");
        }
    }
}

/// The modules that a file's `use crate::run::...` lines name.
fn used(text: &str) -> BTreeSet<String> {
    let words = |list: &str| -> Vec<String> {
        let list = list.trim_start_matches('{');
        let list = list.split('}').next().unwrap_or_default();
        list.split(',')
            .map(|w| w.trim().split("::").next().unwrap_or_default().to_string())
            .collect()
    };
    text.split("crate::run::").skip(1).flat_map(words).collect()
}
