//! `type: gcs` before a store that looks at Google's signatures and tokens as Google documents it, over a real S3 server that keeps versions.
//! The real service was not asked.
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
use servers::{Google, Running, exchange, put, server};
use store::{
    Checksum, CompletedPart, Credentials, Finish, Identity, Kind, Label, Parameters, Proxies, Removed, Secret, Signed,
    Store, StoreErrorKind, Wanted,
};

const EXPIRES: Duration = Duration::from_secs(300);

struct Rig {
    google: Google,
    // After what stands before it.
    _behind: Running,
}

impl Rig {
    fn new() -> Self {
        let behind = Running::start(server("minio"));
        behind.bucket("backups");
        assert!(behind.keep_versions("backups"));
        Self {
            google: Google::start(&behind),
            _behind: behind,
        }
    }

    fn parameters(&self, more: &[(&str, &str)]) -> Parameters {
        let endpoint = self.google.url("");
        let all = [("bucket", "backups"), ("endpoint", &endpoint), ("insecure", "true")];
        let all = all
            .iter()
            .chain(more)
            .map(|(k, v)| ((*k).to_string(), (*v).to_string()));
        Parameters::parse(Kind::Gcs, &all.collect()).unwrap()
    }

    fn secret(&self, parameters: &Parameters) -> Credentials {
        let data = BTreeMap::from([("key.json".to_string(), self.google.key_file().into_bytes())]);
        Credentials::from_secret(parameters, &data).unwrap()
    }

    /// By the key of a Secret.
    async fn by_key(&self) -> Store {
        let parameters = self.parameters(&[]);
        let own = Some(self.secret(&parameters));
        let obtained = Identity::none()
            .credentials(&parameters, own, Timestamp::now())
            .await
            .unwrap();
        Store::open(&parameters, obtained.credentials, &Proxies::default()).unwrap()
    }

    /// A node of Google's, as the operator's environment tells it.
    fn node(&self, more: &[(&str, &str)]) -> Identity {
        let mut variables: BTreeMap<String, String> = [
            ("GCE_METADATA_HOST", self.google.address.clone()),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", self.google.url("")),
            ("STORAGE_EMULATOR_HOST", self.google.url("")),
        ]
        .map(|(k, v)| (k.to_string(), v))
        .into();
        variables.extend(more.iter().map(|(k, v)| ((*k).to_string(), (*v).to_string())));
        Identity::new(move |name| variables.get(name).cloned(), Proxies::default())
    }
}

fn label() -> Label {
    BTreeMap::from([("backup-operator-run".to_string(), "uid-1 ä".to_string())])
}

fn send(signed: &Signed, body: &[u8]) -> (u16, String) {
    put(signed.url.reveal(), &signed.headers, body)
}

async fn url(store: &Store, wanted: &Wanted<'_>) -> Signed {
    store.sign(wanted, EXPIRES, Timestamp::now()).await.unwrap()
}

/// Backs up, restores and removes: what holds of each store (`G1` to `G7`).
async fn keeps_its_promises(store: &Store) {
    let (first, last) = (vec![7_u8; 5 << 20], b"end".to_vec());
    let upload = store.begin("team/a b.sql", &label(), Checksum::Md5).await.unwrap();
    let mut parts = Vec::new();
    for (number, body) in [(1, &first), (2, &last)] {
        let digest = Checksum::Md5.digest(body);
        let wanted = Wanted::part(
            "team/a b.sql",
            &upload,
            number,
            body.len() as u64,
            Checksum::Md5,
            &digest,
        );
        let signed = url(store, &wanted).await;
        // Other bytes, another part, another verb, another object, one more header of Google's: refused.
        let other = vec![8_u8; body.len()];
        assert!(send(&signed, &other).0 >= 400);
        let elsewhere = |from: &str, to: &str| Signed {
            url: Secret::new(signed.url.reveal().replace(from, to)),
            headers: signed.headers.clone(),
        };
        assert_eq!(
            send(&elsewhere(&format!("partNumber={number}"), "partNumber=3"), body).0,
            403
        );
        assert_eq!(send(&elsewhere("a%20b.sql", "other.sql"), body).0, 403);
        let deleted = exchange("DELETE", signed.url.reveal(), &[], b"").unwrap();
        assert_eq!(deleted.status, 403);
        let mut unbound = signed.clone();
        unbound.headers.retain(|(name, _)| name != "content-md5");
        assert_eq!(send(&unbound, body).0, 403, "the digest is signed");
        let mut more = signed.clone();
        more.headers.push(("x-goog-meta-other".into(), "x".into()));
        assert_eq!(send(&more, body).0, 403);
        let (status, etag) = send(&signed, body);
        assert_eq!(status, 200);
        parts.push(CompletedPart { number, etag, digest });
    }
    assert_eq!(
        store.look("team/a b.sql", None).await.unwrap(),
        None,
        "nothing is visible before the end"
    );
    assert_eq!(store.uploads("team/a b.sql").await.unwrap().len(), 1);
    let label = label();
    let finish = Finish {
        key: "team/a b.sql",
        upload: &upload,
        parts: &parts,
        checksum: Checksum::Md5,
        label: &label,
        sha256: None,
        only_new: false,
    };
    let made = store.finish(&finish).await.unwrap();
    let object = store.look("team/a b.sql", None).await.unwrap().unwrap();
    assert_eq!((object.size, &object.metadata), ((5 << 20) + 3, &label));
    assert!(object.version_id.is_some() && object.version_id == made.version_id);
    // Once more, where the answer was lost: the object decides.
    let _ = store.finish(&finish).await;
    assert!(store.look("team/a b.sql", None).await.unwrap().is_some());
    let version = object.version_id.as_deref();
    let read = url(store, &Wanted::read("team/a b.sql", version)).await;
    let range = ("range".to_string(), "bytes=5242880-".to_string());
    let answer = exchange(
        "GET",
        read.url.reveal(),
        &[read.headers.clone(), vec![range]].concat(),
        b"",
    )
    .unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (206, b"end".as_slice()));
    let listed = store.page("team/", None).await.unwrap().objects;
    assert_eq!(
        listed.iter().map(|o| o.key.as_str()).collect::<Vec<_>>(),
        ["team/a b.sql"]
    );
    assert_eq!(store.versions("team/").await.unwrap().len(), 1);
    assert_eq!(store.remove("team/a b.sql", version).await.unwrap(), Removed::Gone);
    assert!(store.versions("team/").await.unwrap().is_empty());
    let dropped = store.begin("k", &label, Checksum::Md5).await.unwrap();
    store.drop_upload("k", &dropped).await.unwrap();
    assert!(store.uploads("k").await.unwrap().is_empty());
    store.write("record", b"{}".to_vec(), Checksum::Md5).await.unwrap();
    assert_eq!(store.read("record", None).await.unwrap(), b"{}");
    store.remove("record", None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_accounts_key_backs_up_restores_and_removes() {
    let rig = Rig::new();
    let store = rig.by_key().await;
    let found = store.probe("", "probe-1", None).await.unwrap();
    assert_eq!(found.checksum, Checksum::Md5);
    assert!(found.enforced && found.metadata && found.deletable && found.listable && !found.locks);
    store.probe_again("", "probe-1", found).await.unwrap();
    keeps_its_promises(&store).await;
    assert_eq!(rig.google.asked(), ["/token"], "no question a URL");
    let wanted = Wanted::read("k", None);
    let earlier = Timestamp::now() - SignedDuration::from_mins(10);
    let stale = store.sign(&wanted, EXPIRES, earlier).await.unwrap();
    let answer = exchange("GET", stale.url.reveal(), &[], b"").unwrap();
    assert!(answer.status == 400 && String::from_utf8_lossy(&answer.body).contains("ExpiredToken"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_google_signs_each_url() {
    let rig = Rig::new();
    let parameters = rig.parameters(&[]);
    let identity = rig.node(&[]);
    let obtained = identity.credentials(&parameters, None, Timestamp::now()).await.unwrap();
    let store = Store::open(&parameters, obtained.credentials, &Proxies::default()).unwrap();
    assert_eq!(store.terms().smallest_part, 16 << 20, "fewer questions");
    keeps_its_promises(&store).await;
    let asked = rig.google.asked();
    assert!(
        asked.iter().filter(|path| path.ends_with(":signBlob")).count() >= 3,
        "{asked:?}"
    );
    rig.google.refuse(Some(403));
    let wanted = Wanted::read("k", None);
    let refused = store.sign(&wanted, EXPIRES, Timestamp::now()).await.unwrap_err();
    assert!(
        refused.to_string().contains("roles/iam.serviceAccountTokenCreator"),
        "{refused}"
    );
    rig.google.refuse(Some(503));
    let busy = store.sign(&wanted, EXPIRES, Timestamp::now()).await.unwrap_err();
    assert_eq!(busy.kind(), StoreErrorKind::Busy, "it is asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_own_token_goes_to_google_and_nowhere_that_a_storage_names() {
    let rig = Rig::new();
    let identity = rig.node(&[("STORAGE_EMULATOR_HOST", "")]);
    let parameters = rig.parameters(&[]);
    let refused = identity
        .credentials(&parameters, None, Timestamp::now())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("the operator's own access token goes to https://storage.googleapis.com"),
        "{refused}"
    );
    for (name, value) in [
        ("proxy", "http://proxy.example:3128"),
        ("endpoint", "https://storage.googleapis.com.example.org"),
        ("endpoint", "https://xgoogleapis.com"),
    ] {
        let all = BTreeMap::from([("bucket", "backups"), (name, value)]);
        let all = all.into_iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let parameters = Parameters::parse(Kind::Gcs, &all).unwrap();
        let refused = identity.credentials(&parameters, None, Timestamp::now()).await;
        assert!(refused.is_err(), "{name} {value}");
    }
    assert!(rig.google.asked().is_empty(), "nobody was asked for a token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_taken_is_told_with_what_may_be_wrong() {
    let rig = Rig::new();
    let parameters = rig.parameters(&[]);
    let own = Some(rig.secret(&parameters));
    // An assertion of tomorrow.
    let tomorrow = Timestamp::now() + SignedDuration::from_hours(24);
    let identity = Identity::none();
    let refused = identity
        .credentials(&parameters, own, tomorrow)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("invalid_grant") && refused.contains("is the clock wrong?"),
        "{refused}"
    );
    let missing = Credentials::from_secret(&parameters, &BTreeMap::new())
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("no key key.json") && missing.contains("keyFile"),
        "{missing}"
    );
    let nobody = Identity::new(
        |name| (name == "GCE_METADATA_HOST").then(|| "127.0.0.1:9".to_string()),
        Proxies::default(),
    );
    let all = BTreeMap::from([("bucket".to_string(), "backups".to_string())]);
    let parameters = Parameters::parse(Kind::Gcs, &all).unwrap();
    let nowhere = nobody
        .credentials(&parameters, None, Timestamp::now())
        .await
        .unwrap_err()
        .to_string();
    for word in [
        "names no Secret",
        "iam.gke.io/gcp-service-account",
        "docs/storages/gcs.md",
    ] {
        assert!(nowhere.contains(word), "{nowhere}");
    }
}
