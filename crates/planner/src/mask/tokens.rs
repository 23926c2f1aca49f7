//! Secrets that are known by how they begin, wherever they stand: those of this project's own encryption, of code hosts and of chats.
use super::MASK;

/// How they begin.
const BEGINNINGS: [&str; 15] = [
    "AGE-SECRET-KEY-",
    "AGE-PLUGIN-",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "sk_live_",
    // A JSON Web Token: `{"` in base64.
    "eyJ",
    // The address itself is the secret (Slack's incoming webhooks).
    "hooks.slack.com/services/",
];
/// Shorter ones are words that begin alike.
const SHORTEST: usize = 8;

/// The word with those masked but for how they begin.
pub fn masked(word: &str) -> String {
    let mut said = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((at, beginning)) = first(rest) {
        let (before, token) = rest.split_at(at + beginning.len());
        let end = token.find(|c: char| !(c.is_ascii_alphanumeric() || "-_./+=".contains(c)));
        let (secret, after) = token.split_at(end.unwrap_or(token.len()));
        said.push_str(before);
        said.push_str(if secret.len() >= SHORTEST { MASK } else { secret });
        rest = after;
    }
    said.push_str(rest);
    said
}

/// The first of them in a text.
fn first(text: &str) -> Option<(usize, &'static str)> {
    let each = BEGINNINGS.iter().filter_map(|b| Some((text.find(b)?, *b)));
    each.min_by_key(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_by_its_beginning_is_masked_wherever_it_stands() {
        for (word, shown) in [
            ("AGE-SECRET-KEY-1QQQQQQQQQQQQQQ", "AGE-SECRET-KEY-***"),
            (
                "IDENTITY=AGE-SECRET-KEY-1QQQQQQQQQQQQQQ;x",
                "IDENTITY=AGE-SECRET-KEY-***;x",
            ),
            ("'ghp_0123456789abcdef'", "'ghp_***'"),
            (
                "https://hooks.slack.com/services/T0/B0/abcdef",
                "https://hooks.slack.com/services/***",
            ),
            ("eyJhbGciOi.eyJzdWIi.c2ln,eyJhbGciOi.x", "eyJ***,eyJ***"),
            ("AGE-SECRET-KEY-1...", "AGE-SECRET-KEY-1..."),
            ("age1ql3z7hjy54", "age1ql3z7hjy54"),
            ("", ""),
        ] {
            assert_eq!(masked(word), shown, "{word}");
        }
    }
}
