//! The seven guarantees that a backup stands on, which of them each server was seen to keep, and the tables that are made of that. The suite of
//! the store tries every one on every server, and fails where a line is not true.
use std::fmt::Write as _;

use crate::table::{SERVERS, Server};

/// What is to hold of each store, whatever it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// Nothing is visible before the end.
    Unseen,
    /// Each part is bound to its bytes.
    Bound,
    /// No credential in the Pod.
    NoCredential,
    /// It goes on after a restart of the operator.
    GoesOn,
    /// Completing twice is one completion.
    Once,
    /// An upload that is given up leaves nothing.
    LeavesNothing,
    /// The object's metadata name its run.
    Named,
}

/// How far a guarantee is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// Every rule that proves it holds.
    Yes,
    /// Some of them do.
    Partly,
    /// None of them does.
    No,
}

/// A guarantee that a server does not keep, or not always.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// Which one.
    pub of: Guarantee,
    /// How far it is kept all the same.
    pub kept: Kept,
    /// What happens instead, and what to do about it.
    pub words: &'static str,
}

/// What stands before a real server and speaks as Google documents its store: the real one was not tried.
#[derive(Debug)]
pub struct Front {
    /// For people.
    pub name: &'static str,
    /// As `spec.type` has it.
    pub kind: &'static str,
    /// What it does not keep.
    pub breaks: &'static [Exception],
}

/// Held true by `crates/store/tests/gcs.rs`.
pub const GOOGLE: Front = Front {
    name: "Google's protocol before MinIO",
    kind: "gcs",
    breaks: &[],
};

impl Guarantee {
    /// All, in their order.
    pub const ALL: [Self; 7] = [
        Self::Unseen,
        Self::Bound,
        Self::NoCredential,
        Self::GoesOn,
        Self::Once,
        Self::LeavesNothing,
        Self::Named,
    ];

    /// `G1` to `G7`.
    pub fn number(self) -> &'static str {
        match self {
            Self::Unseen => "G1",
            Self::Bound => "G2",
            Self::NoCredential => "G3",
            Self::GoesOn => "G4",
            Self::Once => "G5",
            Self::LeavesNothing => "G6",
            Self::Named => "G7",
        }
    }

    /// What it promises.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unseen => "nothing is visible before the end",
            Self::Bound => "each part is bound to its bytes",
            Self::NoCredential => "no credential in the Pod, and a URL opens nothing but what it was signed for",
            Self::GoesOn => "an upload goes on after a restart of the operator",
            Self::Once => "completing twice is one completion",
            Self::LeavesNothing => "an upload that is given up leaves nothing",
            Self::Named => "the object's metadata name its run",
        }
    }
}

impl Kept {
    /// Of so many rules that prove a guarantee, so many were seen broken.
    pub fn of(rules: usize, broken: usize) -> Self {
        match broken {
            0 => Self::Yes,
            _ if broken < rules => Self::Partly,
            _ => Self::No,
        }
    }

    /// For a table.
    pub fn words(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Partly => "in part",
            Self::No => "no",
        }
    }
}

impl Server {
    /// How far it keeps a guarantee, as its line says.
    pub fn keeps(&self, of: Guarantee) -> Kept {
        kept(self.breaks, of)
    }

    /// The `spec.type` that leads there. What is served from a folder of SFTP speaks S3.
    pub fn storage_type(&self) -> &'static str {
        if self.folder.starts_with("sftp-") {
            "sftp"
        } else {
            self.kind
        }
    }
}

fn kept(breaks: &[Exception], of: Guarantee) -> Kept {
    breaks.iter().find(|e| e.of == of).map_or(Kept::Yes, |e| e.kept)
}

/// Type, name and exceptions of each line.
fn lines() -> impl Iterator<Item = (&'static str, String, &'static [Exception])> {
    let servers = SERVERS
        .iter()
        .map(|s| (s.storage_type(), format!("{} {}", s.name, s.version), s.breaks));
    servers.chain([(GOOGLE.kind, GOOGLE.name.to_string(), GOOGLE.breaks)])
}

fn head(first: &str) -> String {
    let numbers = Guarantee::ALL.map(Guarantee::number).join(" | ");
    format!("| {first} | {numbers} |\n|{}\n", "---|".repeat(8))
}

/// A line for each type: the worst of its servers, and which those are.
pub fn table_of_types() -> String {
    let mut text = head("type");
    for kind in ["s3", "azure", "gcs", "sftp"] {
        let own: Vec<_> = lines().filter(|(of, ..)| *of == kind).collect();
        let cells = Guarantee::ALL.map(|of| {
            let worst = own.iter().map(|(_, _, breaks)| kept(breaks, of)).max();
            let worst = worst.unwrap_or(Kept::No);
            let broken: Vec<_> = own
                .iter()
                .filter(|(_, _, breaks)| kept(breaks, of) != Kept::Yes)
                .map(|(_, name, _)| name.rsplit_once(' ').map_or(name.as_str(), |(name, _)| name))
                .collect();
            match broken.len() {
                0 => Kept::Yes.words().to_string(),
                all if all == own.len() => worst.words().to_string(),
                _ => format!("{}: {}", worst.words(), broken.join(", ")),
            }
        });
        let _ = writeln!(text, "| `{kind}` | {} |", cells.join(" | "));
    }
    text
}

/// A line for each server.
pub fn table_of_servers() -> String {
    let mut text = head("server");
    for (_, name, breaks) in lines() {
        let cells = Guarantee::ALL.map(|of| kept(breaks, of).words());
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    text
}

/// What is not kept, in words, a line each.
pub fn exceptions() -> String {
    let mut text = String::new();
    for (_, name, breaks) in lines() {
        let name = name.rsplit_once(' ').map_or(name.as_str(), |(name, _)| name);
        for exception in breaks {
            let number = exception.of.number();
            let _ = writeln!(
                text,
                "- **{name}, {number}** {}: {}",
                exception.kept.words(),
                exception.words
            );
        }
    }
    text
}
