//! Connections: a bounded number, none of which is waited for without an end, and all of which end well when the server is told to.
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::answer::{self, Answer, Sent};
use crate::fault::{Code, Fault};
use crate::paced::Paced;
use crate::tls::Certificate;

/// Until a TLS handshake is done.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Until the next request of a connection has come whole, without its body.
const HEADERS: Duration = Duration::from_secs(75);
/// Until some of an answer is taken.
const TAKEN: Duration = Duration::from_secs(60);
/// What a connection reads at a time at most.
const BUFFER: usize = 256 << 10;
/// Until what is under way has ended, when the server ends. Kubernetes gives 30 s.
const END: Duration = Duration::from_secs(20);
/// After a connection could not be accepted: there are too many files open, and that takes a while to change.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until `stop` says so, and then what is under way.
pub async fn serve<A, R>(
    listener: TcpListener,
    certificate: Option<Arc<Certificate>>,
    connections: usize,
    mut stop: watch::Receiver<bool>,
    answer: A,
) where
    A: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(connections));
    let (alive, mut ended) = mpsc::channel::<Infallible>(1);
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, permit)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let (certificate, stop) = (certificate.clone(), stop.clone());
        let (answer, alive) = (answer.clone(), alive.clone());
        tokio::spawn(async move {
            let _permit = permit;
            // Small answers are not waited with.
            let _ = stream.set_nodelay(true);
            match certificate {
                None => connection(stream, stop, answer, alive).await,
                Some(certificate) => {
                    let acceptor = tokio_rustls::TlsAcceptor::from(certificate.current());
                    if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        connection(stream, stop, answer, alive).await;
                    }
                }
            }
        });
    }
    drop((listener, alive));
    // None is ever sent: this waits until all are gone.
    let _ = timeout(END, ended.recv()).await;
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            tracing::warn!(%error, "a connection cannot be accepted");
            None
        }
    }
}

async fn connection<S, A, R>(stream: S, mut stop: watch::Receiver<bool>, answer: A, alive: mpsc::Sender<Infallible>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    let service = service_fn(move |request| {
        let (answering, alive) = (answer(request), alive.clone());
        // A request goes on to its own end where its connection breaks: what has begun to write is never just dropped.
        let task = tokio::spawn(async move {
            let answer = answering.await;
            drop(alive);
            answer
        });
        async move {
            let failed = |_| {
                let fault = Fault::new(Code::InternalError, "the request was given up");
                answer::of_fault(&fault, "", "", false)
            };
            Ok::<_, Infallible>(task.await.unwrap_or_else(failed))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Paced::new(stream, TAKEN)), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // What breaks a connection, its other end has done or will see.
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// What a kubelet is answered.
pub fn health(check: Result<(), Fault>) -> Answer {
    match check {
        Ok(()) => answer::of(200, Sent::Whole("ok\n".into())),
        Err(fault) => answer::of(503, Sent::Whole(format!("{fault}\n").into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{self, Announced};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::Instant;

    /// The near end of a connection whose requests are taken in and thrown away.
    fn connected() -> DuplexStream {
        let (near, far) = tokio::io::duplex(1 << 16);
        let answer = |request: Request<Incoming>| async move {
            let (parts, mut body) = request.into_parts();
            let announced = Announced::of(&parts.headers, crate::signature::Payload::Unsigned, 1 << 20);
            let taken = match announced {
                Ok(announced) => body::receive(&mut body, &announced, Arc::new(|_, _: &[u8]| Ok(()))).await,
                Err(fault) => Err(fault),
            };
            taken.map_or_else(
                |fault| answer::of_fault(&fault, "", "", false),
                |_| answer::of(200, Sent::Whole("taken".into())),
            )
        };
        tokio::spawn(async move {
            // For as long as the connection lives, nothing says stop.
            let (_end, stop) = watch::channel(false);
            connection(far, stop, answer, mpsc::channel(1).0).await;
        });
        near
    }

    const PUT: &str = "PUT /b/k HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n";

    #[tokio::test(start_paused = true)]
    async fn whoever_says_nothing_for_long_is_let_go() {
        let good = format!("{}{}", PUT.replace("100000", "3"), "abc");
        for (said, answer, seconds) in [
            ("", "", 75),
            ("PUT /b/k HT", "", 75),
            (good.as_str(), "HTTP/1.1 200", 75),
            (PUT, "HTTP/1.1 400", 30),
        ] {
            let (mut near, begun) = (connected(), Instant::now());
            near.write_all(said.as_bytes()).await.unwrap();
            let mut got = String::new();
            near.read_to_string(&mut got).await.unwrap();
            let took = begun.elapsed().as_secs();
            assert!(
                got.starts_with(answer) && got.is_empty() == answer.is_empty(),
                "{said}: {got}"
            );
            assert_eq!(got.contains("RequestTimeout"), answer.ends_with("400"), "{said}: {got}");
            // A body that is refused is read on for a moment, so that its sender gets to the answer.
            assert!((seconds..seconds + 2).contains(&took), "{said}: {took}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_byte_by_byte_is_cut_after_a_minute() {
        let (near, begun) = (connected(), Instant::now());
        let (mut read, mut write) = tokio::io::split(near);
        write.write_all(PUT.as_bytes()).await.unwrap();
        let drip = tokio::spawn(async move {
            while write.write_all(b"x").await.is_ok() {
                sleep(Duration::from_secs(5)).await;
            }
        });
        let mut got = vec![0; 12];
        read.read_exact(&mut got).await.unwrap();
        assert_eq!(
            (got.as_slice(), begun.elapsed().as_secs()),
            (b"HTTP/1.1 400".as_slice(), 60)
        );
        drip.abort();
    }
}
