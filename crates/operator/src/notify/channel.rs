//! One order to one receiver, by whatever channel it has.
use std::path::PathBuf;
use std::time::Instant;

use api::notification::{Happened, Notification};
use kube::Client;
use planner::notify::Message;

use super::pace::Paces;
use super::secrets::From;
use super::way::Way;
use super::{Fault, ping, slack, smtp, webhook};

/// What is to be sent.
pub struct Order {
    /// Where Secrets are looked for.
    pub namespace: String,
    /// To one of the operator's own receivers.
    pub default: bool,
    /// What is said.
    pub message: Message,
    /// What happened.
    pub what: Happened,
    /// To whom.
    pub to: Notification,
    /// The turn that this try comes in, where the receiver asked for less: as its delivery keeps it.
    pub turn: Option<Instant>,
}

/// Sends orders.
pub struct Sender {
    /// To read Secrets.
    pub client: Client,
    /// To reach receivers.
    pub way: Way,
    /// Receivers that asked for less.
    pub paces: Paces,
    own: Option<PathBuf>,
}

impl Sender {
    pub fn new(client: Client, way: Way, own: Option<PathBuf>) -> Self {
        Self {
            client,
            way,
            paces: Paces::default(),
            own,
        }
    }

    /// Whether there is anybody to send to.
    pub fn sends(&self) -> bool {
        self.own.is_some() || self.way.leads_somewhere()
    }

    /// Where an order's Secrets are.
    pub fn secrets_of(&self, order: &Order) -> From {
        match &self.own {
            Some(folder) if order.default => From::Folder(folder.clone()),
            _ => From::Namespace(order.namespace.clone()),
        }
    }

    /// Sends one.
    pub async fn send(&self, order: &Order) -> Result<(), Fault> {
        let to = &order.to;
        if let Some(webhook) = &to.webhook {
            webhook::send(self, order, webhook).await
        } else if let Some(slack) = &to.slack {
            slack::send(self, order, slack).await
        } else if let Some(smtp) = &to.smtp {
            smtp::send(self, order, smtp).await
        } else if let Some(ping) = &to.ping {
            ping::send(self, order, ping).await
        } else {
            Err(Fault::Wrong("it has neither webhook, slack, smtp nor ping".into()))
        }
    }
}

/// The kind of a receiver's channel, as metrics call it.
pub fn kind(to: &Notification) -> &'static str {
    match to {
        Notification { webhook: Some(_), .. } => "webhook",
        Notification { slack: Some(_), .. } => "slack",
        Notification { smtp: Some(_), .. } => "smtp",
        _ => "ping",
    }
}
