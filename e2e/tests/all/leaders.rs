//! Two operators, one leader: handed over, and taken from one that hangs.
use api::{condition, labels};
use e2e::runs::{START, is, restore_end_of, sleeping, static_container, status, stream};
use e2e::{killing_case, operator};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::Api;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep_until};

/// Bytes of a backup that takes a while.
const WHILE: usize = 24 << 20;

fn transitions(lease: &Lease) -> i32 {
    lease.spec.as_ref().and_then(|s| s.lease_transitions).unwrap_or(0)
}

#[test]
fn a_leader_that_is_told_to_end_gives_its_lease_up_and_no_run_notices() {
    killing_case("handover", |case| async move {
        operator::fresh(case.client()).await;
        let away = operator::changing().await;
        case.begin_slow("db", WHILE, 15).await;
        let (before, old) = operator::leading(case.client()).await;
        let pods: Api<Pod> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
        // It is given up, and not found abandoned: before the other one has it, nobody has. How soon depends on what the
        // stores of other cases are about to complete.
        let leases: Api<Lease> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
        let mut given_up = false;
        let lease = before.name_any();
        let taken = case.watch(&leases, &lease, 30, |lease| {
            let lease = lease.ok()?;
            let holder = lease.spec.as_ref()?.holder_identity.clone().unwrap_or_default();
            given_up |= holder.is_empty();
            (!holder.is_empty() && holder != old.name_any()).then(|| lease.clone())
        });
        let told = async {
            e2e::cluster::delete(&pods, &old.name_any()).await;
        };
        let (after, ()) = futures::join!(taken, told);
        let after = after.expect("another one leads");
        assert!(given_up, "its lease was left to be over");
        operator::up(case.client(), |pod| pod.uid() != old.uid()).await;
        drop(away);
        assert_eq!(transitions(&after), transitions(&before) + 1);
        case.ended_whole("db", WHILE, 120).await;
    });
}

/// MinIO, whose client goes away in the midst of it, has lost the parts (`findings/minio-complete-without-its-client.sh`).
#[test]
fn a_leader_that_is_told_to_end_lets_a_store_answer_that_completes_an_upload() {
    killing_case("told-at-end", |case| async move {
        operator::fresh(case.client()).await;
        case.keeps("db");
        let proxy = case.proxied(json!({}), Value::Null).await;
        // The first one creates the upload.
        let stall = json!({"do": "stall", "times": 1, "seconds": 6, "skip": 1});
        proxy.rule("POST", &format!("{}?", case.key("db")), stall);
        let mut spec = stream(&case.path("db"), "random 12M");
        spec["storage"]["name"] = json!(proxy.storage);
        let away = operator::changing().await;
        case.start("db", spec).await;
        proxy.until_met(1, 100).await;
        let (_, old) = operator::leading(case.client()).await;
        let pods: Api<Pod> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
        e2e::cluster::delete(&pods, &old.name_any()).await;
        case.succeeded("db", 60).await;
        operator::up(case.client(), |pod| pod.uid() != old.uid()).await;
        drop(away);
        let asked = proxy.requests(&case.key("db"));
        let posts: Vec<_> = asked.iter().filter(|r| r.method == "POST").map(|r| r.status).collect();
        assert_eq!(posts, [200, 200], "the completion was cut off, and asked for again");
    });
}

/// SIGSTOP is what a node that stands still for a while looks like. What agents ask meanwhile, and stores answer, is there when it wakes, a moment
/// before it looks at its lease.
#[test]
fn a_leader_that_hangs_is_replaced_and_acts_no_more_when_it_wakes() {
    const BYTES: usize = 12_000_000;
    killing_case("hangs", |case| async move {
        operator::fresh(case.client()).await;
        let proxy = case.proxied(json!({}), Value::Null).await;
        case.keeps("db");
        // The first part is due after 22 s.
        let mut spec = stream(&case.path("db"), &format!("slow random {BYTES} 50"));
        spec["storage"]["name"] = json!(proxy.storage);
        let away = operator::changing().await;
        case.start("db", spec).await;
        case.until("db", "has its command started", 100, |run| {
            status(run).transfer?.command_started_at
        })
        .await;
        // One that comes after another takes uploads that nobody has recorded for that one's.
        operator::kill_at_once(case.client(), &away).await;
        // Its first request about the part is answered while it hangs; the part is on its way when it wakes.
        proxy.rule("", case.namespace(), json!({"do": "stall", "times": 1, "seconds": 25}));
        proxy.rule("PUT", "partNumber=1", json!({"do": "stall", "times": 1, "seconds": 20}));
        proxy.until_met(1, 60).await;
        let answered = Instant::now() + Duration::from_secs(26);
        let (_, old) = operator::leading(case.client()).await;
        let uid = old.uid().unwrap();
        if !operator::signal(&uid, "-STOP") {
            panic!("the operator's process cannot be seen from here: this case needs the local cluster");
        }
        let upload = case
            .until("db", "has an upload", 100, |run| status(run).transfer?.upload_id)
            .await;
        let new = operator::up(case.client(), |pod| pod.uid() != old.uid()).await;
        drop(away);
        sleep_until(answered).await;
        operator::signal(&uid, "-CONT");
        let pods: Api<Pod> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
        case.wait("the old one has ended", 30, || async {
            let pod = pods.get(&old.name_any()).await.ok()?;
            (operator::restarts(&pod) > operator::restarts(&old)).then_some(())
        })
        .await;
        case.ended_whole("db", BYTES, 120).await;
        let (_, leader) = operator::leading(case.client()).await;
        assert_eq!(leader.uid(), new.uid(), "the one that took over goes on");
        let asked = proxy.requests(&case.key("db"));
        let aborted = asked.iter().find(|r| r.method == "DELETE" && r.upload == upload);
        assert!(aborted.is_none(), "{aborted:?}");
    });
}

#[test]
fn a_restore_goes_on_under_a_leader_that_does_not_reach_the_store_itself() {
    killing_case("no-way", |case| async move {
        operator::fresh(case.client()).await;
        let proxy = case.proxied(json!({}), Value::Null).await;
        case.keeps("db");
        let mut spec = stream(&case.path("db"), "random 12M");
        spec["storage"]["name"] = json!(proxy.storage);
        spec["template"]["spec"]["containers"] = json!([sleeping("redis:7"), static_container()]);
        spec["backup"]["container"] = json!("stream");
        spec["restore"] = json!({"command": ["sh", "-c", "head -c 1000 >/dev/null; until test -e /tmp/go; do sleep 0.2; done; cat >/dev/null"]});
        case.backup("db", spec).await;
        case.fault(
            "db",
            "operator: rolled out in mid-restore, and only the Pod reaches the store",
        );
        let away = operator::changing().await;
        case.ask_restore("db").await;
        let run = case
            .until("db", "restores", 60, |run| {
                status(run).transfer?.command_started_at.map(|_| run.clone())
            })
            .await;
        // All that a restoring Pod asks for is the object's bytes. The operator looks at it, and probes the store.
        for method in ["HEAD", "PUT", "POST", "DELETE"] {
            proxy.rule(method, "", json!({"do": "close"}));
        }
        let (_, old) = operator::leading(case.client()).await;
        let pods: Api<Pod> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
        e2e::cluster::delete(&pods, &old.name_any()).await;
        operator::up(case.client(), |pod| pod.uid() != old.uid()).await;
        drop(away);
        // Not before, however long the first leader takes: of other cases' uploads it lets the store complete what it has begun.
        let pod = status(&run).pod_name.expect("its Pod");
        case.exec_in(&pod, "main", &["touch", "/tmp/go"]).await;
        let (run, restore) = case.restore_ended("db", 1, 90).await;
        case.end("db", "restores", restore_end_of(&run));
        assert!(restore.successful, "{:?}", restore.message);
    });
}

#[test]
fn each_tick_is_run_once_however_often_the_leader_changes() {
    killing_case("ticks", |case| async move {
        operator::fresh(case.client()).await;
        // Until its ticks end: they go on while it waits for its turn.
        let away = operator::changing().await;
        let settings = json!({"schedule": "@every 4s", "concurrencyPolicy": "Allow", "successfulRunsHistoryLimit": 50});
        let path = format!("/{}/{{{{ now | date \"150405.000000\" }}}}", case.namespace());
        case.schedule("often", settings, stream(&path, "random 10")).await;
        let pods: Api<Pod> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
        for _ in 0..3 {
            case.new_run("often", &names(&case.runs_of("often").await)).await;
            let (_, leader) = operator::leading(case.client()).await;
            e2e::cluster::delete(&pods, &leader.name_any()).await;
            operator::up(case.client(), |pod| pod.uid() != leader.uid()).await;
        }
        e2e::cluster::merge(&case.schedules(), "often", json!({"spec": {"suspend": true}})).await;
        drop(away);
        case.wait("its runs have ended", START.into(), || async {
            let runs = case.runs_of("often").await;
            runs.iter().all(|r| is(r, condition::SUCCESSFUL)).then_some(())
        })
        .await;
        let runs = case.runs_of("often").await;
        let created = case
            .schedules()
            .get("often")
            .await
            .unwrap()
            .creation_timestamp()
            .unwrap();
        let mut ticks = Vec::new();
        for run in &runs {
            let tick: Timestamp = run.annotations()[labels::SCHEDULED_AT].parse().unwrap();
            assert_eq!(run.name_any(), format!("often-{}", tick.as_second()));
            assert_eq!((tick.as_second() - created.0.as_second()) % 4, 0, "{tick}");
            ticks.push(tick);
            case.keeps(status(run).key.unwrap().split('/').next_back().unwrap());
        }
        ticks.sort();
        ticks.dedup();
        assert!(ticks.len() == runs.len() && runs.len() >= 3, "{ticks:?}");
    });
}

fn names(runs: &[api::BackupRun]) -> Vec<String> {
    runs.iter().map(ResourceExt::name_any).collect()
}
