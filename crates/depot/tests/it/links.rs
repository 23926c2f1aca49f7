//! What somebody else has put into the folder.
use std::fs;
use std::os::unix::fs::symlink;

use jiff::Timestamp;
use servers::exchange;
use store::{Checksum, Wanted};

use super::ledger::{metadata, url_for};
use super::running::{BUCKET, Depot, block};

#[test]
fn nothing_outside_of_the_folder_is_reached_by_a_link_and_nothing_inside_that_is_no_object() {
    let folder = tempfile::tempdir().unwrap();
    let depot = Depot::start(folder.path(), &[]);
    let (store, bucket) = (depot.store(), folder.path().join("data").join(BUCKET));
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    symlink(&outside, bucket.join("away")).unwrap();
    symlink(outside.join("secret"), bucket.join("link")).unwrap();
    fs::write(bucket.join("plain"), "somebody's").unwrap();
    symlink("/", folder.path().join("data/root-of-all")).unwrap();
    let put = |key: &str| {
        let digest = Checksum::Sha256.digest(b"ours");
        let signed = url_for(
            &store,
            &Wanted::whole(key, 4, Checksum::Sha256, &digest, &metadata(key), false),
            Timestamp::now(),
        );
        exchange("PUT", signed.url.reveal(), &signed.headers, b"ours")
            .unwrap()
            .status
    };
    for key in ["away/secret", "link", "plain", "away/new"] {
        let looked = block(store.look(key, None));
        assert!(!matches!(looked, Ok(Some(_))), "{key}: {looked:?}");
        let status = put(key);
        assert!((400..500).contains(&status), "{key}: {status}");
        let _ = block(store.remove(key, None));
    }
    assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "secret");
    assert_eq!(fs::read_to_string(bucket.join("plain")).unwrap(), "somebody's");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(block(store.keys("")).unwrap(), Vec::<String>::new());
    // An object that was changed by hand is none any more, and is not thrown away for that.
    assert_eq!(put("mine"), 200);
    assert_eq!(fs::read_to_string(bucket.join("mine")).unwrap(), "ours");
    fs::write(bucket.join("mine"), "changed").unwrap();
    assert_eq!(block(store.look("mine", None)).unwrap(), None);
    block(store.remove("mine", None)).unwrap();
    assert_eq!(fs::read_to_string(bucket.join("mine")).unwrap(), "changed");
    // A key below an object, and an object where keys lie below.
    assert_eq!(put("d/e"), 200);
    assert_eq!((put("d/e/f"), put("d")), (400, 400));
    assert_eq!(block(store.keys("")).unwrap(), ["d/e"]);
    block(store.remove("d/e", None)).unwrap();
    assert_eq!(put("d"), 200);
}
