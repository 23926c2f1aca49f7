//! Two operators, one leader: handed over, and taken from one that hangs.
use e2e::runs::{status, stream};
use e2e::{case, operator};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::Api;

/// Bytes of a backup that takes a while.
const WHILE: usize = 24 << 20;

fn transitions(lease: &Lease) -> i32 {
    lease.spec.as_ref().and_then(|s| s.lease_transitions).unwrap_or(0)
}

#[test]
fn a_leader_that_is_told_to_end_hands_over_within_seconds_and_no_run_notices() {
    case("handover", |case| async move {
        let _alone = operator::killing().await;
        operator::fresh(case.client()).await;
        case.keeps("db");
        case.start("db", stream(&case.path("db"), &format!("slow random {WHILE} 15")))
            .await;
        case.until("db", "has an upload", 100, |run| status(run).transfer?.upload_id)
            .await;
        let (before, old) = operator::leader(case.client()).await.expect("a leader");
        let pods: Api<Pod> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
        e2e::cluster::delete(&pods, &old.name_any()).await;
        // Well before an abandoned lease would be over.
        let after = case
            .wait("another one leads", 10, || async {
                let (lease, pod) = operator::leader(case.client()).await?;
                (pod.uid() != old.uid()).then_some(lease)
            })
            .await;
        assert_eq!(transitions(&after), transitions(&before) + 1);
        let said = status(&case.succeeded("db", 120).await);
        assert_eq!((said.bytes, said.attempts), (Some(WHILE as u64), Some(1)));
        let known = e2e::bytes::sha256(&e2e::bytes::random(WHILE, 1));
        assert_eq!(
            (said.sha256.unwrap(), case.store().sha256(&case.key("db"))),
            (known.clone(), known)
        );
    });
}

/// SIGSTOP is what a node that stands still for a while looks like.
#[test]
fn a_leader_that_hangs_is_replaced_and_acts_no_more_when_it_wakes() {
    case("hangs", |case| async move {
        let _alone = operator::killing().await;
        operator::fresh(case.client()).await;
        case.keeps("db");
        case.start("db", stream(&case.path("db"), &format!("slow random {WHILE} 25")))
            .await;
        case.until("db", "has an upload", 100, |run| status(run).transfer?.upload_id)
            .await;
        let (_, old) = operator::leader(case.client()).await.expect("a leader");
        let uid = old.uid().unwrap();
        if !operator::signal(&uid, "-STOP") {
            panic!("the operator's process cannot be seen from here: this case needs the local cluster");
        }
        let new = operator::up(case.client(), |pod| pod.uid() != old.uid()).await;
        operator::signal(&uid, "-CONT");
        let pods: Api<Pod> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
        case.wait("the old one has ended", 30, || async {
            let pod = pods.get(&old.name_any()).await.ok()?;
            (operator::restarts(&pod) > operator::restarts(&old)).then_some(())
        })
        .await;
        let said = status(&case.succeeded("db", 120).await);
        assert_eq!((said.bytes, said.attempts), (Some(WHILE as u64), Some(1)));
        assert_eq!(said.sha256.unwrap(), case.store().sha256(&case.key("db")));
        let (_, leader) = operator::leader(case.client()).await.expect("a leader");
        assert_eq!(leader.uid(), new.uid(), "the one that took over goes on");
    });
}
