//! Go's `path`: slash-separated paths.

/// `path.Clean`: the shortest path that means the same.
pub fn clean(path: &str) -> String {
    if path.is_empty() {
        return ".".into();
    }
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match kept.last() {
                Some(&last) if last != ".." => {
                    kept.pop();
                }
                _ if rooted => {}
                _ => kept.push(".."),
            },
            part => kept.push(part),
        }
    }
    let joined = kept.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

/// `path.Base`: the last element.
pub fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let path = path.trim_end_matches('/');
    match path.rsplit('/').next() {
        Some(last) if !last.is_empty() => last,
        _ => "/",
    }
}

/// `path.Dir`: all but the last element, cleaned.
pub fn dir(path: &str) -> String {
    clean(path.rfind('/').and_then(|i| path.get(..=i)).unwrap_or_default())
}

/// `path.Ext`: from the last point of the last element on.
pub fn ext(path: &str) -> &str {
    let last = path.rsplit('/').next().unwrap_or_default();
    last.rfind('.').and_then(|i| last.get(i..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cut_as_go_cuts_them() {
        for (path, cleaned) in [
            ("", "."),
            ("/", "/"),
            ("a//b/./c/..", "a/b"),
            ("/../a", "/a"),
            ("../a/../..", "../.."),
            ("./", "."),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
        for (path, last, above, end) in [
            ("/a/b.tar.gz", "b.tar.gz", "/a", ".gz"),
            ("a", "a", ".", ""),
            ("/", "/", "/", ""),
            ("", ".", ".", ""),
            ("a/b/", "b", "a/b", ""),
            ("a.b/c", "c", "a.b", ""),
        ] {
            assert_eq!(
                (base(path), dir(path).as_str(), ext(path)),
                (last, above, end),
                "{path}"
            );
        }
    }
}
