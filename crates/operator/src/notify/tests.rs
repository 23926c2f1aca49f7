//! Deliveries to real receivers: what is sent, how often, and what whoever misbehaves costs the others.
use futures::StreamExt;
use futures::channel::mpsc::UnboundedReceiver;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret as Kept;
use serde_json::{Value, json};
use servers::{Does, MailServer, Receiver};

use super::*;

mod busy;
mod mails;

/// A notifier, whom it wakes, and what it was asked of the API server.
struct Rig {
    notifier: Notifier,
    counts: Arc<Counts>,
    woken: UnboundedReceiver<ObjectRef<BackupSchedule>>,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Each Secret has the same keys.
fn rig(keys: &[(&str, String)]) -> Rig {
    rig_with(keys, None)
}

fn rig_with(keys: &[(&str, String)], own: Option<PathBuf>) -> Rig {
    let (client, mut server) = crate::mocked::connect();
    let (wake, woken) = futures::channel::mpsc::unbounded();
    let data = keys
        .iter()
        .map(|(k, v)| (k.to_string(), ByteString(v.clone().into_bytes())))
        .collect();
    let secret = Kept {
        data: Some(data),
        ..Kept::default()
    };
    let secret = serde_json::to_value(secret).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = asked.clone();
    tokio::spawn(async move {
        while let Some((request, send)) = server.next_request().await {
            noted
                .lock()
                .unwrap()
                .push(format!("{} {}", request.method(), request.uri()));
            let body = secret.to_string().into_bytes();
            send.send_response(::http::Response::new(kube::client::Body::from(body)));
        }
    });
    // Receivers of tests are on this machine.
    let way = Way::new("127.0.0.1,localhost".parse().unwrap(), Proxies::default()).judging(|_, _, _| Ok(()));
    let counts = Arc::new(Counts::default());
    Rig {
        notifier: Notifier::by_way(client, own, way, counts.clone(), wake),
        counts,
        woken,
        asked,
    }
}

fn key(key: &str) -> Value {
    json!({"name": "keys", "key": key})
}

fn webhook(name: &str, url: &str) -> Value {
    json!({"name": name, "webhook": {"url": url, "signingKey": key("hmac")}})
}

fn schedule(namespace: &str, uid: &str, notifications: Value) -> BackupSchedule {
    serde_json::from_value(json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
        "metadata": {"name": "nightly", "namespace": namespace, "uid": uid},
        "spec": {"schedule": "@daily", "notifications": notifications, "template": {"spec": testing::backup_run().spec}},
    }))
    .unwrap()
}

/// What a status says when these are to be told a failure, by names.
fn pending(names: &[&str]) -> Notifications {
    let at = Timestamp::now().to_string();
    let told: Vec<_> = names.iter().map(|name| json!({"name": name, "number": 0})).collect();
    serde_json::from_value(json!({
        "noticedUntil": at, "transitions": 1, "told": told,
        "pending": [{"number": 1, "what": "Failed", "at": at, "run": "nightly-1", "since": at, "failures": 1,
            "reason": "CommandFailed", "message": "the command ended with status 2"}],
    }))
    .unwrap()
}

const HMAC: &str = "0123456789abcdef0123456789abcdef";

fn hmac() -> Vec<(&'static str, String)> {
    vec![("hmac", HMAC.to_string())]
}

impl Rig {
    /// Sends, and waits until that has come to an end.
    async fn deliver(&mut self, schedule: &BackupSchedule, kept: &Notifications) {
        self.notifier.deliver(schedule, Some(kept), "c-1");
        let woken = tokio::time::timeout(Duration::from_secs(60), self.woken.next()).await;
        assert_eq!(woken.unwrap().unwrap().name, "nightly");
    }

    /// Its pause is over.
    fn hurry(&self) {
        for delivery in self
            .notifier
            .held()
            .schedules
            .values_mut()
            .flat_map(HashMap::values_mut)
        {
            delivery.wait = None;
        }
    }

    /// It has been tried for an hour.
    fn tire(&self) {
        self.hurry();
        for delivery in self
            .notifier
            .held()
            .schedules
            .values_mut()
            .flat_map(HashMap::values_mut)
        {
            delivery.began = Instant::now().checked_sub(TRIES);
        }
    }

    fn counted(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.counts.each().filter(|(_, _, n)| *n > 0).collect()
    }
}

#[tokio::test]
async fn a_webhook_gets_a_signed_cloud_event_once_and_its_key_is_the_namespaces_own() {
    let receiver = Receiver::start(&[]);
    let mut rig = rig(&hmac());
    let schedule = schedule("shop", "u", json!([webhook("a", &receiver.url("/hook?x=1"))]));
    let kept = pending(&["a"]);
    rig.deliver(&schedule, &kept).await;
    assert_eq!(rig.notifier.ended("u"), [ended("a", 1, None)]);
    // A status that is old, or not yet written.
    assert_eq!(rig.notifier.deliver(&schedule, Some(&kept), "c-1"), None);
    let got = receiver.got();
    assert_eq!((got.len(), got[0].line.as_str()), (1, "POST /hook?x=1"));
    assert_eq!(
        got[0].header("content-type"),
        Some("application/cloudevents+json; charset=utf-8")
    );
    let event: Value = serde_json::from_str(&got[0].body).unwrap();
    assert_eq!(event["data"]["message"], "the command ended with status 2");
    let signature = got[0].header("backup-operator-signature").unwrap();
    let (t, v1) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let signed = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, HMAC.as_bytes());
    let tag: Vec<u8> = (0..v1.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&v1[at..at + 2], 16).unwrap())
        .collect();
    ring::hmac::verify(&signed, format!("{t}.{}", got[0].body).as_bytes(), &tag).unwrap();
    assert_eq!(
        rig.asked.lock().unwrap().as_slice(),
        ["GET /api/v1/namespaces/shop/secrets/keys"]
    );
    assert_eq!(rig.counted(), [("webhook", "Delivered", 1)]);
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_under_the_same_id_and_given_up_after_an_hour() {
    let receiver = Receiver::start(&[Does::Answers(500), Does::Cuts, Does::Answers(503), Does::Answers(200)]);
    let mut rig = rig(&hmac());
    let schedule = schedule("shop", "u", json!([webhook("a", &receiver.url("/"))]));
    let kept = pending(&["a"]);
    for _ in 0..3 {
        rig.deliver(&schedule, &kept).await;
        assert_eq!(rig.notifier.ended("u"), []);
        let wait = rig.notifier.deliver(&schedule, Some(&kept), "c-1");
        assert!(
            wait.is_some_and(|w| w > Duration::from_secs(2)),
            "not at once: {wait:?}"
        );
        rig.hurry();
    }
    rig.deliver(&schedule, &kept).await;
    assert_eq!(rig.notifier.ended("u"), [ended("a", 1, None)]);
    let ids: Vec<Value> = receiver
        .got()
        .iter()
        .map(|g| serde_json::from_str::<Value>(&g.body).unwrap()["id"].clone())
        .collect();
    assert!(ids.len() == 4 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");

    let receiver = Receiver::start(&[Does::Answers(500), Does::Answers(500)]);
    let schedule = self::schedule("shop", "v", json!([webhook("a", &receiver.url("/"))]));
    rig.deliver(&schedule, &kept).await;
    rig.tire();
    rig.deliver(&schedule, &kept).await;
    let failed = rig.notifier.ended("v").remove(0).failed.unwrap();
    assert!(failed.contains("answered 500"), "{failed}");
    assert_eq!(rig.counted(), [("webhook", "Delivered", 1), ("webhook", "Failed", 1)]);
}

#[tokio::test]
async fn what_is_given_up_while_it_is_tried_holds_the_next_one_not_up() {
    let receiver = Receiver::start(&[Does::Answers(500)]);
    let mut rig = rig(&hmac());
    let schedule = schedule("shop", "u", json!([webhook("a", &receiver.url("/"))]));
    let mut kept = pending(&["a"]);
    rig.notifier.deliver(&schedule, Some(&kept), "c-1");
    // More than twenty waited: the status names the next one, while the first is under way.
    (kept.transitions, kept.pending[0].number, kept.told[0].number) = (2, 2, 1);
    rig.deliver(&schedule, &kept).await;
    rig.hurry();
    rig.deliver(&schedule, &kept).await;
    assert_eq!(rig.notifier.ended("u"), [ended("a", 2, None)]);
    assert_eq!(receiver.got().len(), 2);
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let secret = Receiver::start(&[]);
    let receiver = Receiver::start(&[Does::Redirects(secret.url("/admin"))]);
    let mut rig = rig(&hmac());
    let schedule = schedule("shop", "u", json!([webhook("a", &receiver.url("/"))]));
    rig.deliver(&schedule, &pending(&["a"])).await;
    assert_eq!((receiver.got().len(), secret.got().len()), (1, 0));
    // The obstacle is told at once, and again to nobody.
    let asked = rig.asked.lock().unwrap().clone();
    assert_eq!(asked.iter().filter(|a| a.contains("/events")).count(), 1, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn who_hangs_is_left_after_ten_seconds_and_keeps_nobody_else_waiting() {
    let hangs = Receiver::start(&vec![Does::Hangs; 20]);
    let takes = Receiver::start(&[]);
    let mut rig = rig(&hmac());
    let kept = pending(&["a"]);
    // More of one namespace than may be under way at once.
    for n in 0..10 {
        let bad = schedule("bad", &format!("bad-{n}"), json!([webhook("a", &hangs.url("/"))]));
        rig.notifier.deliver(&bad, Some(&kept), "c-1");
    }
    let good = schedule("good", "good", json!([webhook("a", &takes.url("/"))]));
    rig.notifier.deliver(&good, Some(&kept), "c-1");
    // Time passes by itself while nothing else is to be done, and only then.
    while rig.notifier.ended("good").is_empty()
        && rig
            .notifier
            .held()
            .schedules
            .values()
            .flatten()
            .any(|(_, d)| d.under_way)
    {
        rig.woken.next().await;
    }
    let under_way = rig.notifier.held().schedules.len();
    assert!(under_way >= 5, "{under_way}");
    assert!(
        hangs.got().len() <= 4,
        "of one namespace so many at once: {}",
        hangs.got().len()
    );
}

#[tokio::test]
async fn another_operator_goes_on_with_what_the_status_says_is_to_be_told() {
    let receiver = Receiver::start(&[Does::Cuts]);
    let schedule = schedule("shop", "u", json!([webhook("a", &receiver.url("/"))]));
    let kept = pending(&["a"]);
    let mut first = rig(&hmac());
    first.deliver(&schedule, &kept).await;
    drop(first);
    let mut second = rig(&hmac());
    second.deliver(&schedule, &kept).await;
    assert_eq!(second.notifier.ended("u"), [ended("a", 1, None)]);
    // And one that died after the delivery, before the status said so: once more, under the same id.
    let mut third = rig(&hmac());
    third.deliver(&schedule, &kept).await;
    let ids: Vec<Value> = receiver
        .got()
        .iter()
        .map(|g| serde_json::from_str::<Value>(&g.body).unwrap()["id"].clone())
        .collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[tokio::test]
async fn a_chat_and_a_switch_get_what_they_take() {
    let receiver = Receiver::start(&[]);
    let keys = [
        ("chat", receiver.url("/services/T/B/x")),
        ("fail", format!(" {}\n", receiver.url("/uuid/fail"))),
    ];
    let mut rig = rig(&keys);
    let list = json!([
        {"name": "chat", "slack": {"url": key("chat")}},
        {"name": "switch", "ping": {"fail": key("fail"), "success": key("success")}},
    ]);
    let schedule = schedule("shop", "u", list);
    let kept = pending(&["chat", "switch"]);
    rig.deliver(&schedule, &kept).await;
    rig.woken.next().await;
    let mut got = receiver.got();
    got.sort_by(|a, b| a.line.cmp(&b.line));
    assert_eq!(
        (got[0].line.as_str(), got[1].line.as_str()),
        ("POST /services/T/B/x", "POST /uuid/fail")
    );
    let text: Value = serde_json::from_str(&got[0].body).unwrap();
    assert!(
        text["text"]
            .as_str()
            .unwrap()
            .starts_with("*shop/nightly: a backup failed"),
        "{text}"
    );
    assert!(got[1].body.contains("Reason:    CommandFailed"), "{}", got[1].body);
    assert_eq!(rig.counted(), [("slack", "Delivered", 1), ("ping", "Delivered", 1)]);
}

#[tokio::test]
async fn a_secret_that_is_wrong_is_told_at_once_with_its_field_and_no_value() {
    for (keys, says) in [
        (
            vec![("other", "x".to_string())],
            "key hmac of Secret shop/keys does not exist",
        ),
        (vec![("hmac", "short".to_string())], "fewer than 16 bytes"),
        (vec![("hmac", "  ".to_string())], "is empty"),
    ] {
        let receiver = Receiver::start(&[]);
        let rig = rig(&keys);
        let schedule = schedule("shop", "u", json!([webhook("a", &receiver.url("/"))]));
        let order = Order {
            namespace: "shop".into(),
            default: false,
            message: Message::new(&about(&schedule, ""), &pending(&["a"]).pending[0]),
            what: api::notification::Happened::Failed,
            to: schedule.spec.notifications[0].clone(),
            turn: None,
        };
        let fault = rig.notifier.0.sender.send(&order).await.unwrap_err();
        assert!(
            matches!(&fault, Fault::Wrong(text) if text.contains(says) && !text.contains("short")),
            "{fault:?}"
        );
        assert_eq!(receiver.got().len(), 0);
    }
}

#[tokio::test]
async fn the_operators_own_receivers_are_read_from_its_folder_and_no_secret_is_asked_for() {
    let receiver = Receiver::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let list = json!([{"name": "ops", "slack": {"url": {"name": "notifications", "key": "url"}}}]);
    std::fs::write(folder.path().join("notifications.yaml"), list.to_string()).unwrap();
    std::fs::write(folder.path().join("url"), receiver.url("/ops")).unwrap();
    let mut rig = rig_with(&[], Some(folder.path().into()));
    rig.deliver(&schedule("shop", "u", json!([])), &pending(&["default/ops"]))
        .await;
    assert_eq!(receiver.got()[0].line, "POST /ops");
    assert!(rig.asked.lock().unwrap().is_empty());
}

#[test]
fn a_list_of_the_operators_own_that_is_wrong_is_told_with_all_its_faults() {
    let folder = tempfile::tempdir().unwrap();
    assert!(own::list(folder.path()).unwrap_err().contains("notifications.yaml"));
    for (text, says) in [
        ("a: b", "spec.notifications"),
        (
            "- {name: A, slack: {url: {name: x, key: y}}}\n- {name: b}\n",
            "notifications[0].name",
        ),
        (
            "- {name: A, slack: {url: {name: x, key: y}}}\n- {name: b}\n",
            "notifications[1]: exactly one",
        ),
    ] {
        std::fs::write(folder.path().join("notifications.yaml"), text).unwrap();
        let fault = own::list(folder.path()).unwrap_err();
        assert!(fault.contains(says), "{fault}");
    }
}

#[test]
fn pauses_are_doubled_and_an_hour_has_a_dozen() {
    let pauses: Vec<_> = (1..=9).map(|n| pause(n).as_secs()).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
}
