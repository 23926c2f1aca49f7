//! Mails, to a real server.
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::*;

/// An authority, a certificate of it for `localhost`, and its key; all PEM.
fn certificates() -> (String, String, String) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".into()]).unwrap();
    let own = own.signed_by(&key, &issuer).unwrap();
    (root.pem(), own.pem(), key.serialize_pem())
}

fn smtp(port: u16, more: Value) -> Value {
    let mut smtp = json!({"host": "localhost", "port": port, "from": "Backups <backups@shop.example>", "to": ["Ann <ann@shop.example>", "bob@shop.example"]});
    for (name, value) in more.as_object().unwrap() {
        smtp[name] = value.clone();
    }
    smtp
}

/// Sends one mail; how that ended, at once.
async fn send(smtp: Value, bundle: Option<&str>) -> Result<(), Fault> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let rig = rig(&[("password", "hunter2\n".into())]);
    let mut one = json!({"name": "mail", "smtp": smtp});
    if let Some(bundle) = bundle {
        one["caBundle"] = bundle.into();
    }
    let schedule = schedule("shop", "u", json!([one]));
    let order = Order {
        namespace: "shop".into(),
        default: false,
        message: Message::new(&about(&schedule, ""), &pending(&["mail"]).pending[0]),
        what: api::notification::Happened::Failed,
        to: schedule.spec.notifications[0].clone(),
        turn: None,
    };
    tokio::time::timeout(TRY, rig.notifier.0.sender.send(&order))
        .await
        .expect("in time")
}

#[tokio::test]
async fn a_mail_comes_over_tls_of_both_kinds_and_from_who_logs_in() {
    let (root, certificate, key) = certificates();
    for (mode, tls) in [("starttls", "StartTLS"), ("implicit", "Implicit")] {
        let server = MailServer::start(&certificate, &key, mode, Some(("ann", "hunter2")));
        let login = json!({"tls": tls, "username": "ann", "password": super::key("password")});
        send(smtp(server.port, login), Some(&root)).await.unwrap();
        let mails = server.mails();
        assert_eq!(mails.len(), 1, "{mode}");
        for line in [
            "From: Backups <backups@shop.example>",
            "Subject: shop/nightly: a backup failed, on ",
            "Auto-Submitted: auto-generated",
            "X-RcptTo: ann@shop.example, bob@shop.example",
            "Reason:    CommandFailed",
            "Message-ID: <u.nightly-1.backup.failed.",
        ] {
            assert!(mails[0].contains(line), "{mode}: {line:?} in {}", mails[0]);
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_or_to_who_shows_a_strange_certificate_or_without_the_password() {
    let (root, certificate, key) = certificates();
    let clear = MailServer::start(&certificate, &key, "clear", None);
    let fault = send(smtp(clear.port, json!({})), Some(&root)).await.unwrap_err();
    assert!(fault.to_string().contains("no STARTTLS"), "{fault}");

    let encrypts = MailServer::start(&certificate, &key, "starttls", Some(("ann", "other")));
    let fault = send(smtp(encrypts.port, json!({})), None).await.unwrap_err();
    assert!(
        fault.to_string().contains("TLS with localhost") && fault.to_string().contains("caBundle"),
        "{fault}"
    );
    let login = json!({"username": "ann", "password": super::key("password")});
    let fault = send(smtp(encrypts.port, login), Some(&root)).await.unwrap_err();
    assert!(
        fault.to_string().contains("535") && !fault.to_string().contains("hunter2"),
        "{fault}"
    );
    let fault = send(smtp(encrypts.port, json!({})), Some(&root)).await.unwrap_err();
    assert!(fault.to_string().contains("530"), "{fault}");
    assert_eq!((clear.mails().len(), encrypts.mails().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_mail_server_that_hangs_is_left() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // It says nothing before it was asked, and a mail server speaks first.
    let hangs = Receiver::start(&[]);
    let port = hangs.address.rsplit(':').next().unwrap().parse().unwrap();
    let mut rig = rig(&[]);
    let schedule = schedule("shop", "u", json!([{"name": "mail", "smtp": smtp(port, json!({}))}]));
    rig.deliver(&schedule, &pending(&["mail"])).await;
    assert_eq!(rig.notifier.ended("u"), []);
    let held = rig.notifier.held();
    let delivery = &held.schedules["u"]["mail"];
    assert!(!delivery.under_way && delivery.tries == 1 && delivery.wait.is_some());
}
