//! Which stage failed: carried through `std::io` and taken out again at the end of the chain.
use std::io;

/// Where in a chain of stages a failure arose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The sink that a chain writes to, or the source that it reads from: not a stage's own failure.
    Edge,
    /// Compression.
    Compress,
    /// Encryption.
    Encrypt,
    /// Decryption: wrong key, cut or changed bytes.
    Decrypt,
    /// Decompression: cut or changed bytes, or another format.
    Decompress,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Step::Edge => "transfer",
            Step::Compress => "compress",
            Step::Encrypt => "encrypt",
            Step::Decrypt => "decrypt",
            Step::Decompress => "decompress",
        })
    }
}

/// A failure and the step that it belongs to.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {source}")]
pub struct Fault {
    /// Whose failure it is.
    pub step: Step,
    /// What failed.
    #[source]
    pub source: io::Error,
}

/// The header of an encrypted file does not open: none of the keys fits, or it is damaged. Which of them it is, the header cannot say: a
/// bit that rots in what was made for a key makes it fit none.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unopened(pub String);

impl Fault {
    /// No more is known than that a header does not open.
    pub fn is_unopened(&self) -> bool {
        self.source.get_ref().is_some_and(|inner| inner.is::<Unopened>())
    }

    /// Takes the fault out of what a chain returned; an error without one belongs to the edge.
    pub fn of(error: io::Error) -> Self {
        match error.downcast::<Fault>() {
            Ok(fault) => fault,
            Err(source) => Fault {
                step: Step::Edge,
                source,
            },
        }
    }
}

/// Names the step of an error, unless a stage further on has named its own. `Interrupted` stays as it is: it asks
/// the caller to try again.
pub(crate) fn at(step: Step, error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::Interrupted || error.get_ref().is_some_and(|e| e.is::<Fault>()) {
        return error;
    }
    io::Error::new(error.kind(), Fault { step, source: error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_step_keeps_its_name() {
        let error = at(Step::Compress, at(Step::Edge, io::Error::other("disk full")));
        let fault = Fault::of(error);
        assert_eq!(
            (fault.step, fault.to_string().as_str()),
            (Step::Edge, "transfer: disk full")
        );
    }

    #[test]
    fn an_unnamed_error_belongs_to_the_edge_and_an_interruption_is_not_wrapped() {
        assert_eq!(Fault::of(io::Error::other("x")).step, Step::Edge);
        let again = at(Step::Decrypt, io::ErrorKind::Interrupted.into());
        assert!(again.get_ref().is_none());
    }
}
