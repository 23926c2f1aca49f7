//! Who may still ask a store for something: of two operators, the one that leads.
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

/// Between two questions while it does not hold.
const AGAIN: Duration = Duration::from_millis(100);

/// Asked right before each request. While it says no, nothing is sent: the request waits, as long as it may take at most.
///
/// Accepted: who is stopped between this question and the request sends that one when it goes on.
#[derive(Clone, Default)]
pub struct Fence(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Fence {
    /// Requests are sent for as long as this is true.
    pub fn new(holds: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(holds)))
    }

    pub(crate) async fn passed(&self) {
        while self.0.as_ref().is_some_and(|holds| !holds()) {
            sleep(AGAIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::{Credentials, Kind, Parameters, Proxies, Secret, Store};

    #[tokio::test]
    async fn who_does_not_lead_sends_a_store_nothing_for_as_long_as_that_is_so() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let s3 = [("bucket", "b"), ("endpoint", &endpoint), ("insecure", "true")];
        let s3 = Parameters::parse(Kind::S3, &s3.map(|(k, v)| (k.to_string(), v.to_string())).into()).unwrap();
        let keys = Credentials::new("AKIDTEST", Secret::new("s3cr3t-k3y"), None);
        let open = Store::open(&s3, keys, &Proxies::default()).unwrap();
        let leads = Arc::new(AtomicBool::new(true));
        let asked = leads.clone();
        let fenced = open.clone().fenced(Fence::new(move || asked.load(Ordering::Relaxed)));
        // The first request that comes, answered.
        let first = || async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let read = tcp.read(&mut head).await.unwrap();
            let answer = b"HTTP/1.1 204 No Content\r\nserver: s3\r\nconnection: close\r\n\r\n";
            tcp.write_all(answer).await.unwrap();
            String::from_utf8_lossy(&head[..read])
                .split('?')
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let (dropped, seen) = tokio::join!(fenced.drop_upload("led", "u"), first());
        assert!(dropped.is_ok() && seen == "DELETE /b/led", "{seen}");
        leads.store(false, Ordering::Relaxed);
        let late = fenced.drop_upload("late", "u");
        tokio::pin!(late);
        let others = async { tokio::join!(open.drop_upload("other", "u"), first()) };
        tokio::select! {
            biased;
            dropped = &mut late => panic!("{dropped:?}"),
            (_, seen) = others => assert_eq!(seen, "DELETE /b/other"),
        }
        leads.store(true, Ordering::Relaxed);
        let (dropped, seen) = tokio::join!(late, first());
        assert!(dropped.is_ok() && seen == "DELETE /b/late", "{seen}");
    }
}
