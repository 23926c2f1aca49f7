//! A server that dies after so many bytes, as its clients see it: a way to its Pod through this process, which ends for ever.
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use k8s_openapi::api::core::v1::Pod;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::case::Case;
use crate::cluster::own_address;

/// A way to a Pod's port, on this machine, that ends for ever when so many bytes have come from there; and whether it has.
pub async fn cut(case: &Case, pod: &str, port: u16, after: u64) -> (IpAddr, watch::Receiver<bool>) {
    let address = own_address(case.client()).await;
    let listener = TcpListener::bind((address, port)).await.expect("a free port");
    let (over, is_over) = watch::channel(false);
    let over = Arc::new(over);
    let (pods, pod, left) = (case.api::<Pod>(), pod.to_string(), Arc::new(AtomicU64::new(after)));
    let seen = is_over.clone();
    tokio::spawn(async move {
        let mut ended = over.subscribe();
        loop {
            let client = tokio::select! {
                client = listener.accept() => client,
                _ = ended.changed() => return,
            };
            let Ok((client, _)) = client else { return };
            let mut way = pods.portforward(&pod, &[port]).await.expect("a way to the Pod");
            let server = way.take_stream(port).expect("a stream");
            let (left, over, mut ended) = (left.clone(), over.clone(), over.subscribe());
            tokio::spawn(async move {
                let (mut from_client, to_client) = client.into_split();
                let (from_server, mut to_server) = tokio::io::split(server);
                tokio::select! {
                    _ = ended.changed() => {}
                    () = metered(from_server, to_client, &left, &over) => {}
                    () = async {
                        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                        let _ = to_server.shutdown().await;
                        std::future::pending::<()>().await;
                    } => {}
                }
                drop(way);
            });
        }
    });
    (address, seen)
}

/// Copies until nothing is left of what may pass.
async fn metered(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    left: &AtomicU64,
    over: &watch::Sender<bool>,
) {
    let mut buffer = vec![0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let may = left.load(Ordering::SeqCst).min(count as u64);
        left.fetch_sub(may, Ordering::SeqCst);
        let may = usize::try_from(may).unwrap_or(count);
        if to.write_all(&buffer[..may]).await.is_err() {
            return;
        }
        if may < count {
            over.send_replace(true);
            return;
        }
    }
    let _ = to.shutdown().await;
}
