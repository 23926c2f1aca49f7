//! Rules about notifications: of a schedule, and of the operator's own file.
use std::collections::BTreeSet;

use api::notification::{Notification, Ping, SecretKey, Smtp, Webhook};
use api::rules;

use crate::notify::Hosts;
use crate::notify::hosts::is_host;
use crate::validate::{Fault, Faults, bundle, names};

/// The most receivers of one list.
const MOST: usize = 8;
/// The most who get one mail.
const MAILS: usize = 20;

/// A URL, as far as a notification needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// https, not http.
    pub secure: bool,
    /// The host, without brackets.
    pub host: String,
    /// The port, its scheme's where it has none.
    pub port: u16,
}

/// Reads a URL that is posted to.
///
/// # Errors
/// What is wrong with it; the URL is not repeated, because it may be a secret.
pub fn target(url: &str) -> Result<Target, String> {
    let (secure, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err("must begin with https:// or http://".into()),
    };
    if !url.chars().all(|c| c.is_ascii_graphic()) || url.contains(['\\', '"', '<', '>', '^', '`', '{', '|', '}']) {
        return Err("must be a URL: percent-encode what is no letter, digit or sign that may stand in one".into());
    }
    if url.contains('#') {
        return Err("must not have a fragment (#...), which is never sent".into());
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, _) = rest.split_at(end);
    if authority.contains('@') {
        return Err("must not hold a user or a password before its host".into());
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if !is_host(host) {
        return Err("must name a host: a name, or an IP address as in 192.0.2.1 or [2001:db8::1]".into());
    }
    let port = match port {
        Some(port) => port.parse().ok().filter(|p| *p > 0),
        None => Some(if secure { 443 } else { 80 }),
    };
    let Some(port) = port else {
        return Err("must have a port from 1 to 65535 after its host, or none".into());
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_string();
    Ok(Target { secure, host, port })
}

/// All faults of a list, but for where it may send to.
pub fn faults(field: &str, all: &[Notification]) -> Vec<Fault> {
    let mut faults = Vec::new();
    if all.len() > MOST {
        faults.push(Fault::new(
            field,
            format!("at most {MOST} are taken, and these are {}", all.len()),
        ));
    }
    let mut seen = BTreeSet::new();
    for (n, one) in all.iter().enumerate().take(MOST) {
        let mut below = Faults::below(&format!("{field}[{n}]"));
        if !names::is_label(&one.name) {
            below.add(
                "name",
                format!("{:?} is no name of a notification: {}", one.name, names::LABEL),
            );
        } else if !seen.insert(&one.name) {
            below.add(
                "name",
                format!("{:?} is the name of one before it; give each its own", one.name),
            );
        }
        check(one, &mut below);
        faults.extend(below.all);
    }
    faults
}

fn check(one: &Notification, faults: &mut Faults) {
    let channels = [
        one.webhook.is_some(),
        one.slack.is_some(),
        one.smtp.is_some(),
        one.ping.is_some(),
    ];
    if channels.iter().filter(|c| **c).count() != 1 {
        faults.add("", rules::ONE_CHANNEL.words());
    }
    if one.ping.is_some() && !one.events.is_empty() {
        faults.add("events", rules::PING_HAS_NO_EVENTS.words());
    }
    for (n, event) in one.events.iter().enumerate() {
        if one.events.iter().take(n).any(|before| before == event) {
            faults.add(
                &format!("events[{n}]"),
                format!("{event:?} stands there twice; name each once"),
            );
        }
    }
    if let Some(webhook) = &one.webhook {
        of_webhook(webhook, faults);
    }
    if let Some(slack) = &one.slack {
        secret(&slack.url, "slack.url", faults);
    }
    if let Some(smtp) = &one.smtp {
        of_smtp(smtp, faults);
    }
    if let Some(ping) = &one.ping {
        of_ping(ping, faults);
    }
    if let Some(Err(why)) = one.ca_bundle.as_deref().map(bundle::check) {
        faults.add("caBundle", why);
    }
}

fn of_webhook(webhook: &Webhook, faults: &mut Faults) {
    if let Err(why) = target(&webhook.url) {
        faults.add("webhook.url", why);
    }
    secret(&webhook.signing_key, "webhook.signingKey", faults);
}

fn of_smtp(smtp: &Smtp, faults: &mut Faults) {
    if !is_host(&smtp.host) {
        faults.add(
            "smtp.host",
            "must be the name or the IP address of a mail server, without a port, which `port` names",
        );
    }
    if smtp.port == Some(0) {
        faults.add(
            "smtp.port",
            "must be 1 to 65535; leave it out for 587, or 465 with tls: Implicit",
        );
    }
    address(&smtp.from, "smtp.from", faults);
    if smtp.to.is_empty() || smtp.to.len() > MAILS {
        faults.add("smtp.to", format!("must name 1 to {MAILS} addresses"));
    }
    for (n, to) in smtp.to.iter().enumerate().take(MAILS) {
        address(to, &format!("smtp.to[{n}]"), faults);
    }
    match (&smtp.username, &smtp.password) {
        (Some(name), Some(_)) if name.chars().any(char::is_control) => {
            faults.add("smtp.username", "must not hold a control character");
        }
        (Some(_), None) => faults.add(
            "smtp.password",
            "needed with username; name the Secret and the key that hold it",
        ),
        (None, Some(_)) => faults.add("smtp.username", "needed with password"),
        _ => {}
    }
    if let Some(password) = &smtp.password {
        secret(password, "smtp.password", faults);
    }
}

fn of_ping(ping: &Ping, faults: &mut Faults) {
    let all = [
        ("ping.start", &ping.start),
        ("ping.success", &ping.success),
        ("ping.fail", &ping.fail),
    ];
    if all.iter().all(|(_, key)| key.is_none()) {
        faults.add("ping", rules::PING_SOMETHING.words());
    }
    for (field, key) in all {
        if let Some(key) = key {
            secret(key, field, faults);
        }
    }
}

fn secret(key: &SecretKey, field: &str, faults: &mut Faults) {
    if !names::is_subdomain(&key.name) {
        faults.add(
            &format!("{field}.name"),
            format!("{:?} cannot be the name of a Secret: {}", key.name, names::SUBDOMAIN),
        );
    }
    if !names::is_secret_key(&key.key) {
        faults.add(
            &format!("{field}.key"),
            format!("{:?} cannot be the key of a Secret: {}", key.key, names::SECRET_KEY),
        );
    }
}

/// `name@host` or `Words <name@host>`. What a mail server takes of it, it says itself; what would end a line here, or name two, does not pass.
fn address(text: &str, field: &str, faults: &mut Faults) {
    let inner = match text.split_once('<') {
        Some((words, rest)) if !words.contains(['"', ',', ';', ':', '@', '(', ')', '\\', '>']) => {
            rest.strip_suffix('>').unwrap_or_default()
        }
        Some(_) => "",
        None => text,
    };
    let name = |n: &str| {
        let sign = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        !n.is_empty()
            && n.len() <= 64
            && n.chars().all(sign)
            && !n.starts_with('.')
            && !n.ends_with('.')
            && !n.contains("..")
    };
    let good = inner
        .split_once('@')
        .is_some_and(|(n, host)| name(n) && crate::notify::hosts::is_name(host));
    if !good || text.chars().any(char::is_control) {
        faults.add(
            field,
            "must be a mail address, as in backups@example.com or Backups <backups@example.com>",
        );
    }
}

/// Where a schedule's notifications may not be sent to in this installation. Hosts that stand in Secrets are looked at when something is sent.
pub fn refused(field: &str, all: &[Notification], hosts: &Hosts) -> Vec<Fault> {
    if all.is_empty() {
        return Vec::new();
    }
    if hosts.is_empty() {
        let text = "this installation sends no notifications of schedules anywhere: whoever runs the operator lists the hosts that are allowed with --notification-hosts (notifications.hosts of the chart)";
        return vec![Fault::new(field, text)];
    }
    let mut faults = Vec::new();
    for (n, one) in all.iter().enumerate() {
        let mut check = |host: &str, field: String| {
            if hosts.allow(host).is_none() {
                faults.push(Fault::new(field, not_listed(host, hosts)));
            }
        };
        if let Some(target) = one.webhook.as_ref().and_then(|w| target(&w.url).ok()) {
            check(&target.host, format!("{field}[{n}].webhook.url"));
        }
        if let Some(smtp) = &one.smtp {
            check(&smtp.host, format!("{field}[{n}].smtp.host"));
        }
    }
    faults
}

/// Why nothing is sent to a host that is not listed.
pub fn not_listed(host: &str, hosts: &Hosts) -> String {
    format!(
        "the host {host} is not one that this installation sends notifications to ({hosts}): use one of these, or have it added to --notification-hosts (notifications.hosts of the chart)"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(all: Value) -> Vec<Notification> {
        serde_json::from_value(all).unwrap()
    }

    fn fields(faults: &[Fault]) -> Vec<&str> {
        faults.iter().map(|f| f.field.as_str()).collect()
    }

    #[test]
    fn all_faults_of_a_list_are_named_by_their_fields() {
        let key = json!({"name": "keys", "key": "url"});
        let good = read(json!([
            {"name": "a", "webhook": {"url": "https://a.example/x?y=1", "signingKey": key}},
            {"name": "b", "events": ["Failed", "Always"], "slack": {"url": key}},
            {"name": "c", "smtp": {"host": "mail.example", "from": "Backups <b@a.example>", "to": ["x@y.example"], "username": "u", "password": key}},
            {"name": "d", "ping": {"fail": key}},
        ]));
        assert_eq!(faults("n", &good), []);
        let bad = read(json!([
            {"name": "A b", "webhook": {"url": "ftp://x", "signingKey": {"name": "Keys", "key": "a/b"}}},
            {"name": "b", "events": ["Failed", "Failed"], "slack": {"url": key}},
            {"name": "b", "slack": {"url": key}, "ping": {"fail": key}},
            {"name": "c", "smtp": {"host": "mail:25", "port": 0, "from": "nobody", "to": ["a@b.example", "a@b.example, c@d.example"], "username": "u"}},
            {"name": "d", "events": ["Failed"], "ping": {}},
            {"name": "e", "slack": {"url": key}, "caBundle": "-----BEGIN RSA PRIVATE KEY-----"},
            {"name": "f"},
        ]));
        assert_eq!(
            fields(&faults("n", &bad)),
            [
                "n[0].name",
                "n[0].webhook.url",
                "n[0].webhook.signingKey.name",
                "n[0].webhook.signingKey.key",
                "n[1].events[1]",
                "n[2].name",
                "n[2]",
                "n[3].smtp.host",
                "n[3].smtp.port",
                "n[3].smtp.from",
                "n[3].smtp.to[1]",
                "n[3].smtp.password",
                "n[4].events",
                "n[4].ping",
                "n[5].caBundle",
                "n[6]",
            ]
        );
        let many = vec![good[3].clone(); 9];
        assert!(fields(&faults("n", &many)).contains(&"n"));
    }

    #[test]
    fn a_url_has_a_host_and_nothing_hides_another_one_in_it() {
        for (url, wanted) in [
            ("https://a.example", Some((true, "a.example", 443))),
            ("http://a.example:8080/x", Some((false, "a.example", 8080))),
            ("https://[2001:db8::1]:9/x", Some((true, "2001:db8::1", 9))),
            ("https://[2001:db8::1]", Some((true, "2001:db8::1", 443))),
            ("https://a.example?x=@evil", Some((true, "a.example", 443))),
            ("https://user@a.example", None),
            ("https://a.example@evil.example/", None),
            ("https://a.example\\@evil.example/", None),
            ("https://127.1/", None),
            ("https://2130706433/", None),
            ("https://a.example:0/", None),
            ("https://a.example:99999/", None),
            ("https://a.example/#x", None),
            ("https://a.example/ x", None),
            ("https://", None),
            ("file:///etc/passwd", None),
            ("HTTPS://a.example", None),
        ] {
            let found = target(url).ok();
            let found = found.as_ref().map(|t| (t.secure, t.host.as_str(), t.port));
            assert_eq!(found, wanted, "{url}");
        }
    }

    #[test]
    fn an_installation_says_where_notifications_may_go_and_names_the_flag() {
        let key = json!({"name": "keys", "key": "url"});
        let all = read(json!([
            {"name": "a", "webhook": {"url": "https://a.example/", "signingKey": key}},
            {"name": "b", "webhook": {"url": "https://evil.test/", "signingKey": key}},
            {"name": "c", "smtp": {"host": "mail.test", "from": "b@a.example", "to": ["x@y.example"]}},
            {"name": "d", "slack": {"url": key}},
        ]));
        let none = refused("n", &all, &Hosts::default());
        assert_eq!(fields(&none), ["n"]);
        assert!(none[0].message.contains("--notification-hosts") && none[0].message.contains("notifications.hosts"));
        let some = refused("n", &all, &"*.example,a.example".parse().unwrap());
        assert_eq!(fields(&some), ["n[1].webhook.url", "n[2].smtp.host"]);
        assert!(
            some[0].message.contains("evil.test") && some[0].message.contains("--notification-hosts"),
            "{some:?}"
        );
        assert_eq!(refused("n", &[], &Hosts::default()), []);
    }
}
