//! docs/recipes: what the overview lists, its pages, its examples and the cases that run them are the same.
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::root;

fn read(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What a text links to: `](target)`.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .map(|target| target.split('#').next().unwrap_or(target))
        .collect()
}

/// Pages of docs/recipes that are no recipe.
const ABOUT: [&str; 3] = ["README.md", "traps.md", "proof-of-the-end.md"];

#[test]
fn each_recipe_is_in_the_overview_and_its_examples_are_run_by_a_case() {
    let folder = root().join("docs/recipes");
    let overview = read(&folder.join("README.md"));
    let listed: BTreeSet<_> = links(&overview).into_iter().map(str::to_owned).collect();
    let cases: String = std::fs::read_dir(root().join("e2e/tests/recipes"))
        .unwrap()
        .map(|file| read(&file.unwrap().path()))
        .collect();
    let pages = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut recipes = 0;
    for page in pages.filter(|page| !ABOUT.contains(&page.as_str())) {
        recipes += 1;
        assert!(listed.contains(&page), "docs/recipes/README.md does not list {page}");
        let text = read(&folder.join(&page));
        let examples: Vec<_> = links(&text)
            .into_iter()
            .filter_map(|link| link.strip_prefix("../examples/"))
            .collect();
        assert!(!examples.is_empty(), "{page} has no manifest");
        for example in examples {
            assert!(
                root().join("docs/examples").join(example).exists(),
                "{page}: there is no {example}"
            );
            assert!(
                listed.contains(&format!("../examples/{example}")),
                "docs/recipes/README.md does not list {example}"
            );
            assert!(
                cases.contains(&format!("\"{example}\"")),
                "no case of e2e/tests/recipes runs {example}"
            );
        }
    }
    for page in listed
        .iter()
        .filter(|link| !link.contains('/') && link.ends_with(".md"))
    {
        assert!(
            folder.join(page).exists(),
            "docs/recipes/README.md lists {page}, which is not there"
        );
    }
    assert!(recipes > 0);
}

#[test]
fn no_example_has_a_command_that_lies() {
    for file in std::fs::read_dir(root().join("docs/examples")).unwrap() {
        let path = file.unwrap().path();
        for mut document in serde_yaml_ng::Deserializer::from_str(&read(&path)).map(|d| Value::deserialize(d).unwrap())
        {
            let spec = match document["kind"].as_str() {
                Some("BackupRun") => document["spec"].take(),
                Some("BackupSchedule") => document["spec"]["template"]["spec"].take(),
                _ => continue,
            };
            let said = planner::advise::run(&serde_json::from_value(spec).unwrap(), "spec", None);
            let lies = said
                .iter()
                .filter(|f| planner::advise::tools::RULES.iter().any(|rule| rule.words == f.message));
            let lies: Vec<_> = lies.map(|fault| &fault.message).collect();
            assert!(lies.is_empty(), "{}: {lies:?}", path.display());
        }
    }
}
