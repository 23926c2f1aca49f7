//! The HTTP client's connections where the Pod cannot reach the store: streams through the operator. TLS goes over them
//! and ends at the store, as over any connection.
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};

/// Streams to the store through somebody else, as blocking calls. An error of kind `TimedOut` is a limit that has passed.
pub trait Tunnels: Send + Sync {
    /// Opens a stream.
    ///
    /// # Errors
    /// It is not had within the limit, or was refused.
    fn open_stream(&self, limit: Option<Duration>) -> io::Result<u32>;

    /// Sends all bytes.
    ///
    /// # Errors
    /// The stream has ended, or takes nothing within the limit.
    fn send_stream(&self, stream: u32, bytes: &[u8], limit: Option<Duration>) -> io::Result<()>;

    /// Waits for bytes; 0 at the end of the stream.
    ///
    /// # Errors
    /// The stream has broken, or nothing came within the limit.
    fn receive_stream(&self, stream: u32, into: &mut [u8], limit: Option<Duration>) -> io::Result<usize>;

    /// Whether a stream that nobody reads just now can still be used.
    fn is_stream_quiet(&self, stream: u32) -> bool;

    /// Nobody needs it any more.
    fn leave_stream(&self, stream: u32);
}

/// Opens streams in place of sockets.
pub struct TunnelConnector(pub Arc<dyn Tunnels>);

impl fmt::Debug for TunnelConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TunnelConnector")
    }
}

impl Connector<()> for TunnelConnector {
    type Out = Tunnel;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Tunnel>, Error> {
        let stream = self.0.open_stream(limit(details.timeout)?)?;
        Ok(Some(Tunnel {
            tunnels: self.0.clone(),
            stream,
            buffers: LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size()),
        }))
    }
}

/// One stream.
pub struct Tunnel {
    tunnels: Arc<dyn Tunnels>,
    stream: u32,
    buffers: LazyBuffers,
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tunnel").field(&self.stream).finish()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.tunnels.leave_stream(self.stream);
    }
}

impl Transport for Tunnel {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        let limit = limit(timeout)?;
        let bytes = self.buffers.output().get(..amount).unwrap_or_default();
        self.tunnels
            .send_stream(self.stream, bytes, limit)
            .map_err(|e| late(e, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let limit = limit(timeout)?;
        let room = self.buffers.input_append_buf();
        let n = self
            .tunnels
            .receive_stream(self.stream, room, limit)
            .map_err(|e| late(e, timeout))?;
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    fn is_open(&mut self) -> bool {
        self.tunnels.is_stream_quiet(self.stream)
    }
}

/// How long to wait; None for ever.
fn limit(timeout: NextTimeout) -> Result<Option<Duration>, Error> {
    if timeout.after.is_zero() {
        return Err(Error::Timeout(timeout.reason));
    }
    Ok(timeout.not_zero().map(|after| *after))
}

fn late(error: io::Error, timeout: NextTimeout) -> Error {
    if error.kind() == io::ErrorKind::TimedOut {
        Error::Timeout(timeout.reason)
    } else {
        Error::Io(error)
    }
}

/// Resolves nothing: the operator knows where the store is, and this Pod may not even have its name.
#[derive(Debug)]
pub struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        Ok(addresses)
    }
}
