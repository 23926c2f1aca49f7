//! A backup that needs parts of three sizes.
use std::sync::PoisonError;
use std::time::Duration;

use e2e::long_case;
use e2e::runs::{status, stream};
use serde_json::json;

/// 4.4 GiB go in parts of 5 MiB, 8.8 GiB in parts of 10 MiB, the rest in parts of 20 MiB.
const SIZE: u64 = 20 << 30;
/// MinIO's data, the page cache and the parts share one disk and two cores.
const LIMIT: Duration = Duration::from_secs(1800);

#[test]
fn twenty_gib_are_stored_in_growing_parts_and_come_back() {
    let _load = super::LOAD.read().unwrap_or_else(PoisonError::into_inner);
    long_case("large", LIMIT, |case| async move {
        case.fault("big", "size: 20 GiB, in parts of three sizes");
        case.keeps("big");
        let mut spec = stream(&case.path("big"), &format!("random {SIZE}"));
        spec["restore"] = json!({"command": ["/stream", "sum"]});
        case.start("big", spec).await;
        let run = case.succeeded("big", 900).await;
        let said = status(&run);
        assert_eq!((said.bytes, said.size_in_bytes), (Some(SIZE), Some(SIZE)));
        // 900 of 5 MiB, 900 of 10 MiB, and as many of 20 MiB as are left.
        let parts = 1800 + (SIZE - 900 * (15 << 20)).div_ceil(20 << 20);
        let head = case.store().head(&case.key("big")).unwrap();
        assert!(
            head.etag.trim_matches('"').ends_with(&format!("-{parts}")),
            "{}",
            head.etag
        );
        case.ask_restore("big").await;
        let (run, restore) = case.restore_ended("big", 1, 900).await;
        assert!(restore.successful, "{:?}", restore.message);
        // The restore command read what was stored, byte for byte.
        let line = format!("{SIZE} {}", said.sha256.unwrap());
        assert_eq!(status(&run).log.unwrap().trim(), line);
    });
}
