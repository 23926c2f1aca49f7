//! `verify`: objects of a store, read to their ends without keeping them.
mod named;
mod orphans;

use std::io::{Write, sink};
use std::sync::Arc;

use planner::size::humanize;
use proof::Watched;
use proof::read::{Broken, Reading};

use crate::read::connect::Cluster;
use crate::read::fault::Fault;
use crate::show::style::{Style, Tone};
use crate::show::table::{Cell, Table};
use crate::stored::flags::{By, Expected, Opened, Place, Reached, by_path, by_record};
use crate::stored::progress::{Counted, Progress};
use crate::stored::source::{Source, Undo, Witness};
use crate::stored::stopped::Stop;
use crate::stored::told::{self, Fate};
use named::Meant;

/// What to read.
#[derive(clap::Args)]
pub struct Args {
    /// Runs of the cluster; `schedule/NAME` for all good ones of a schedule, `storage/NAME` for all good ones in a storage, in the namespace or with -A; what no run of this cluster names is read with --orphans. Without names and --all, --storage-file says where the objects are.
    #[arg(value_name = "RUN", conflicts_with_all = ["storage_file", "paths", "records", "version_id", "sha256", "compression"])]
    names: Vec<String>,
    /// All good runs of the namespace, or with -A of all of them.
    #[arg(long, conflicts_with_all = ["names", "storage_file", "paths", "records", "version_id", "sha256", "compression"])]
    all: bool,
    /// Runs of all namespaces.
    #[arg(short = 'A', long, conflicts_with_all = ["storage_file", "namespace"])]
    all_namespaces: bool,
    /// With storage/NAME: what has no run in this cluster, by its record in the bucket. Reads the storage's Secret with your own rights, and decrypts with --identity.
    #[arg(long, requires = "names", conflicts_with = "all")]
    orphans: bool,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    place: Place,
    /// An object, below the storage's prefix; may be given more than once.
    #[arg(
        long = "path",
        value_name = "PATH",
        help_heading = "Object",
        required_unless_present_any = ["records", "names", "all"]
    )]
    paths: Vec<String>,
    /// The record of a backup, which says all of the object; a file, or a key of the bucket; may be given more than once.
    #[arg(long = "record", value_name = "RECORD", help_heading = "Object", conflicts_with_all = ["version_id", "sha256", "compression"])]
    records: Vec<String>,
    #[command(flatten)]
    expected: Expected,
    #[command(flatten)]
    opened: Opened,
}

/// What was seen of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Bytes as stored; None where there is no object.
    pub size: Option<u64>,
    /// Who has said what the hash of these has to be, if anybody has. It agrees where `wrong` is None.
    pub witness: Option<Witness>,
    /// What was undone to the end, the outermost first: `age`, `gzip`, `zstd`.
    pub undone: Vec<&'static str>,
    /// It is encrypted, and was not opened.
    pub closed: bool,
    /// What is wrong, in a word and in all of them.
    pub wrong: Option<(Fate, String)>,
}

impl Verdict {
    /// Something has said that this is all of it: a hash, or a format that has an end.
    fn is_proved(&self) -> bool {
        self.witness.is_some() || !self.undone.is_empty()
    }

    /// What it comes to, in a word.
    pub fn word(&self) -> (&'static str, Tone) {
        match self {
            Self {
                wrong: Some((fate, _)), ..
            } => (fate.word(), Tone::Bad),
            verdict if verdict.is_proved() => ("whole", Tone::Good),
            _ => ("size only", Tone::Warn),
        }
    }

    /// Who vouches for its hash.
    pub fn hash(&self) -> &'static str {
        match self.witness {
            Some(_) if self.wrong.is_some() => "",
            Some(Witness::Expected) => "as expected",
            Some(Witness::Store) => "as the store's",
            None => "not known",
        }
    }
}

/// Reads all. Only Ok where nothing is wrong with any.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), String> {
    if args.paths.len() > 1 && (args.expected.sha256.is_some() || args.expected.version_id.is_some()) {
        return Err("--sha256 and --version-id are of one object: give one --path with them".into());
    }
    let key = args.opened.key().map_err(|e| e.to_string())?;
    if args.all || !args.names.is_empty() {
        let meant = Meant {
            names: &args.names,
            all_namespaces: args.all_namespaces,
            reached: &args.reached,
            by: args.by,
        };
        if args.orphans {
            let sources = orphans::sources(&args.cluster.who, &args.names, &args.reached, key.as_ref());
            return judged(sources.map_err(|e| e.to_string())?, out);
        }
        let sources = named::sources(&args.cluster, &meant, key).map_err(|e| e.to_string())?;
        return judged(sources, out);
    }
    let bucket = args.place.open().map_err(|e| e.to_string())?;
    let by_path = args.paths.iter().map(|path| {
        let source = by_path(&bucket, path, &args.expected, &args.opened, key.clone());
        (path.clone(), Ok(source))
    });
    let by_record = args.records.iter().map(|record| {
        let source = by_record(&bucket, record, &args.opened, key.clone());
        let name = source.as_ref().map_or(record, |source| &source.key).clone();
        (name, source)
    });
    judged(by_path.chain(by_record), out)
}

/// Reads each to its end, and shows all.
fn judged(
    sources: impl IntoIterator<Item = (String, Result<Source, Fault>)>,
    out: &mut dyn Write,
) -> Result<(), String> {
    let stop = Stop::on_signal().map_err(|why| Fault::new("verify", why, "the same command again").to_string())?;
    let seen: Vec<_> = sources
        .into_iter()
        .take_while(|_| !stop.is_called())
        .map(|(name, source)| {
            let verdict = match source {
                Ok(source) => verify(&source, &stop),
                Err(why) => Verdict {
                    wrong: Some((Fate::of_fault(&why), why.to_string())),
                    ..Verdict::default()
                },
            };
            (name, verdict)
        })
        .collect();
    let _ = table(&seen).write(Style::of_output(), out);
    told(&seen)
}

/// Reads an object to its end, keeping nothing.
pub fn verify(source: &Source, stop: &Stop) -> Verdict {
    let mut verdict = Verdict::default();
    if let Err(why) = look(source, stop, &mut verdict) {
        verdict.wrong = Some(why);
    }
    verdict
}

fn look(source: &Source, stop: &Stop, verdict: &mut Verdict) -> Result<(), (Fate, String)> {
    let fault = |why: Fault| (Fate::of_fault(&why), why.to_string());
    let found = source.look().map_err(fault)?;
    verdict.size = Some(found.size);
    verdict.witness = found.sha256.as_ref().map(|(_, witness)| *witness);
    let (object, signer) = source.object(&found, Undo::Seen).map_err(fault)?;
    let watched = Arc::new(Watched::default());
    stop.ends(&watched, &signer);
    let wrong = |outcome| match stop.why() {
        Some(why) => (Fate::Unread, why.to_owned()),
        None => (
            Fate::of(&outcome),
            source.elsewhere(told::wrong(&outcome).unwrap_or_default()),
        ),
    };
    let reading = Reading::open(object, watched.clone()).map_err(wrong)?;
    verdict.closed = reading.packed() == Some("age");
    verdict.undone = match reading.undone() {
        // Said and not seen: it is refused where it was not done.
        [] if source.is_said() => source.formats(),
        seen => seen.to_vec(),
    };
    let mut nowhere = sink();
    let mut counted = Counted::new(&mut nowhere, watched, Progress::of(found.size));
    reading.copy(&mut counted).map_err(|broken| match broken {
        Broken::Object(outcome) => wrong(outcome),
        Broken::Sink(e) => (Fate::Unread, e.to_string()),
    })?;
    Ok(())
}

fn table(seen: &[(String, Verdict)]) -> Table {
    let mut table = Table::new(&["path", "size", "hash", "age", "frames", "result"]);
    for (name, verdict) in seen {
        let undone = |names: &[&'static str]| verdict.undone.iter().copied().find(|name| names.contains(name));
        let (word, tone) = verdict.word();
        let well = verdict.wrong.is_none();
        let age = match undone(&["age"]) {
            Some(_) if well => "opened",
            None if verdict.closed => "not opened",
            _ => "",
        };
        table.row(vec![
            name.into(),
            verdict.size.map(humanize).unwrap_or_default().into(),
            verdict.hash().into(),
            age.into(),
            undone(&["gzip", "zstd"]).filter(|_| well).unwrap_or_default().into(),
            Cell::new(word, tone),
        ]);
    }
    table
}

/// What is wrong with each; and on standard error what could not be proved.
fn told(seen: &[(String, Verdict)]) -> Result<(), String> {
    let open: Vec<_> = seen
        .iter()
        .filter(|(_, v)| v.wrong.is_none() && !v.is_proved())
        .map(|(name, _)| name.as_str())
        .collect();
    if !open.is_empty() {
        eprintln!(
            "size only: {}: nothing says what the bytes have to be, as the store has no SHA-256 of them and no format that has an end; give --sha256 (status.sha256 of the run){}",
            open.join(", "),
            if seen.iter().any(|(_, v)| v.closed) {
                ", or --identity"
            } else {
                ""
            }
        );
    }
    let wrong: Vec<_> = seen
        .iter()
        .filter_map(|(name, v)| Some(format!("{name}: {}", v.wrong.as_ref()?.1)))
        .collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_what_proves_each_and_what_nobody_can() {
        let whole = |witness, undone: &[&'static str]| Verdict {
            size: Some(1024),
            witness,
            undone: undone.to_vec(),
            ..Verdict::default()
        };
        let closed = Verdict {
            closed: true,
            ..whole(None, &[])
        };
        let bad = Verdict {
            wrong: Some((Fate::Bad, "cut".into())),
            ..whole(Some(Witness::Store), &["zstd"])
        };
        let missing = Verdict {
            wrong: Some((Fate::Missing, "none".into())),
            ..Verdict::default()
        };
        let seen = [
            ("a", whole(Some(Witness::Expected), &["age", "zstd"])),
            ("b", whole(Some(Witness::Store), &[])),
            ("c", whole(None, &["gzip"])),
            ("d", closed),
            ("e", bad),
            ("f", missing),
        ]
        .map(|(name, verdict)| (name.to_owned(), verdict));
        let mut out = Vec::new();
        table(&seen).write(Style::PLAIN, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Vec<_>> = text
            .lines()
            .map(|line| line.split("   ").map(str::trim).filter(|w| !w.is_empty()).collect())
            .collect();
        assert_eq!(
            lines,
            [
                vec!["PATH", "SIZE", "HASH", "AGE", "FRAMES", "RESULT"],
                vec!["a", "1.0 KiB", "as expected", "opened", "zstd", "whole"],
                vec!["b", "1.0 KiB", "as the store's", "-", "-", "whole"],
                vec!["c", "1.0 KiB", "not known", "-", "gzip", "whole"],
                vec!["d", "1.0 KiB", "not known", "not opened", "-", "size only"],
                vec!["e", "1.0 KiB", "-", "-", "-", "bad"],
                vec!["f", "-", "not known", "-", "-", "missing"],
            ]
        );
        assert_eq!(told(&seen).unwrap_err(), "e: cut\nf: none");
        assert_eq!(told(&seen[..4]), Ok(()));
    }
}
