//! `spec.parameters.bandwidth`: what transfers of a storage send and receive together, measured on the way to the store.
use std::time::Duration;

use e2e::cluster::own_address;
use e2e::runs::{status, stream};
use e2e::shared::{NAMESPACE, SECRET, parameters};
use e2e::{bytes, case};
use serde_json::json;
use servers::Meter;

/// Of each of two runs, in bytes.
const SIZE: usize = 48 << 20;
const MIB: u64 = 1 << 20;
/// What is measured: without the first and the last MiB.
const BETWEEN: (u64, u64) = (MIB, 95 * MIB);
/// That takes 23.5 s at 4 MiB a second. Up to 20 MiB of it count as received while kernels and agents hold it, which leaves 18.5 s. At twice
/// the figure, as where nothing is shared, it takes 11.75 s at most. Nothing is said of the longest.
const LEAST: Duration = Duration::from_secs(14);

#[test]
fn backups_of_a_storage_together_stay_within_its_bandwidth_and_so_do_its_restores() {
    case("bandwidth", |case| async move {
        let meter = Meter::before(&case.store().host(), own_address(case.client()).await);
        let mut with = parameters();
        (with["endpoint"], with["bandwidth"]) = (json!(format!("http://{}", meter.address)), json!("4Mi"));
        let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
        let storage = case
            .storage("paced", json!({"parameters": with, "credentials": credentials}))
            .await;
        case.storage_ready(&storage).await;
        meter.reset();
        let names = ["one", "two"];
        for name in names {
            case.keeps(name);
            let mut spec = stream(&case.path(name), &format!("random {SIZE}"));
            spec["storage"]["name"] = json!(storage);
            case.start(name, spec).await;
        }
        let mut times = Vec::new();
        for name in names {
            let ended = status(&case.succeeded(name, 150).await);
            assert_eq!(ended.sha256, Some(bytes::sha256(&bytes::random(SIZE, 1))), "{name}");
            times.push((ended.start_time.unwrap().0, ended.completion_time.unwrap().0));
        }
        let (last_begun, first_ended) = (times.iter().map(|t| t.0).max(), times.iter().map(|t| t.1).min());
        assert!(last_begun < first_ended, "both at once: {times:?}");
        let (from, to) = BETWEEN;
        let sent = meter.sent(from, to).expect("all of it is sent through the meter");
        assert!(sent >= LEAST, "two backups sent 94 MiB in {sent:?}");

        meter.reset();
        for name in names {
            case.ask_restore(name).await;
        }
        for name in names {
            let (run, restore) = case.restore_ended(name, 1, 150).await;
            assert!(restore.successful, "{name}: {:?}", restore.message);
            let plain = bytes::random(SIZE, 1);
            assert_eq!(status(&run).log.unwrap().trim(), bytes::sum_line(&plain), "{name}");
        }
        let received = meter.received(from, to).expect("all of it comes through the meter");
        assert!(received >= LEAST, "two restores received 94 MiB in {received:?}");
    });
}
