//! A dead man's switch as healthchecks.io is one: a URL for the start, one for the good end, one for the bad.
use api::notification::{Happened, Ping};

use super::channel::{Order, Sender};
use super::http::{Sent, post};
use super::{Fault, secrets};

/// Posts to the URL for what happened.
pub async fn send(sender: &Sender, order: &Order, ping: &Ping) -> Result<(), Fault> {
    let key = match order.what {
        Happened::Started => &ping.start,
        Happened::Succeeded | Happened::Recovered => &ping.success,
        _ => &ping.fail,
    };
    let Some(key) = key else { return Ok(()) };
    let url = secrets::read(&sender.client, &sender.secrets_of(order), key).await?;
    let sent = Sent {
        url: &url,
        media_type: "text/plain; charset=utf-8",
        headers: Vec::new(),
        body: order.message.body.clone().into_bytes(),
    };
    post(sender, order, sent).await
}
