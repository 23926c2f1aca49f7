//! Puts names into a recipe's text, line by line: what reads and writes YAML would lose the comments, which are half of a recipe.
use super::Recipe;

/// The kinds whose names are the recipe's own.
const OURS: [&str; 4] = ["BackupSchedule", "BackupRun", "BackupDrill", "BackupStorage"];

/// What is to stand in place of a recipe's own names.
#[derive(Default)]
pub struct Names<'a> {
    pub namespace: Option<&'a str>,
    pub name: Option<&'a str>,
    pub storage: Option<&'a str>,
    pub schedule: Option<&'a str>,
    pub secret: Option<&'a str>,
    pub host: Option<&'a str>,
}

impl<'a> Names<'a> {
    /// Those that were given, with what each stands for.
    pub fn given(&self) -> impl Iterator<Item = (Place, &'a str)> {
        use Place::{Host, Name, Namespace, Schedule, Secret, Storage};
        [
            (Namespace, self.namespace),
            (Name, self.name),
            (Storage, self.storage),
            (Schedule, self.schedule),
            (Secret, self.secret),
            (Host, self.host),
        ]
        .into_iter()
        .filter_map(|(place, value)| value.map(|value| (place, value)))
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Namespace,
    Name,
    Storage,
    Schedule,
    Secret,
    Host,
}

const PLACES: [Place; 6] = [
    Place::Namespace,
    Place::Name,
    Place::Storage,
    Place::Schedule,
    Place::Secret,
    Place::Host,
];

impl Place {
    fn flag(self) -> &'static str {
        match self {
            Self::Namespace => "--namespace",
            Self::Name => "--name",
            Self::Storage => "--storage",
            Self::Schedule => "--schedule",
            Self::Secret => "--secret",
            Self::Host => "--host",
        }
    }
}

/// A line of a manifest, and where in it that is.
struct Line<'a> {
    text: &'a str,
    kind: &'a str,
    /// The keys that lead to it, with its own one last, dots between.
    path: String,
}

impl<'a> Line<'a> {
    fn is_comment(&self) -> bool {
        self.text.trim_start().starts_with('#')
    }

    fn is_below(&self, key: &str) -> bool {
        self.path.split('.').any(|part| part == key) || self.text.contains(&format!("{key}: {{"))
    }

    /// The names that stand in this line for what is asked, without the quotes.
    fn found(&self, place: Place) -> Option<&'a str> {
        let ours = OURS.contains(&self.kind);
        let key = |key: &str| value(self.text, key);
        let is = |path: &str| self.path == path;
        // Also in one line, as in `metadata: {name: shop}`.
        let is_metadata = |field: &str| self.path == format!("metadata.{field}") || self.path == "metadata";
        if self.is_comment() {
            return None;
        }
        match place {
            Place::Namespace if self.kind == "Namespace" && is_metadata("name") => key("name"),
            Place::Namespace if is_metadata("namespace") || self.is_below("credentials") => key("namespace"),
            Place::Name if ours && is_metadata("name") => key("name"),
            Place::Name if is("spec.source.schedule") => key("schedule"),
            Place::Storage if ours && (self.path.ends_with("storage.name") || self.text.contains("storage: {name")) => {
                key("name")
            }
            Place::Schedule if ours && is("spec.schedule") => key("schedule"),
            Place::Secret if self.kind == "Secret" && is_metadata("name") => key("name"),
            Place::Secret if ["secretKeyRef", "credentials"].iter().any(|below| self.is_below(below)) => key("name"),
            Place::Secret if self.is_below("secret") => key("secretName"),
            // What is told of backups has hosts, too, and so have the stores.
            Place::Host if ours && self.kind != "BackupStorage" && !self.is_below("notifications") => host(self.text),
            _ => None,
        }
    }
}

/// The recipe with these names.
///
/// # Errors
/// It has no place for one of them.
pub fn fill(recipe: &Recipe, names: &Names<'_>) -> Result<String, String> {
    let lines = lines(recipe.text);
    let old = |place: Place| old(&lines, place);
    let mut text = recipe.text.to_string();
    for (place, new) in names.given() {
        let Some(old) = old(place) else {
            let has = PLACES
                .into_iter()
                .filter(|place| self::old(&lines, *place).is_some())
                .map(Place::flag);
            return Err(format!(
                "{}: the recipe {} has no place for it; it takes {}",
                place.flag(),
                recipe.name,
                has.collect::<Vec<_>>().join(", ")
            ));
        };
        text = put(&text, place, old, new);
    }
    Ok(text)
}

/// The recipe encrypted for these recipients: in place of its own, which are none, with the words that say so; else before its command.
///
/// # Errors
/// It makes no backup.
pub fn recipients(recipe: &str, text: String, recipients: &[String]) -> Result<String, String> {
    if recipients.is_empty() {
        return Ok(text);
    }
    let all = lines(&text);
    // A file of them elsewhere gives way, too.
    let named = |line: &Line<'_>| {
        ["recipients", "recipientsFrom"]
            .into_iter()
            .find(|key| line.path.ends_with(&format!("encryption.{key}")))
    };
    let own = all.iter().any(|line| named(line).is_some());
    let backup = |line: &Line<'_>| {
        let spec = line.path == "spec.backup" || line.path == "spec.template.spec.backup";
        spec && OURS.contains(&line.kind) && line.text.trim_start().starts_with("backup:")
    };
    let (mut out, mut found, mut inside) = (String::with_capacity(text.len() + 512), false, false);
    for line in &all {
        let item = line.text.trim_start().starts_with("- ");
        inside = inside && (item || line.is_comment());
        if inside {
            continue;
        }
        let indent = line.text.len() - line.text.trim_start().len();
        if !own && backup(line) {
            found = true;
            out.push_str(&format!("{:indent$}encryption:\n{:indent$}  recipients:\n", "", ""));
            listed(&mut out, indent + 2, recipients);
            out.push_str(&format!(
                "{:indent$}  # What a restore decrypts with: kubectl create secret generic age --from-file=keys.txt\n{:indent$}  decryptionKey: {{name: age, key: keys.txt}}\n",
                "", ""
            ));
        }
        if let Some(key) = named(line) {
            (found, inside) = (true, true);
            out.push_str(&line.text.replacen(key, "recipients", 1));
            out.push('\n');
            listed(&mut out, indent, recipients);
            continue;
        }
        out.push_str(line.text);
        out.push('\n');
    }
    if !found {
        return Err(format!("--recipient: the recipe {recipe} makes no backup"));
    }
    Ok(out)
}

fn listed(out: &mut String, indent: usize, recipients: &[String]) {
    for recipient in recipients {
        out.push_str(&format!("{:indent$}- {recipient}\n", ""));
    }
}

/// What stands in the recipe: where a recipe has several, the first one that is no Secret's own line.
fn old<'a>(lines: &[Line<'a>], place: Place) -> Option<&'a str> {
    let used = lines
        .iter()
        .filter(|line| place != Place::Secret || line.kind != "Secret");
    let found = used.filter(|line| place != Place::Name || line.path.starts_with("metadata"));
    found.into_iter().find_map(|line| line.found(place))
}

fn put(text: &str, place: Place, old: &str, new: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for line in lines(text) {
        out.push_str(&changed(&line, place, old, new));
        out.push('\n');
    }
    out
}

fn changed(line: &Line<'_>, place: Place, old: &str, new: &str) -> String {
    if line.is_comment() {
        return commented(line.text, place, old, new);
    }
    if place == Place::Name && line.path.ends_with("storage.path") {
        return in_path(line.text, old, new);
    }
    if line.found(place) != Some(old) {
        return line.text.to_string();
    }
    match place {
        Place::Host => hosts(line.text, old, new),
        Place::Schedule => replaced(line.text, "schedule", &format!("\"{new}\"")),
        Place::Namespace if line.kind != "Namespace" => replaced(line.text, "namespace", new),
        Place::Name if line.path == "spec.source.schedule" => replaced(line.text, "schedule", new),
        Place::Secret if value(line.text, "secretName") == Some(old) => replaced(line.text, "secretName", new),
        _ => replaced(line.text, "name", new),
    }
}

/// Words of a comment that are a command's, and so name the objects: `-n development`, `bs mysql-daily`, `generic age`.
fn commented(text: &str, place: Place, old: &str, new: &str) -> String {
    let before: &[&str] = match place {
        Place::Namespace => &["-n", "--namespace"],
        Place::Name => &["bs", "br", "bt", "bd", "run", "restore"],
        Place::Secret => &["generic", "secret"],
        _ => &[],
    };
    let mut last = "";
    let words = text.split(' ').map(|word| {
        let follows = before.contains(&last);
        if !word.is_empty() {
            last = word;
        }
        match word.strip_prefix(old) {
            // A run of a schedule is called by it and a time.
            Some(rest) if follows && (rest.is_empty() || is_time(rest)) => format!("{new}{rest}"),
            _ => word.to_string(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn is_time(rest: &str) -> bool {
    rest.strip_prefix('-')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// A path that has the schedule's name in it has the new one, so that two schedules of one recipe do not share objects.
fn in_path(text: &str, old: &str, new: &str) -> String {
    let from = format!("/{old}");
    match text.split_once(&from) {
        Some((before, after)) if !after.starts_with(|c: char| c.is_ascii_alphanumeric()) => {
            format!("{before}/{new}{after}")
        }
        _ => text.to_string(),
    }
}

/// Where the value of a key stands in a line: `key: value`, also within braces. The first one.
fn span(text: &str, key: &str) -> Option<(usize, usize)> {
    let mark = format!("{key}: ");
    let at = text.match_indices(&mark).map(|(at, _)| at).find(|at| {
        let before = text.get(..*at).and_then(|before| before.chars().last());
        before.is_none_or(|c| !c.is_ascii_alphanumeric())
    })?;
    let start = at + mark.len();
    let rest = text.get(start..)?;
    let end = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest.get(1..)?.find(quote)? + 2,
        '{' | '[' => return None,
        _ => rest.find([',', '}', '#']).unwrap_or(rest.len()),
    };
    let value = rest.get(..end)?.trim_end();
    Some((start, start + value.len()))
}

fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (start, end) = span(text, key)?;
    Some(text.get(start..end)?.trim_matches(['"', '\'']))
}

fn replaced(text: &str, key: &str, new: &str) -> String {
    match span(text, key) {
        Some((start, end)) => {
            let (before, after) = (
                text.get(..start).unwrap_or_default(),
                text.get(end..).unwrap_or_default(),
            );
            format!("{before}{new}{after}")
        }
        None => text.to_string(),
    }
}

/// How the host of a server is written in commands.
const HOSTS: [&str; 8] = [
    "\"-h\", \"",
    " -h ",
    " -host ",
    "\"--host\", \"",
    " --host ",
    "--host=",
    "HOST, value: ",
    "://",
];

/// The server's; what is beside the command in its own Pod stays.
fn host(text: &str) -> Option<&str> {
    let (start, end) = host_span(text)?;
    let found = text.get(start..end)?;
    (!["127.0.0.1", "localhost"].contains(&found)).then_some(found)
}

/// The first of the line.
fn host_span(text: &str) -> Option<(usize, usize)> {
    let marks = HOSTS.iter().filter_map(|mark| Some(text.find(mark)? + mark.len()));
    let start = marks.min()?;
    let rest = text.get(start..)?;
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'))
        .unwrap_or(rest.len());
    (end > 0).then_some((start, start + end))
}

/// All of a line that name the same one; behind the first another command may follow.
fn hosts(text: &str, old: &str, new: &str) -> String {
    let Some((start, end)) = host_span(text) else {
        return text.to_string();
    };
    let (before, after) = (
        text.get(..start).unwrap_or_default(),
        text.get(end..).unwrap_or_default(),
    );
    let here = if text.get(start..end) == Some(old) {
        new
    } else {
        text.get(start..end).unwrap_or_default()
    };
    format!("{before}{here}{}", hosts(after, old, new))
}

/// The lines, each with its path. Lists count as what they are lists of.
fn lines(text: &str) -> Vec<Line<'_>> {
    let kinds = kinds(text);
    let (mut document, mut stack): (usize, Vec<(usize, &str)>) = (0, Vec::new());
    let mut lines = Vec::new();
    for line in text.lines() {
        if line == "---" {
            document += 1;
            stack.clear();
        }
        let inner = line.trim_start_matches([' ', '-']);
        let indent = line.len() - inner.len();
        let key = inner
            .split_once(':')
            .map(|(key, _)| key)
            .filter(|key| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c)));
        if let Some(key) = key {
            stack.retain(|(at, _)| *at < indent);
            stack.push((indent, key));
        }
        lines.push(Line {
            text: line,
            kind: kinds.get(document).copied().unwrap_or_default(),
            path: stack.iter().map(|(_, key)| *key).collect::<Vec<_>>().join("."),
        });
    }
    lines
}

fn kinds(text: &str) -> Vec<&str> {
    let documents = text.split("\n---\n");
    documents
        .map(|document| {
            document
                .lines()
                .find_map(|line| line.strip_prefix("kind: "))
                .unwrap_or_default()
        })
        .collect()
}
