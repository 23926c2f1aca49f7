//! One connection to the daemon: a thread that reads, a thread that writes, and neither holds the job up.
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use protocol::{Decoder, Frame, MAX_DATA, ToAgent};

use crate::desk::Desk;
use crate::probe;

/// Until a connection has said `Hello`.
const HELLO: Duration = Duration::from_secs(5);
/// Until a message has left: a peer that does not read is dropped.
const WRITE: Duration = Duration::from_secs(10);

/// Serves a connection until it ends, is replaced or is dropped.
pub fn serve(desk: &Arc<Desk>, stream: UnixStream) {
    // Whatever ends it, the other side is told by the closed socket.
    let _ = talk(desk, &stream);
    let _ = stream.shutdown(Shutdown::Both);
}

fn talk(desk: &Arc<Desk>, stream: &UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(HELLO))?;
    stream.set_write_timeout(Some(WRITE))?;
    let mut reader = Reader {
        stream,
        decoder: Decoder::default(),
        buffer: vec![0; MAX_DATA],
    };
    let Some(Frame::Message(ToAgent::Hello { run, attempt, version })) = reader.next()? else {
        return Ok(());
    };
    let Some(connection) = desk.hello(&run, &attempt, version) else {
        return Ok(());
    };
    stream.set_read_timeout(None)?;
    let (writing, other) = (desk.clone(), stream.try_clone()?);
    let writer = thread::Builder::new()
        .name("write".into())
        .spawn(move || write(&writing, &other, connection));
    if writer.is_ok() {
        while let Ok(Some(frame)) = reader.next() {
            let newest = match frame {
                Frame::Data(piece) => desk.take_data(connection, &piece),
                Frame::Message(ToAgent::Probe {
                    url,
                    ca_bundle,
                    proxy,
                    signed,
                }) => {
                    if desk.begin_probe(connection) {
                        probe::start(desk, url, ca_bundle, proxy, signed);
                    }
                    true
                }
                Frame::Message(message) => desk.take(connection, message),
            };
            if !newest {
                break;
            }
        }
    }
    desk.lost(connection);
    Ok(())
}

struct Reader<'a> {
    stream: &'a UnixStream,
    decoder: Decoder,
    buffer: Vec<u8>,
}

impl Reader<'_> {
    fn next(&mut self) -> io::Result<Option<Frame<ToAgent>>> {
        loop {
            if let Some(frame) = self.decoder.next_frame().map_err(io::Error::other)? {
                return Ok(Some(frame));
            }
            let n = match self.stream.read(&mut self.buffer) {
                Ok(0) => return Ok(None),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            self.decoder.push(self.buffer.get(..n).unwrap_or_default());
        }
    }
}

/// Says what there is to say. When it ends the socket is closed, which wakes the reader.
fn write(desk: &Desk, stream: &UnixStream, connection: u64) {
    while let Some(frame) = desk.next(connection) {
        let sent = frame
            .encode()
            .map_err(io::Error::other)
            .and_then(|frame| send(stream, &frame));
        if sent.is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// Writes a frame within the deadline; a peer that takes a byte now and then does not put it off.
fn send(mut stream: &UnixStream, frame: &[u8]) -> io::Result<()> {
    let until = Instant::now() + WRITE;
    let mut rest = frame;
    while !rest.is_empty() {
        if Instant::now() >= until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match stream.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
