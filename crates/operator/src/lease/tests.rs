//! What a candidate and a leader do as the API server answers, on a clock that the test turns.
use serde_json::{Value, json};

use super::*;
use crate::mocked::{Server, answer, conflict, connect};

fn lease(holder: &str, version: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": NAME, "namespace": "ops", "resourceVersion": version},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15},
    })
}

fn missing() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "NotFound", "code": 404})
}

fn candidate() -> (Candidate, Server) {
    let (client, server) = connect();
    (Candidate::new(client, "ops", "me".into()), server)
}

async fn held() -> (Held, Server) {
    let (candidate, mut server) = candidate();
    let (held, ()) = tokio::join!(candidate.acquire(|_| {}), async {
        answer(&mut server, 404, missing()).await;
        answer(&mut server, 201, lease("me", "1")).await;
    });
    (held, server)
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_renewed_is_taken_after_its_time_and_not_before() {
    let (candidate, mut server) = candidate();
    let begun = Instant::now();
    let mut told = Vec::new();
    let acquired = candidate.acquire(|who| told.push(who.to_string()));
    let (held, looks) = tokio::join!(acquired, async {
        for look in 1.. {
            let (method, _, body) = answer(&mut server, 200, lease("other", "7")).await;
            if method == "PUT" {
                assert_eq!(body["metadata"]["resourceVersion"], "7");
                assert_eq!(body["spec"]["holderIdentity"], "me");
                return look;
            }
        }
        0
    });
    assert!(
        begun.elapsed() >= DURATION && begun.elapsed() < DURATION + RETRY,
        "{:?}",
        begun.elapsed()
    );
    assert!(looks > 5 && held.renewed >= begun + DURATION);
    assert_eq!(told, ["other"], "once");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_renewed_is_never_taken() {
    let (candidate, mut server) = candidate();
    let renewing = async {
        for version in 1..100 {
            let (method, ..) = answer(&mut server, 200, lease("other", &version.to_string())).await;
            assert_eq!(method, "GET");
        }
    };
    tokio::select! {
        _ = candidate.acquire(|_| {}) => panic!("it was taken"),
        () = renewing => {}
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_that_take_it_at_once_one_stands_by() {
    let (candidate, mut server) = candidate();
    tokio::select! {
        _ = candidate.acquire(|_| {}) => panic!("both lead"),
        () = async {
            answer(&mut server, 404, missing()).await;
            let (method, ..) = answer(&mut server, 409, conflict()).await;
            assert_eq!(method, "POST");
            answer(&mut server, 200, lease("other", "1")).await;
            answer(&mut server, 200, lease("other", "1")).await;
        } => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_ends_before_another_may_begin() {
    for silent in [true, false] {
        let (mut held, mut server) = held().await;
        let renewed = held.renewed;
        let refusing = async {
            if silent {
                std::future::pending::<()>().await;
            }
            loop {
                answer(
                    &mut server,
                    500,
                    json!({"kind": "Status", "code": 500, "message": "etcd is away"}),
                )
                .await;
            }
        };
        let lost = tokio::select! { lost = held.keep() => lost, () = refusing => unreachable!() };
        assert!(matches!(&lost, Lost::NotRenewed { .. }), "{lost}");
        assert!(
            renewed.elapsed() >= RENEW_DEADLINE && renewed.elapsed() < DURATION,
            "{:?}",
            renewed.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_lease_was_taken_ends_at_once_and_one_whose_lease_got_a_label_does_not() {
    let (mut held, mut server) = held().await;
    let told = async {
        answer(&mut server, 409, conflict()).await;
        answer(&mut server, 200, lease("me", "5")).await;
        let (_, _, body) = answer(&mut server, 200, lease("me", "6")).await;
        assert_eq!(body["metadata"]["resourceVersion"], "5");
        answer(&mut server, 409, conflict()).await;
        answer(&mut server, 200, lease("other", "8")).await;
    };
    let (lost, ()) = tokio::join!(held.keep(), told);
    assert!(matches!(&lost, Lost::Taken(by) if by == "other"), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_given_back_by_its_version() {
    let (held, mut server) = held().await;
    let ((), (method, _, body)) = tokio::join!(held.release(), answer(&mut server, 200, lease("", "2")));
    assert_eq!(method, "PUT");
    assert_eq!(body["metadata"]["resourceVersion"], "1");
    assert_eq!(body["spec"]["holderIdentity"], "");
}

/// A process that was stopped, and goes on: what acts may be faster to go on than what looks at the lease.
#[tokio::test(start_paused = true)]
async fn a_tenure_ends_by_itself_when_nothing_renews_it_and_before_another_may_take_the_lease() {
    let (mut held, mut server) = held().await;
    let tenure = held.tenure();
    assert!(tenure.lasts() && Tenure::default().lasts());
    tokio::time::advance(RENEW_DEADLINE - Duration::from_millis(1)).await;
    assert!(tenure.lasts());
    let (renewed, _) = tokio::join!(held.renew(), answer(&mut server, 200, lease("me", "2")));
    assert!(matches!(renewed, Renewed::Yes) && tenure.lasts());
    tokio::time::advance(RENEW_DEADLINE).await;
    assert!(!tenure.lasts() && RENEW_DEADLINE < DURATION);
}
