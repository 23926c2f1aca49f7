//! A door between the operator and the API server: it can be led to another one, as a load balancer does when the first goes.
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A port of the loopback that leads to another.
pub struct Gate {
    /// Where it is.
    pub port: u16,
    to: Arc<watch::Sender<u16>>,
}

impl Gate {
    /// Opens one that leads there.
    pub async fn open(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of the loopback");
        let port = listener.local_addr().expect("its address").port();
        let to = Arc::new(watch::Sender::new(to));
        let led = to.clone();
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let mut led = led.subscribe();
                tokio::spawn(async move {
                    let port = *led.borrow_and_update();
                    let Ok(mut there) = TcpStream::connect(("127.0.0.1", port)).await else {
                        return;
                    };
                    let _ = (from.set_nodelay(true), there.set_nodelay(true));
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut from, &mut there) => {}
                        _ = led.changed() => {}
                    }
                });
            }
        });
        Self { port, to }
    }

    /// Cuts all connections; those that come next lead elsewhere.
    pub fn lead_to(&self, port: u16) {
        self.to.send_replace(port);
    }
}
