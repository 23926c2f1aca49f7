//! A writer with an end: without `finish` nothing that was written counts.
use std::io::{self, Write};

/// What a chain of stages writes to, and what each stage is itself.
pub trait Sink: Write {
    /// Writes what is held back, ends the format, and finishes the sink behind it. Mandatory: a sink that is only
    /// dropped leaves a cut stream, which its reader refuses.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish()
    }
}
