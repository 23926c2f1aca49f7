//! An object that is to be read: where it is, what it has to be, and what was done to it.
use std::io::{self, Cursor, Read};
use std::sync::Arc;

use pipeline::{Allowance, Compression, Fault, Identities, Stages};
use protocol::Outcome;

use crate::check::Check;
use crate::download::{Download, Wanted, Watched};
use crate::http::Client;
use crate::sign::Signs;
use crate::unopened::{self, Source};

/// Bytes of a chunk.
pub(crate) const CHUNK: usize = 256 << 10;

/// Bytes that tell a format.
const HEAD: usize = 512;

/// An object, and all that is needed to read it.
pub struct Object {
    /// What it is read with.
    pub client: Client,
    /// Who signs for it.
    pub signs: Arc<dyn Signs>,
    /// Which it is, and how it is read.
    pub wanted: Wanted,
    /// SHA-256 of the stored bytes, hexadecimal, where it is known from before.
    pub sha256: Option<String>,
    /// What was done to it.
    pub done: Done,
}

/// What was done to an object.
pub enum Done {
    /// This, and it is refused where it was not.
    Said(Stages),
    /// What its first bytes say. Only for whoever keeps nothing of it: a command may have stored a compressed file that nobody else
    /// has compressed.
    Seen(Option<Identities>, Allowance),
}

/// An object that was opened.
pub(crate) struct Open {
    pub plain: Box<dyn Read + Send>,
    /// The first chunk of it: a wrong key, a missing or another object is known by then.
    pub first: Vec<u8>,
    /// What is undone, the outermost first.
    pub undone: Vec<&'static str>,
}

impl Object {
    /// What it has to be.
    pub(crate) fn check(&self, watched: &Arc<Watched>) -> Check {
        Check {
            watched: watched.clone(),
            size: self.wanted.size,
            sha256: self.sha256.as_deref().map(str::to_ascii_lowercase),
        }
    }

    /// Its plain bytes. `late` is told, where all of it is to be read because its header does not open, what to say if that takes too long.
    pub(crate) fn open(self, watched: Arc<Watched>, check: &Check, late: &dyn Fn(Outcome)) -> Result<Open, Outcome> {
        let source = Source::new(Download::new(self.client, self.signs, self.wanted, watched));
        let download = Box::new(source.clone());
        let opened = match self.done {
            Done::Said(stages) => stages.reader(download).map(|plain| (plain, Vec::new())),
            Done::Seen(identities, allowance) => seen(download, identities, allowance),
        };
        let first = |(plain, undone)| first(plain).map(|(plain, first)| Open { plain, first, undone });
        opened.and_then(first).map_err(|error| {
            let fault = Fault::of(error);
            match fault.is_unopened() {
                true => unopened::judged(source, check.outcome_of_fault(fault), check, late),
                false => check.outcome_of_fault(fault),
            }
        })
    }
}

type Plain = Box<dyn Read + Send>;

/// Undoes what the first bytes say, one after the other in the order of a backup's stages. What cannot be opened is read as it is.
fn seen(source: Plain, identities: Option<Identities>, allowance: Allowance) -> io::Result<(Plain, Vec<&'static str>)> {
    let mut undone = Vec::new();
    let (mut plain, mut kind) = peek(source)?;
    if let (Some("age"), Some(identities)) = (kind, identities) {
        let opened = Stages::to_read(None, Some(identities), allowance).reader(plain)?;
        (plain, kind) = peek(opened)?;
        undone.push("age");
    }
    // Nothing is chosen by the level, which is a writer's.
    let compression = match kind {
        Some("gzip") => Compression::Gzip { level: 1 },
        Some("zstd") => Compression::Zstd { level: 1 },
        _ => return Ok((plain, undone)),
    };
    undone.extend(kind);
    Ok((
        Stages::to_read(Some(compression), None, allowance).reader(plain)?,
        undone,
    ))
}

fn peek(source: Plain) -> io::Result<(Plain, Option<&'static str>)> {
    let (source, first) = first(source)?;
    let kind = pipeline::packed(&first);
    Ok((Box::new(Cursor::new(first).chain(source)), kind))
}

/// A first chunk that is taken out.
fn first(mut source: Plain) -> io::Result<(Plain, Vec<u8>)> {
    let mut first = vec![0; CHUNK];
    let mut length = 0;
    while length < HEAD {
        match read_some(&mut source, first.get_mut(length..).unwrap_or_default())? {
            0 => break,
            n => length += n,
        }
    }
    first.truncate(length);
    Ok((source, first))
}

/// What comes next, whatever interrupts.
pub(crate) fn read_some(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
