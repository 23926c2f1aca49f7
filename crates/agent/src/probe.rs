//! Whether the store can be reached from here: asked by the operator before it chooses the bytes' route.
use std::sync::Arc;
use std::thread;

use proof::http::{self, Way};
use protocol::Secret;

use crate::desk::Desk;

/// Asks the store on a thread of its own: a name that is not answered must not hold the connection up. An operator that signs
/// nothing for it is content with any answer.
pub fn start(desk: &Arc<Desk>, url: String, ca_bundle: Option<String>, proxy: Option<String>, signed: Option<Secret>) {
    let asking = desk.clone();
    let started = thread::Builder::new().name("probe".into()).spawn(move || {
        let way = Way {
            ca_bundle: ca_bundle.as_deref(),
            proxy: proxy.as_deref(),
            ..Way::default()
        };
        let answered = match &signed {
            Some(signed) => http::ask(&way, signed),
            None => http::reach(&way, &url),
        };
        let (reachable, message) = match answered {
            Ok(status) => (true, format!("{url} answered {status}")),
            Err(words) => (false, format!("no answer from {url}: {words}")),
        };
        asking.probed(reachable, message);
    });
    if let Err(error) = started {
        desk.probed(false, format!("the store cannot be asked: {error}"));
    }
}
