//! `mc alias set NAME URL ACCESSKEY SECRETKEY`: keys that stand in their places, and no option announces them.

/// What MinIO's client is called.
const PROGRAMS: [&str; 3] = ["mc", "mcli", "minio-client"];
/// The name and the URL, which are no secrets.
const BEFORE: usize = 2;

/// Reads the words of a line, one after the other.
#[derive(Default)]
pub struct Alias<'a> {
    client: bool,
    before: &'a str,
    /// Words that followed `alias set`, where it was said.
    given: Option<usize>,
}

impl<'a> Alias<'a> {
    /// Whether the next word is a key. What an option takes (`--api S3v4`) counts as a place: rather one word too many is masked.
    pub fn is_key(&mut self, word: &'a str) -> bool {
        if ends(word) {
            *self = Self::default();
            return false;
        }
        let mut is_key = false;
        if let Some(given) = &mut self.given {
            *given += usize::from(!word.starts_with("--"));
            is_key = *given > BEFORE && !word.starts_with("--");
        } else {
            let bare = word.trim_start_matches(['"', '\'', '`', '$', '(']);
            self.client |= PROGRAMS.contains(&bare.rsplit('/').next().unwrap_or_default());
            let sets = matches!((self.before, word), ("alias", "set" | "s") | ("host", "add"));
            self.given = (self.client && sets).then_some(0);
            self.before = word;
        }
        if word.ends_with(';') {
            *self = Self::default();
        }
        is_key
    }
}

/// Whether a shell's command ends before a word: another one begins, or where its output goes is said.
fn ends(word: &str) -> bool {
    word.trim_start_matches(|c: char| c.is_ascii_digit())
        .starts_with(['|', '&', '>', '<', ';', '#'])
}
