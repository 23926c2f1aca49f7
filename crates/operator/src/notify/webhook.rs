//! A CloudEvent 1.0 in structured mode, signed: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md.
use std::fmt::Write;

use api::notification::Webhook;
use jiff::Timestamp;
use ring::hmac;
use store::Secret;

use super::channel::{Order, Sender};
use super::http::{Sent, post};
use super::{Fault, secrets};

/// The header of the signature.
const SIGNATURE: &str = "backup-operator-signature";
/// The shortest key, bytes.
const SHORTEST: usize = 16;

/// Posts it.
pub async fn send(sender: &Sender, order: &Order, webhook: &Webhook) -> Result<(), Fault> {
    let key = secrets::read(&sender.client, &sender.secrets_of(order), &webhook.signing_key).await?;
    if key.reveal().len() < SHORTEST {
        return Err(Fault::Wrong(format!(
            "webhook.signingKey has fewer than {SHORTEST} bytes: whoever guesses it writes what is believed"
        )));
    }
    let body = order.message.event.to_string();
    let signature = signature(&key, Timestamp::now(), &body);
    let sent = Sent {
        url: &Secret::new(webhook.url.as_str()),
        media_type: "application/cloudevents+json; charset=utf-8",
        headers: vec![(SIGNATURE, signature)],
        body: body.into_bytes(),
    };
    post(sender, order, sent).await
}

/// The time is signed, too: who keeps an old request and sends it again shows an old one.
fn signature(key: &Secret, now: Timestamp, body: &str) -> String {
    let seconds = now.as_second();
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.reveal().as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    let hex = tag.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    format!("t={seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_the_documentation_verifies() {
        // python3 -c 'import hmac; print(hmac.new(b"a key of many bytes", b"1795831805.{}", "sha256").hexdigest())'
        let signed = signature(
            &Secret::new("a key of many bytes"),
            Timestamp::from_second(1_795_831_805).unwrap(),
            "{}",
        );
        assert_eq!(
            signed,
            "t=1795831805,v1=e3554da20a3ef8669585326ab56f10967c54bd7c17cb664e139391c6fce88d9f"
        );
    }
}
