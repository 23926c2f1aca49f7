//! The book: every page of docs/ is in it, two clicks from the first at most, and every link of it and of the pages at the root leads somewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// What mdBook reads the order of pages from.
const SUMMARY: &str = "docs/SUMMARY.md";
/// Where a reader begins.
const FIRST: &str = "docs/README.md";
/// Pages outside of the book, whose links are checked as well.
const AROUND: [&str; 5] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "dev/README.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn text(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_else(|e| panic!("{page}: {e}"))
}

/// All pages below a folder, by their paths from the root of the checkout.
fn pages(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut found = BTreeSet::new();
    for entry in entries.map(Result::unwrap) {
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            found.append(&mut pages(&path));
        } else if path.ends_with(".md") && path != SUMMARY {
            found.insert(path);
        }
    }
    found
}

/// The lines of a page that are no code, what stands between backquotes taken out.
fn prose(text: &str) -> Vec<String> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => lines.push(line.to_string()),
        }
    }
    lines
}

fn without_code(line: &str) -> String {
    let parts = line.split('`').enumerate();
    parts.filter(|(n, _)| n % 2 == 0).map(|(_, part)| part).collect()
}

/// Where the links of a text lead to, pictures among them; addresses of the web left out.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let line = without_code(&line);
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            let end = rest.find([')', ' ']).unwrap_or(rest.len());
            let target = &rest[..end];
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push(target.to_string());
            }
        }
    }
    found
}

/// The anchors that a page's headings make, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for line in prose(text) {
        let words = line.trim_start_matches('#');
        if words.len() == line.len() || !words.starts_with(' ') {
            continue;
        }
        let anchor: String = shown(words.trim())
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || ['-', '_', ' '].contains(c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let count = seen.entry(anchor.clone()).or_default();
        all.insert(if *count == 0 {
            anchor
        } else {
            format!("{anchor}-{count}")
        });
        *count += 1;
    }
    all
}

/// A heading's words, without where its links lead to.
fn shown(heading: &str) -> String {
    let mut words = String::new();
    let mut rest = heading;
    while let Some((before, after)) = rest.split_once("](") {
        words.push_str(before);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    words + rest
}

/// The path from the root that a link of a page leads to, and its anchor.
fn leads(page: &str, link: &str) -> (String, Option<String>) {
    let (path, anchor) = match link.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor.to_string())),
        None => (link, None),
    };
    if path.is_empty() {
        return (page.to_string(), anchor);
    }
    let mut at = Path::new(page).parent().unwrap().to_path_buf();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => {
                at.pop();
            }
            Component::Normal(part) => at.push(part),
            _ => {}
        }
    }
    (at.to_str().unwrap().to_string(), anchor)
}

/// What is wrong with a page's links.
fn broken(page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for link in links(&text(page)) {
        let (path, anchor) = leads(page, &link);
        let file = root().join(&path);
        if !file.exists() {
            faults.push(format!("{page}: {link}: there is no {path}"));
        } else if let Some(anchor) = anchor.filter(|_| path.ends_with(".md")) {
            let there = anchors(&text(&path));
            if !there.contains(&anchor) {
                faults.push(format!(
                    "{page}: {link}: {path} has no heading of that name, but {there:?}"
                ));
            }
        }
        if page.starts_with("docs/") && (!path.starts_with("docs/") || file.is_dir()) {
            let why = "leads to a folder, or out of docs/, which the book has no page for: name the file in backquotes";
            faults.push(format!("{page}: {link}: {why}"));
        }
    }
    faults
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let pages = pages("docs");
    let all = AROUND.into_iter().chain(pages.iter().map(String::as_str));
    let faults: Vec<_> = all.chain([SUMMARY]).flat_map(broken).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_page_is_in_the_book_once() {
    let mut listed = BTreeSet::new();
    for link in links(&text(SUMMARY)) {
        let (path, _) = leads(SUMMARY, &link);
        assert!(listed.insert(path.clone()), "{SUMMARY} lists {path} twice");
    }
    let missing: Vec<_> = pages("docs")
        .into_iter()
        .filter(|page| !listed.contains(page))
        .collect();
    assert!(
        missing.is_empty(),
        "{SUMMARY} lacks these; put a line for each below its part:\n{}",
        missing.join("\n")
    );
}

#[test]
fn every_page_is_two_clicks_from_the_first_at_most() {
    let mut reached = BTreeSet::from([FIRST.to_string()]);
    for _ in 0..2 {
        let next: BTreeSet<_> = reached
            .iter()
            .filter(|page| page.ends_with(".md"))
            .flat_map(|page| links(&text(page)).into_iter().map(move |link| leads(page, &link).0))
            .collect();
        reached.extend(next);
    }
    let far: Vec<_> = pages("docs")
        .into_iter()
        .filter(|page| !reached.contains(page))
        .collect();
    assert!(
        far.is_empty(),
        "no page that {FIRST} links leads to:\n{}",
        far.join("\n")
    );
}

#[test]
fn links_and_headings_in_code_do_not_count() {
    let page = "# A `b` [c](d.md) & e\n```\n# no\n[x](y)\n```\n## A\n## A\n`[x](z)` [w](https://w) ![p](q.png) [r](r.md#s \"t\")";
    assert_eq!(links(page), ["d.md", "q.png", "r.md#s"]);
    let anchors: Vec<_> = anchors(page).into_iter().collect();
    assert_eq!(anchors, ["a", "a-1", "a-b-c--e"]);
    assert_eq!(
        leads("docs/a/b.md", "../c.md#d"),
        ("docs/c.md".to_string(), Some("d".to_string()))
    );
}
