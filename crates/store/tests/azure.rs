//! What `type: azure` rests on, against Azurite: what a signature for one block is good for, and what becomes of blocks that wait.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use servers::{Answer, Running, SECRET_KEY, account_key, azure_signature, exchange, server};
use store::{
    Checksum, CompletedPart, Credentials, Dropped, Finish, Kind, Label, Parameters, Proxies, Secret, Signed, Store,
    StoreErrorKind, Wanted,
};

const CONTAINER: &str = "backups";
const EXPIRES: Duration = Duration::from_secs(300);

struct Azurite {
    running: Running,
    store: Store,
    runtime: tokio::runtime::Runtime,
}

impl Azurite {
    fn start() -> Self {
        let running = Running::start(server("azurite"));
        running.bucket(CONTAINER);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self {
            store: open(&running, &[]),
            runtime: runtime.unwrap(),
            running,
        }
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    fn begin(&self, key: &str) -> String {
        self.wait(self.store.begin(key, &label(), Checksum::Md5)).unwrap()
    }

    fn sign(&self, wanted: &Wanted<'_>) -> Signed {
        self.wait(self.store.sign(wanted, EXPIRES, Timestamp::now())).unwrap()
    }

    fn part(&self, key: &str, upload: &str, number: u32, body: &[u8]) -> Signed {
        let digest = Checksum::Md5.digest(body);
        self.sign(&Wanted::part(
            key,
            upload,
            number,
            body.len() as u64,
            Checksum::Md5,
            &digest,
        ))
    }

    fn put_part(&self, key: &str, upload: &str, number: u32, body: &[u8]) -> CompletedPart {
        let signed = self.part(key, upload, number, body);
        assert_eq!(send("PUT", &signed, body), 201);
        completed(number)
    }

    fn finish(
        &self,
        key: &str,
        upload: &str,
        parts: &[CompletedPart],
        only_new: bool,
    ) -> Result<String, StoreErrorKind> {
        let label = label();
        let finish = Finish {
            sha256: Some(SHA256),
            ..Finish::new(key, upload, parts, Checksum::Md5, &label, only_new)
        };
        let done = self.wait(self.store.finish(&finish));
        done.map(|done| done.etag).map_err(|error| error.kind())
    }

    fn look(&self, key: &str) -> Option<store::ObjectInfo> {
        self.wait(self.store.look(key, None)).unwrap()
    }
}

const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn open(running: &Running, more: &[(&str, &str)]) -> Store {
    let account = running.server.access_key;
    let endpoint = format!("{}/{account}", running.endpoint());
    let own = [("container", CONTAINER), ("account", account), ("endpoint", &endpoint)];
    let all = own.iter().chain(more);
    let all = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let parameters = Parameters::parse(Kind::Azure, &all.collect()).unwrap();
    let key = Credentials::of_account(Secret::new(account_key(SECRET_KEY)));
    Store::open(&parameters, key, &Proxies::default()).unwrap()
}

fn label() -> Label {
    BTreeMap::from([("backup-operator-run".to_owned(), "uid-1".to_owned())])
}

fn completed(number: u32) -> CompletedPart {
    CompletedPart {
        number,
        etag: String::new(),
        digest: String::new(),
    }
}

fn send(verb: &str, signed: &Signed, body: &[u8]) -> u16 {
    exchange(verb, signed.url.reveal(), &signed.headers, body)
        .unwrap()
        .status
}

/// The same with one header changed, added, or left out.
fn with(signed: &Signed, name: &str, value: Option<&str>) -> Signed {
    let mut headers = signed.headers.clone();
    headers.retain(|(known, _)| known != name);
    headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    Signed {
        headers,
        ..signed.clone()
    }
}

/// The same to another URL.
fn to(signed: &Signed, from: &str, other: &str) -> Signed {
    let url = signed.url.reveal();
    assert!(url.contains(from), "{from}");
    Signed {
        url: Secret::new(url.replacen(from, other, 1)),
        ..signed.clone()
    }
}

#[test]
fn a_signature_for_one_block_takes_that_block_and_nothing_else() {
    let azurite = Azurite::start();
    let (upload, other) = (azurite.begin("key"), azurite.begin("key"));
    assert_ne!(upload, other);
    let signed = azurite.part("key", &upload, 1, b"right");
    let query = |signed: &Signed| signed.url.reveal().split_once('?').unwrap().1.to_owned();
    let next = query(&azurite.part("key", &upload, 2, b"right"));
    let others = query(&azurite.part("key", &other, 1, b"right"));
    let own = query(&signed);
    let whole = to(
        &with(&signed, "x-ms-blob-type", Some("BlockBlob")),
        &format!("?{own}"),
        "",
    );
    let labelled = with(&signed, "x-ms-meta-run", Some("somebody"));
    for (what, signed, body) in [
        ("other bytes", signed.clone(), &b"wrong"[..]),
        ("another length", with(&signed, "content-length", Some("4")), b"righ"),
        ("no MD5", with(&signed, "content-md5", None), b"wrong"),
        (
            "another MD5",
            with(&signed, "content-md5", Some(&Checksum::Md5.digest(b"wrong"))),
            b"wrong",
        ),
        ("another block", to(&signed, &own, &next), b"right"),
        ("another upload's block", to(&signed, &own, &others), b"right"),
        ("another key", to(&signed, "/key?", "/other?"), b"right"),
        (
            "another container",
            to(&signed, "/backups/", "/first-bucket/"),
            b"right",
        ),
        ("a whole blob", whole, b"right"),
        ("the list", to(&signed, "comp=block", "comp=blocklist"), b"right"),
        ("a header more", labelled, b"right"),
        (
            "another date",
            with(&signed, "x-ms-date", Some("Sat, 28 Nov 2026 00:00:00 GMT")),
            b"right",
        ),
    ] {
        let status = send("PUT", &signed, body);
        assert!((400..500).contains(&status), "{what}: {status}");
    }
    for verb in ["DELETE", "GET"] {
        assert_eq!(send(verb, &signed, b"right"), 403, "{verb}");
    }
    assert_eq!(send("PUT", &signed, b"right"), 201);
    assert_eq!(send("PUT", &signed, b"right"), 201, "an answer that was lost");
    assert_eq!(azurite.look("key"), None, "nothing is visible before the end");
    assert_eq!(azurite.wait(azurite.store.keys("")).unwrap(), Vec::<String>::new());
}

/// Why no SAS is given to write with: this is what its holder could do.
#[test]
fn a_sas_to_write_would_make_a_blob_visible() {
    let azurite = Azurite::start();
    let account = azurite.running.server.access_key;
    let until = (Timestamp::now() + SignedDuration::from_mins(5))
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let name = format!("/blob/{account}/{CONTAINER}/key");
    let text = format!("cw\n\n{until}\n{name}\n\n\n\n2021-12-02\nb\n\n\n\n\n\n\n");
    let signature = azure_signature(&text)
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let url = format!(
        "{}/{account}/{CONTAINER}/key?sv=2021-12-02&sr=b&sp=cw&se={}&sig={signature}",
        azurite.running.endpoint(),
        until.replace(':', "%3A")
    );
    let headers = [("content-length", "5"), ("x-ms-blob-type", "BlockBlob")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(exchange("PUT", &url, &headers, b"early").unwrap().status, 201);
    assert!(azurite.look("key").is_some());
}

#[test]
fn a_url_to_read_reads_that_blob_and_can_do_nothing_else() {
    let azurite = Azurite::start();
    let upload = azurite.begin("a b/+key");
    let part = azurite.put_part("a b/+key", &upload, 1, b"0123456789");
    let etag = azurite.finish("a b/+key", &upload, &[part], false).unwrap();
    let signed = azurite.sign(&Wanted::read("a b/+key", None));
    let get = |headers: &[(&str, &str)]| -> Answer {
        let headers: Vec<_> = headers
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        exchange("GET", signed.url.reveal(), &headers, b"").unwrap()
    };
    let answer = get(&[("range", "bytes=7-")]);
    assert_eq!((answer.status, answer.body.as_slice()), (206, &b"789"[..]));
    assert_eq!(get(&[("if-match", &etag)]).status, 200);
    assert_eq!(get(&[("if-match", "\"0x1\"")]).status, 412);
    assert_eq!(send("DELETE", &signed, b""), 403);
    let put = with(
        &with(&signed, "x-ms-blob-type", Some("BlockBlob")),
        "content-length",
        Some("1"),
    );
    assert_eq!(send("PUT", &put, b"x"), 403);
    assert_eq!(send("GET", &to(&signed, "%2Bkey", "%2Bother"), b""), 403);
    let (wanted, ago) = (
        Wanted::read("a b/+key", None),
        Timestamp::now() - SignedDuration::from_mins(6),
    );
    let late = azurite.store.sign(&wanted, EXPIRES, ago);
    assert_eq!(send("GET", &azurite.wait(late).unwrap(), b""), 403, "it has ended");
}

#[test]
fn finishing_twice_is_one_blob_with_one_etag() {
    let azurite = Azurite::start();
    for only_new in [false, true] {
        let key = if only_new { "new" } else { "any" };
        let upload = azurite.begin(key);
        let parts = [
            azurite.put_part(key, &upload, 1, b"one"),
            azurite.put_part(key, &upload, 2, b"two"),
        ];
        let etag = azurite.finish(key, &upload, &parts, only_new).unwrap();
        let object = azurite.look(key).unwrap();
        assert_eq!((object.size, &object.etag, &object.metadata), (6, &etag, &label()));
        assert_eq!(
            object
                .checksum_sha256
                .as_deref()
                .and_then(store::hex_of_sha256)
                .as_deref(),
            Some(SHA256)
        );
        assert_eq!(
            azurite.finish(key, &upload, &parts, only_new),
            Ok(etag.clone()),
            "its answer was lost"
        );
        assert_eq!(azurite.look(key).unwrap().etag, etag);
    }
}

#[test]
fn of_two_uploads_of_one_key_the_first_that_ends_is_the_one() {
    let azurite = Azurite::start();
    let (first, second) = (azurite.begin("key"), azurite.begin("key"));
    let one = azurite.put_part("key", &first, 1, b"first");
    let two = azurite.put_part("key", &second, 1, b"second");
    azurite.finish("key", &first, &[one], false).unwrap();
    // Azure drops what else waits under a key when a list is put.
    assert_eq!(
        azurite.finish("key", &second, &[two], false),
        Err(StoreErrorKind::NoSuchUpload)
    );
    assert_eq!(azurite.wait(azurite.store.read("key", None)).unwrap(), b"first");
    assert_eq!(
        azurite.finish("key", "no-upload-of-ours", &[completed(1)], false),
        Err(StoreErrorKind::NoSuchUpload)
    );
}

#[test]
fn a_part_that_was_not_stored_is_missed_and_the_upload_goes_on() {
    let azurite = Azurite::start();
    let upload = azurite.begin("key");
    let one = azurite.put_part("key", &upload, 1, b"one");
    let both = [one, completed(2)];
    assert_eq!(
        azurite.finish("key", &upload, &both, false),
        Err(StoreErrorKind::InvalidPart)
    );
    azurite.put_part("key", &upload, 2, b"two");
    // As another operator would, after a restart.
    let other = open(&azurite.running, &[]);
    let label = label();
    let done = azurite.wait(other.finish(&Finish::new("key", &upload, &both, Checksum::Md5, &label, false)));
    assert!(done.is_ok());
    assert_eq!(azurite.wait(azurite.store.read("key", None)).unwrap(), b"onetwo");
}

#[test]
fn an_upload_that_is_to_be_new_leaves_what_is_there_and_another_replaces_it() {
    let azurite = Azurite::start();
    let (first, second) = (azurite.begin("key"), azurite.begin("key"));
    let one = azurite.put_part("key", &first, 1, b"first");
    azurite.finish("key", &first, &[one], true).unwrap();
    let two = [azurite.put_part("key", &second, 1, b"second")];
    assert_eq!(azurite.finish("key", &second, &two, true), Err(StoreErrorKind::Exists));
    assert_eq!(azurite.wait(azurite.store.read("key", None)).unwrap(), b"first");
    azurite.finish("key", &second, &two, false).unwrap();
    assert_eq!(azurite.wait(azurite.store.read("key", None)).unwrap(), b"second");
}

#[test]
fn what_is_dropped_is_gone_where_no_blob_is_and_later_where_one_is_or_somebody_elses_blocks_are() {
    let azurite = Azurite::start();
    let drop = |key: &str, upload: &str| azurite.wait(azurite.store.drop_upload(key, upload)).unwrap();
    let uploads = || azurite.wait(azurite.store.uploads("")).unwrap();
    let later = Dropped::Later { days: 7 };

    let upload = azurite.begin("unborn");
    assert_eq!(drop("unborn", &upload), Dropped::Gone, "it has no blocks");
    azurite.put_part("unborn", &upload, 1, b"one");
    assert_eq!(uploads().len(), 1);
    for _ in 0..2 {
        assert_eq!(drop("unborn", &upload), Dropped::Gone);
    }
    assert_eq!(uploads(), []);
    assert_eq!(drop("unborn", "no-upload-of-ours"), Dropped::Gone);

    let (first, second) = (azurite.begin("shared"), azurite.begin("shared"));
    azurite.put_part("shared", &first, 1, b"one");
    let two = [azurite.put_part("shared", &second, 1, b"two")];
    assert_eq!(drop("shared", &first), later, "another upload is at work under the key");
    let etag = azurite.finish("shared", &second, &two, false).unwrap();
    assert_eq!(drop("shared", &second), Dropped::Gone, "an abort that comes too late");
    assert_eq!(azurite.look("shared").unwrap().etag, etag);

    let third = azurite.begin("shared");
    azurite.put_part("shared", &third, 1, b"three");
    assert_eq!(drop("shared", &third), later, "the blob would go, too");
    assert_eq!(azurite.look("shared").unwrap().etag, etag);
    assert_eq!(azurite.wait(azurite.store.uploads("shared")).unwrap().len(), 1);
}

/// The condition that blocks are dropped under, without the look before it: a blob that came in between stays.
#[test]
fn a_blob_that_comes_between_the_look_and_the_request_stays() {
    let azurite = Azurite::start();
    let upload = azurite.begin("key");
    let part = azurite.put_part("key", &upload, 1, b"one");
    azurite.finish("key", &upload, &[part], false).unwrap();
    let condition = [("if-unmodified-since", "Sat, 01 Jan 2000 00:00:00 GMT")];
    let answer = azurite
        .running
        .azure("DELETE", "/backups/key", &[], &condition, b"")
        .unwrap();
    assert_eq!(answer.status, 412);
    assert!(azurite.look("key").is_some());
    // What would say it straight is no condition of this request's there: why it is not relied on.
    let condition = [("if-none-match", "*")];
    let answer = azurite
        .running
        .azure("DELETE", "/backups/key", &[], &condition, b"")
        .unwrap();
    assert_eq!((answer.status, azurite.look("key")), (202, None));
}

#[test]
fn a_blob_of_the_archive_tier_is_told_as_one_and_can_be_asked_back() {
    let azurite = Azurite::start();
    let store = open(&azurite.running, &[("accessTier", "Archive")]);
    let azurite = Azurite { store, ..azurite };
    let upload = azurite.begin("key");
    let part = azurite.put_part("key", &upload, 1, b"one");
    azurite.finish("key", &upload, &[part], false).unwrap();
    let archived = azurite.look("key").unwrap().archived.unwrap();
    assert_eq!((archived.class.as_str(), archived.coming), ("Archive", false));
    // A probe of such a storage reads what it writes.
    let found = azurite.wait(azurite.store.probe("", "1", None)).unwrap();
    assert!(found.enforced && found.metadata);
    let thaw = store::Thaw {
        days: 1,
        tier: "Standard",
    };
    azurite.wait(azurite.store.thaw("key", None, thaw)).unwrap();
    assert_eq!(
        azurite.look("key").unwrap().archived,
        None,
        "Azurite brings it back at once"
    );
}

#[test]
fn lists_go_on_page_by_page() {
    let azurite = Azurite::start();
    for key in ["a/1", "a/2", "b/3/4", "c"] {
        azurite
            .wait(azurite.store.write(key, b"{}".to_vec(), Checksum::Md5))
            .unwrap();
    }
    let page = azurite.wait(azurite.store.page("a/", None)).unwrap();
    let keys: Vec<_> = page.objects.iter().map(|o| (o.key.as_str(), o.size)).collect();
    assert_eq!((keys, page.next), (vec![("a/1", 2), ("a/2", 2)], None));
    let etag = &page.objects[0].etag;
    assert_eq!(azurite.look("a/1").unwrap().etag, *etag, "with the quotes of a header");
    assert_eq!(azurite.wait(azurite.store.folders("")).unwrap(), ["a/", "b/"]);
    assert_eq!(azurite.wait(azurite.store.folders("b/")).unwrap(), ["b/3/"]);
    assert_eq!(azurite.wait(azurite.store.versions("")).unwrap(), []);
}
