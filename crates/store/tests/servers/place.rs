//! A bucket on a server that runs, and clients of it.
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use servers::{Guarantee, Running, SECRET_KEY, Server, Uploads, put};
use store::{
    Checksum, Completed, CompletedPart, Credentials, Finish, Kind, Parameters, Proxies, Secret, Signed, Store,
    StoreError, Wanted,
};

/// How long what the tests sign is good.
pub const EXPIRES: Duration = Duration::from_secs(300);

pub struct Place<'a> {
    pub running: &'a Running,
    pub server: &'static Server,
    bucket: String,
    owner: Credentials,
    broken: RefCell<BTreeSet<Guarantee>>,
}

impl<'a> Place<'a> {
    /// A bucket, and the credentials that its owner uses.
    pub fn new(running: &'a Running, bucket: &str, owner: &Credentials) -> Self {
        running.bucket(bucket);
        Self {
            running,
            server: running.server,
            bucket: bucket.to_string(),
            owner: owner.clone(),
            broken: RefCell::default(),
        }
    }

    /// A rule has seen that the server does not keep a guarantee.
    pub fn breaks(&self, guarantee: Guarantee) {
        self.broken.borrow_mut().insert(guarantee);
    }

    /// What rules have seen so.
    pub fn broken(&self) -> BTreeSet<Guarantee> {
        self.broken.borrow().clone()
    }

    /// The bucket as its owner sees it.
    pub fn store(&self) -> Store {
        self.open(self.server.access_key, SECRET_KEY, &[])
    }

    /// The same with other keys, or other parameters.
    pub fn open(&self, access: &str, secret: &str, parameters: &[(&str, &str)]) -> Store {
        let endpoint = self.running.endpoint();
        let usual = [
            ("bucket", self.bucket.as_str()),
            ("endpoint", &endpoint),
            ("region", self.server.region.unwrap_or("us-east-1")),
            ("s3ForcePathStyle", "true"),
        ];
        let all = usual.iter().chain(parameters);
        let mut all: BTreeMap<_, _> = all
            .map(|(name, value)| ((*name).to_string(), (*value).to_string()))
            .collect();
        let kind = Kind::from_name(self.server.kind).unwrap();
        if kind == Kind::Azure {
            all.retain(|name, _| name != "region" && name != "s3ForcePathStyle");
            let container = all.remove("bucket").unwrap();
            let endpoint = format!("{}/{access}", all["endpoint"]);
            let own = [
                ("container", container),
                ("account", access.to_string()),
                ("endpoint", endpoint),
            ];
            all.extend(own.map(|(name, value)| (name.to_string(), value)));
        }
        let parameters = Parameters::parse(kind, &all).unwrap();
        let credentials = match (access, secret) == (self.server.access_key, SECRET_KEY) {
            true => self.owner.clone(),
            false => credentials(self.server, access, secret),
        };
        Store::open(&parameters, credentials, &Proxies::default()).unwrap()
    }

    /// What the server binds bodies by, as its line says.
    pub fn checksum(&self) -> Checksum {
        Checksum::from_name(self.server.checksum).unwrap()
    }

    /// Puts an object whole, bound as the server can: the status and the ETag.
    pub fn put(&self, store: &Store, key: &str, body: &[u8], only_new: bool) -> (u16, String) {
        let checksum = self.checksum();
        let digest = checksum.digest(body);
        let size = body.len() as u64;
        send(
            &url_for(
                store,
                &Wanted::whole(key, size, checksum, &digest, &metadata(), only_new),
                Timestamp::now(),
            ),
            body,
        )
    }

    /// Puts a part.
    pub fn put_part(&self, store: &Store, key: &str, upload: &str, number: u32, body: &[u8]) -> (u16, CompletedPart) {
        let checksum = self.checksum();
        let digest = checksum.digest(body);
        let size = body.len() as u64;
        let signed = url_for(
            store,
            &Wanted::part(key, upload, number, size, checksum, &digest),
            Timestamp::now(),
        );
        let (status, etag) = send(&signed, body);
        (status, CompletedPart { number, etag, digest })
    }

    pub async fn create(&self, store: &Store, key: &str) -> String {
        store.begin(key, &metadata(), self.checksum()).await.unwrap()
    }

    /// Begins an upload that the server knows of.
    pub async fn create_known(&self, store: &Store, key: &str) -> String {
        let upload = self.create(store, key).await;
        if self.server.uploads == Uploads::FromPartsOn {
            assert_eq!(self.put_part(store, key, &upload, 1, b"part").0, self.server.created());
        }
        upload
    }

    /// A bucket beside this one that locks objects, if the server has any.
    pub fn locked_bucket(&self) -> Option<Place<'a>> {
        let bucket = format!("{}-lock", self.bucket);
        self.running.bucket_with_lock(&bucket).then(|| Place {
            running: self.running,
            server: self.server,
            bucket,
            owner: self.owner.clone(),
            broken: RefCell::default(),
        })
    }

    pub async fn finish(
        &self,
        store: &Store,
        key: &str,
        upload: &str,
        parts: &[CompletedPart],
    ) -> Result<Completed, StoreError> {
        let label = metadata();
        store
            .finish(&Finish::new(key, upload, parts, self.checksum(), &label, false))
            .await
    }

    /// From now on the bucket keeps versions, if the server has any.
    pub fn keeps_versions(&self) -> bool {
        self.running.keep_versions(&self.bucket)
    }

    /// No object, and no upload as far as the server tells.
    pub async fn nothing_is_left(&self, store: &Store) {
        assert_eq!(store.keys("").await.unwrap(), Vec::<String>::new());
        if self.server.uploads != Uploads::Never && self.server.aborts {
            assert_eq!(store.uploads("").await.unwrap(), []);
        }
    }
}

/// Credentials of the server's kind.
pub fn credentials(server: &Server, access: &str, secret: &str) -> Credentials {
    match server.kind {
        "azure" => Credentials::of_account(Secret::new(servers::account_key(secret))),
        _ => Credentials::new(access, Secret::new(secret), None),
    }
}

/// What objects are given, with what a header cannot carry as it is.
pub fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("backup-operator-run".to_string(), "uid-1".to_string()),
        ("name".to_string(), "ns/ä b".to_string()),
    ])
}

/// Sends a body to a signed URL: the status and the ETag.
pub fn send(signed: &Signed, body: &[u8]) -> (u16, String) {
    put(signed.url.reveal(), &signed.headers, body)
}

/// What a store signs by itself, without asking anybody: at once.
pub fn url_for(store: &Store, wanted: &Wanted<'_>, now: Timestamp) -> Signed {
    let mut work = std::pin::pin!(store.sign(wanted, EXPIRES, now));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match work.as_mut().poll(&mut context) {
        std::task::Poll::Ready(signed) => signed.unwrap(),
        std::task::Poll::Pending => panic!("somebody is asked"),
    }
}
