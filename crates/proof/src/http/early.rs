//! Hears what a store answers before it has read all of a body. Stores refuse early (an upload that is gone, a key that was
//! withdrawn, a disk that is full) and close; what is written after that fails, and whoever stops there never reads why.
//! So a connection that takes no more bytes is listened to instead. curl does the same.
use std::fmt;
use std::io::ErrorKind;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// Puts itself around the connections of the connector before it. Below TLS: there the last word is encrypted, too.
#[derive(Debug, Default)]
pub struct EarlyAnswers;

impl<In: Transport> Connector<In> for EarlyAnswers {
    type Out = Early<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Early<In>>, Error> {
        Ok(chained.map(|inner| Early { inner, closed: false }))
    }
}

/// A connection, and whether its other end takes no more.
pub struct Early<In> {
    inner: In,
    closed: bool,
}

impl<In: Transport> fmt::Debug for Early<In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<In: Transport> Transport for Early<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        match self.inner.transmit_output(amount, timeout) {
            Err(Error::Io(error)) if is_closed(error.kind()) => {
                self.closed = true;
                Ok(())
            }
            sent => sent,
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        !self.closed && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
    )
}
