//! What follows where this program and the operator are of different versions.
use std::cmp::Ordering;

/// Numbers of a version: `v0.12.1-rc.1+linux` is 0, 12, 1.
fn numbers(text: &str) -> Option<[u64; 3]> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = text.split(['-', '+']).next()?;
    let mut parts = text.split('.').map(|part| part.parse().ok());
    let all = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(all)
}

/// The text, if it is a version.
pub fn of_text(text: &str) -> Option<String> {
    numbers(text).map(|_| text.strip_prefix('v').unwrap_or(text).to_string())
}

/// The version that an image's tag is.
pub fn of_image(image: &str) -> Option<String> {
    let image = image.split('@').next()?;
    let (_, tag) = image.rsplit('/').next()?.split_once(':')?;
    of_text(tag)
}

/// What is said of the client and of each operator's version, where it has one.
pub fn words(client: &str, operators: &[Option<&str>]) -> Vec<String> {
    let mut said = Vec::new();
    for operator in operators {
        let Some((operator, theirs)) = operator.and_then(|text| Some((text, numbers(text)?))) else {
            said.push(
                "skew: not known, because neither tag nor label of the operator's Deployment is a version".to_string(),
            );
            continue;
        };
        let Some(ours) = numbers(client) else { continue };
        // Before 1.0 the second number is the one that tells of what changes, after it the first and second.
        let (ours, theirs) = ([ours[0], ours[1]], [theirs[0], theirs[1]]);
        said.push(match ours.cmp(&theirs) {
            Ordering::Equal => "skew: none, client and operator go together".into(),
            Ordering::Less => format!(
                "skew: the operator is newer than this program: fields that came since are neither shown nor checked here; get kubectl-backup {operator}"
            ),
            Ordering::Greater => format!(
                "skew: the operator is older than this program: what came since {operator} it does not do; update the operator, or take kubectl-backup {operator}"
            ),
        });
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_taken_of_a_tag_and_nothing_else_of_an_image() {
        for (image, version) in [
            ("registry:5000/backup/operator:0.1.0", Some("0.1.0")),
            ("operator:v1.2.3-rc.1@sha256:00", Some("1.2.3-rc.1")),
            ("registry:5000/operator", None),
            ("operator:latest", None),
            ("operator:1.2", None),
            ("operator@sha256:00", None),
        ] {
            assert_eq!(of_image(image).as_deref(), version, "{image}");
        }
    }

    #[test]
    fn the_first_two_numbers_decide_who_is_newer() {
        for (client, operator, wanted) in [
            ("0.1.0", Some("0.1.7"), "skew: none"),
            ("0.1.0", Some("0.2.0"), "the operator is newer"),
            ("0.10.0", Some("0.9.0"), "the operator is older"),
            ("1.0.0", Some("0.9.0"), "the operator is older"),
            ("0.1.0", None, "skew: not known"),
        ] {
            let said = words(client, &[operator]).join("\n");
            assert!(said.contains(wanted), "{client} {operator:?}: {said}");
        }
        assert!(words("0.1.0", &[]).is_empty());
    }
}
