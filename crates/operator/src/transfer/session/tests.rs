//! The agent as a stranger who sends what he likes: each case is something that he tries, and how it has to end.
mod connections;
mod foreign;
mod reports;
mod rig;
mod signing;
mod store;
mod tunnel;

use api::names::Action;
use api::storage::DataPath;
use protocol::{FromAgent, Outcome, PartReceipt, Report, ToAgent, UrlRequest};
use rig::{Peer, Rig, rig};

fn part(number: u32, size: u64) -> FromAgent {
    FromAgent::NeedUrl(UrlRequest::Part {
        number,
        size,
        checksum: String::new(),
    })
}

fn receipt(number: u32, size: u64) -> PartReceipt {
    PartReceipt {
        number,
        size,
        checksum: String::new(),
        etag: format!("\"etag-{number}\""),
    }
}

/// A backup of two parts that ended well.
fn report() -> Report {
    Report {
        outcome: Outcome::Done,
        bytes: 8,
        stored_bytes: 8,
        sha256: "ab".repeat(32),
        parts: vec![receipt(1, 5), receipt(2, 3)],
        object_etag: None,
        stderr: String::new(),
        peak_memory: 1,
        packed: None,
    }
}

/// What went wrong, in the words of a stranger who wants them to act.
fn foul() -> String {
    "\u{1b}[2J\u{1b}]0;pwned\u{7}\r\n\u{202e}\u{0}".repeat(10_000)
}

fn finished(report: Report) -> FromAgent {
    FromAgent::Finished(Box::new(report))
}

/// Asks for a URL and stores that many bytes there, as an agent does.
async fn store(rig: &Rig, peer: &mut Peer, number: u32, size: u64) {
    peer.say(&part(number, size)).await;
    let Some(ToAgent::Url { request, .. }) = peer.heard().await else {
        panic!()
    };
    assert!(matches!(request, UrlRequest::Part { number: n, size: s, .. } if (n, s) == (number, size)));
    rig.store.held().parts.insert(number, usize::try_from(size).unwrap());
}

/// Two parts are stored.
async fn stored() -> (Rig, Peer) {
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    let (mut peer, _) = rig.started().await;
    store(&rig, &mut peer, 1, 5).await;
    store(&rig, &mut peer, 2, 3).await;
    (rig, peer)
}
