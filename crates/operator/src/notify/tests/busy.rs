//! Receivers that ask for less.
use super::*;

/// When a delivery is tried again.
fn again(rig: &Rig, uid: &str) -> Duration {
    let held = rig.notifier.held();
    let delivery = held.schedules[uid].values().next().unwrap();
    delivery.wait.unwrap().until().duration_since(Instant::now())
}

fn tries(rig: &Rig, uid: &str) -> u32 {
    rig.notifier.held().schedules[uid].values().next().unwrap().tries
}

impl Rig {
    /// The time of all turns has come.
    fn turn(&self) {
        let now = Instant::now();
        let mut held = self.notifier.held();
        for delivery in held.schedules.values_mut().flat_map(HashMap::values_mut) {
            delivery.wait = delivery.wait.map(|_| Wait::Turn(now));
        }
        drop(held);
        self.notifier.0.sender.paces.over();
    }
}

#[tokio::test]
async fn a_receiver_is_left_alone_for_as_long_as_it_asks_and_told_then_once() {
    let receiver = Receiver::start(&[Does::Refuses("120".into()), Does::Answers(200)]);
    let mut rig = rig(&hmac());
    let schedule = schedule("shop", "u", json!([webhook("a", &receiver.url("/"))]));
    let kept = pending(&["a"]);
    rig.deliver(&schedule, &kept).await;
    assert_eq!((rig.notifier.ended("u"), tries(&rig, "u")), (vec![], 1));
    let wait = again(&rig, "u").as_secs();
    assert!((110..=120).contains(&wait), "{wait} s");
    assert!(rig.notifier.deliver(&schedule, Some(&kept), "c-1").is_some());
    assert_eq!(receiver.got().len(), 1, "not before");
    rig.turn();
    rig.deliver(&schedule, &kept).await;
    assert_eq!(rig.notifier.ended("u"), [ended("a", 1, None)]);
    let ids: Vec<Value> = receiver
        .got()
        .iter()
        .map(|g| serde_json::from_str::<Value>(&g.body).unwrap()["id"].clone())
        .collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
}

#[tokio::test]
async fn whoever_tells_the_same_url_is_held_back_unsent_and_whoever_tells_another_is_not() {
    let busy = Receiver::start(&[Does::Refuses("60".into())]);
    let takes = Receiver::start(&[]);
    let mut rig = rig(&hmac());
    let kept = pending(&["a"]);
    let to = |uid: &str, url: String| schedule("shop", uid, json!([webhook("a", &url)]));
    rig.deliver(&to("0", busy.url("/")), &kept).await;
    for uid in ["1", "2", "3"] {
        rig.deliver(&to(uid, busy.url("/")), &kept).await;
        assert_eq!((rig.notifier.ended(uid), tries(&rig, uid)), (vec![], 0));
        assert!(again(&rig, uid) > again(&rig, "0"), "one after the other");
    }
    assert_eq!(busy.got().len(), 1);
    rig.deliver(&to("4", takes.url("/")), &kept).await;
    rig.deliver(&to("5", busy.url("/other")), &kept).await;
    assert_eq!(rig.notifier.ended("4"), [ended("a", 1, None)]);
    assert_eq!(rig.notifier.ended("5"), [ended("a", 1, None)]);

    // The hour of what was never sent has not begun.
    let began = |uid: &str| rig.notifier.held().schedules[uid]["a"].began;
    assert!(began("0").is_some() && began("1").is_none());
    rig.turn();
    rig.deliver(&to("1", busy.url("/")), &kept).await;
    assert_eq!(rig.notifier.ended("1"), [ended("a", 1, None)]);
    // Another operator knows of no pace, and of all that is to be told.
    let mut next = super::rig(&hmac());
    next.deliver(&to("2", busy.url("/")), &kept).await;
    assert_eq!(next.notifier.ended("2"), [ended("a", 1, None)]);
}
