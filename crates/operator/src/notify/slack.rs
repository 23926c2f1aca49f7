//! A message as Slack's incoming webhooks take it, and all that copied them.
use api::notification::Slack;
use serde_json::json;

use super::channel::{Order, Sender};
use super::http::{Sent, post};
use super::{Fault, secrets};

/// Posts it.
pub async fn send(sender: &Sender, order: &Order, slack: &Slack) -> Result<(), Fault> {
    let url = secrets::read(&sender.client, &sender.secrets_of(order), &slack.url).await?;
    let body = json!({ "text": text(&order.message.subject, &order.message.body) }).to_string();
    let sent = Sent {
        url: &url,
        media_type: "application/json; charset=utf-8",
        headers: Vec::new(),
        body: body.into_bytes(),
    };
    post(sender, order, sent).await
}

/// Bold subject, and the body as it is. The three signs that mean something there are escaped, as Slack asks for: nobody is mentioned by what a command
/// or a store has said.
fn text(subject: &str, body: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let body = body.split_once("\n\n").map_or(body, |(_, rest)| rest);
    format!(
        "*{}*\n```\n{}\n```",
        escaped(subject),
        escaped(body.trim_end()).replace("```", "'''")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_has_said_is_no_markup() {
        assert_eq!(
            text(
                "shop/nightly: a backup failed",
                "A backup failed.\n\nReason:    <!channel> & ```x\n"
            ),
            "*shop/nightly: a backup failed*\n```\nReason:    &lt;!channel&gt; &amp; '''x\n```"
        );
    }
}
