//! A mail. It goes straight to an address that was judged, never through an HTTP proxy, and never in the clear.
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use api::notification::{Smtp, Tls};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use super::channel::{Order, Sender};
use super::{Fault, secrets};

/// Until one address has answered.
const CONNECT: Duration = Duration::from_secs(4);

/// Sends it.
pub async fn send(sender: &Sender, order: &Order, smtp: &Smtp) -> Result<(), Fault> {
    let credentials = match (&smtp.username, &smtp.password) {
        (Some(name), Some(key)) => {
            let password = secrets::read(&sender.client, &sender.secrets_of(order), key).await?;
            Some(Credentials::new(name.clone(), password.reveal().to_string()))
        }
        _ => None,
    };
    let message = message(order, smtp)?;
    let implicit = smtp.tls == Some(Tls::Implicit);
    let port = smtp.port.unwrap_or(if implicit { 465 } else { 587 });
    let tls = tls(order, smtp)?;
    let hello = ClientId::Domain(domain(&smtp.from).to_string());
    let mut last = Fault::Failed(format!("no connection to {}", smtp.host));
    for address in sender.way.addresses(&smtp.host, port, order.default).await? {
        let mut connection = match connect(address, &hello, implicit.then(|| tls.clone())).await {
            Ok(connection) => connection,
            Err(error) => {
                last = told(&error, smtp);
                continue;
            }
        };
        let sent = talk(
            &mut connection,
            &hello,
            (!implicit).then_some(tls),
            credentials.as_ref(),
            &message,
        )
        .await;
        let sent = sent.map_err(|e| e.unwrap_or_else(|error| told(&error, smtp)));
        if sent.is_ok() {
            // It was taken: how the farewell goes is of no interest.
            let _ = connection.quit().await;
        }
        return sent;
    }
    Err(last)
}

async fn connect(
    address: SocketAddr,
    hello: &ClientId,
    tls: Option<TlsParameters>,
) -> Result<AsyncSmtpConnection, lettre::transport::smtp::Error> {
    AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT), hello, tls, None).await
}

/// Encrypts, logs in, sends.
async fn talk(
    connection: &mut AsyncSmtpConnection,
    hello: &ClientId,
    start_tls: Option<TlsParameters>,
    credentials: Option<&Credentials>,
    message: &Message,
) -> Result<(), Told> {
    if let Some(tls) = start_tls {
        if !connection.can_starttls() {
            let text = "the mail server offers no STARTTLS, and nothing is sent in the clear: use another port, or tls: Implicit";
            return Err(Told(Ok(Fault::Wrong(text.into()))));
        }
        connection.starttls(tls, hello).await?;
    }
    if let Some(credentials) = credentials {
        connection
            .auth(&[Mechanism::Plain, Mechanism::Login], credentials)
            .await?;
    }
    connection.send(message.envelope(), &message.formatted()).await?;
    Ok(())
}

/// A fault in our words, or what the library says.
struct Told(Result<Fault, lettre::transport::smtp::Error>);

impl Told {
    fn unwrap_or_else(self, told: impl FnOnce(lettre::transport::smtp::Error) -> Fault) -> Fault {
        self.0.unwrap_or_else(told)
    }
}

impl From<lettre::transport::smtp::Error> for Told {
    fn from(error: lettre::transport::smtp::Error) -> Self {
        Self(Err(error))
    }
}

/// What the server answered belongs to whoever asked for the mail; of other failures the innermost words.
fn told(error: &lettre::transport::smtp::Error, smtp: &Smtp) -> Fault {
    if let Some(found) = trust::found_in(error) {
        return Fault::Failed(format!(
            "TLS with {}: {found} (caBundle of the notification takes the certificate of an authority of your own)",
            smtp.host
        ));
    }
    let mut last: &dyn Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let words = match error.status() {
        Some(code) => format!("{} answered {code}: {last}", smtp.host),
        None => format!("{}: {last}", smtp.host),
    };
    if error.is_permanent() {
        Fault::Wrong(words)
    } else {
        Fault::Failed(words)
    }
}

fn tls(order: &Order, smtp: &Smtp) -> Result<TlsParameters, Fault> {
    let wrong = |e: &dyn std::fmt::Display| Fault::Wrong(format!("caBundle: {e}"));
    let mut builder = TlsParameters::builder(smtp.host.clone()).certificate_store(CertificateStore::WebpkiRoots);
    if let Some(bundle) = &order.to.ca_bundle {
        trust::Bundle::parse(bundle).map_err(|e| Fault::Wrong(format!("caBundle {e}")))?;
        let certificates = Certificate::from_pem(bundle.as_bytes()).map_err(|e| wrong(&e))?;
        builder = builder.add_root_certificate(certificates);
    }
    builder.build().map_err(|e| wrong(&e))
}

/// Plain text; the same Message-ID in every try, so that a mailbox can tell that it has it.
fn message(order: &Order, smtp: &Smtp) -> Result<Message, Fault> {
    let mailbox = |field: &str, text: &str| {
        let wrong =
            |e: lettre::address::AddressError| Fault::Wrong(format!("{field}: {text:?} is no mail address: {e}"));
        text.parse::<Mailbox>().map_err(wrong)
    };
    let id = format!("<{}@{}>", order.message.id, domain(&smtp.from));
    let mut builder = Message::builder()
        .from(mailbox("smtp.from", &smtp.from)?)
        .subject(&order.message.subject)
        .message_id(Some(id))
        .header(ContentType::TEXT_PLAIN)
        // No answer of a machine to a machine (RFC 3834).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".into(),
        ));
    for to in &smtp.to {
        builder = builder.to(mailbox("smtp.to", to)?);
    }
    builder
        .body(order.message.body.clone())
        .map_err(|e| Fault::Wrong(format!("the mail cannot be written: {e}")))
}

fn domain(from: &str) -> &str {
    let domain = from.rsplit('@').next().unwrap_or_default();
    domain.trim_end_matches('>')
}
