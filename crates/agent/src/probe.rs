//! Whether the store can be reached from here: asked by the operator before it chooses the bytes' route.
use std::sync::Arc;
use std::thread;

use crate::desk::Desk;
use crate::http;

/// Asks the store on a thread of its own: a name that is not answered must not hold the connection up.
pub fn start(desk: &Arc<Desk>, url: String, ca_bundle: Option<String>) {
    let asking = desk.clone();
    let started = thread::Builder::new().name("probe".into()).spawn(move || {
        let (reachable, message) = match http::probe(&url, ca_bundle.as_deref()) {
            Ok(status) => (true, format!("{url} answered {status}")),
            Err(words) => (false, format!("no answer from {url}: {words}")),
        };
        asking.probed(reachable, message);
    });
    if let Err(error) = started {
        desk.probed(false, format!("the store cannot be asked: {error}"));
    }
}
