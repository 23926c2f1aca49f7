//! A real S3 server, and what the operator does with it: signs each request of the agent, completes, looks, deletes.
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use protocol::{Action, Job, Outcome, PartPlan, PartReceipt, Report, ToAgent, UrlRequest};
use servers::{Running, SECRET_KEY, account_key, exchange, server};
use store::{
    Checksum, CompletedPart, Credentials, Finish, Kind, ObjectInfo, Parameters, Proxies, Secret, Signed, Store, Wanted,
};

use super::rig::*;

/// What the backups of the tests are called.
pub const KEY: &str = "folder/a backup+1.gz";
const VALID: Duration = Duration::from_secs(600);
const BUCKET: &str = "backups";

pub struct Real {
    pub running: Running,
    /// The bucket, straight.
    pub store: Store,
    /// The same for what the agent reads, when something is between them.
    pub reads: Store,
    /// The same for what it writes.
    writes: Store,
    pub checksum: Checksum,
    runtime: tokio::runtime::Runtime,
}

impl Real {
    /// A server with an empty bucket.
    pub fn start(folder: &str) -> Self {
        let running = Running::start(server(folder));
        running.bucket(BUCKET);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let store = open(&running, &running.address);
        Self {
            reads: store.clone(),
            writes: store.clone(),
            store,
            checksum: Checksum::from_name(running.server.checksum).unwrap(),
            runtime: runtime.unwrap(),
            running,
        }
    }

    /// From now on the bucket keeps versions, if the server has any.
    pub fn keeps_versions(&self) -> bool {
        self.running.keep_versions(BUCKET)
    }

    /// From now on the agent reads from another address, behind which the server is.
    pub fn read_at(&mut self, address: &str) {
        self.reads = open(&self.running, address);
    }

    /// From now on the agent reads from there and writes there.
    #[allow(dead_code)] // `network` alone needs it.
    pub fn reach_at(&mut self, address: &str) {
        self.reads = open(&self.running, address);
        self.writes = self.reads.clone();
    }

    /// Waits for the store's client.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub fn head(&self) -> Option<ObjectInfo> {
        self.wait(self.store.look(KEY, None)).unwrap()
    }

    /// The object's ETag and its bytes.
    pub fn object(&self) -> Option<(String, Vec<u8>)> {
        let signed = self.signed(&self.store, &Wanted::read(KEY, None));
        let answer = exchange("GET", signed.url.reveal(), &[], b"").unwrap();
        let etag = answer.header("etag").unwrap_or_default().to_string();
        (answer.status == 200).then_some((etag, answer.body))
    }

    pub fn create(&self) -> String {
        let metadata = metadata();
        self.wait(self.store.begin(KEY, &metadata, self.checksum)).unwrap()
    }

    /// A URL as the operator signs it.
    pub fn sign(&self, request: &UrlRequest, upload: Option<&str>) -> ToAgent {
        let (bound, label) = (self.checksum, metadata());
        let (store, wanted) = match request {
            UrlRequest::Part { number, size, checksum } => {
                let upload = upload.unwrap();
                let part = Wanted::part(KEY, upload, *number, *size, bound, checksum);
                (&self.writes, part)
            }
            UrlRequest::Object { size, checksum } => {
                let whole = Wanted::whole(KEY, *size, bound, checksum, &label, false);
                (&self.writes, whole)
            }
            UrlRequest::Get { .. } => (&self.reads, Wanted::read(KEY, None)),
        };
        url(request, &self.signed(store, &wanted))
    }

    fn signed(&self, store: &Store, wanted: &Wanted<'_>) -> Signed {
        self.wait(store.sign(wanted, VALID, Timestamp::now())).unwrap()
    }

    /// Answers until the report; where there is no upload, it is created at the first part, and told.
    pub fn serve(&self, rig: &Rig, mut job: Job, mut upload: Option<String>) -> (Report, Option<String>) {
        if let Action::Backup { checksum, .. } = &mut job.action {
            *checksum = match self.checksum {
                Checksum::Sha256 => protocol::Checksum::Sha256,
                Checksum::Md5 => protocol::Checksum::Md5,
                Checksum::None => protocol::Checksum::None,
            };
        }
        let mut link = rig.connect();
        link.say(&ToAgent::Start(Box::new(job)));
        loop {
            match link.hear() {
                protocol::FromAgent::NeedUrl(request) => {
                    if matches!(request, UrlRequest::Part { .. }) && upload.is_none() {
                        upload = Some(self.create());
                    }
                    link.say(&self.sign(&request, upload.as_deref()));
                }
                protocol::FromAgent::Finished(report) => return (*report, upload),
                _ => {}
            }
        }
    }

    /// Makes an object of the parts of a good report.
    pub fn complete(&self, upload: &str, report: &Report) {
        let parts: Vec<_> = report.parts.iter().map(completed).collect();
        let label = metadata();
        let finish = Finish::new(KEY, upload, &parts, self.checksum, &label, false);
        self.wait(self.store.finish(&finish)).unwrap();
    }

    /// Runs a job as the operator does: an upload is completed after a good end, and aborted after another.
    pub fn run(&self, rig: &Rig, job: Job) -> Report {
        let (report, upload) = self.serve(rig, job, None);
        if let Some(upload) = upload {
            if report.outcome == Outcome::Done {
                self.complete(&upload, &report);
            } else {
                let aborted = self.wait(self.store.drop_upload(KEY, &upload));
                assert_eq!(aborted.is_ok(), self.running.server.aborts, "{aborted:?}");
            }
        }
        report
    }
}

fn open(running: &Running, address: &str) -> Store {
    let server = running.server;
    let kind = Kind::from_name(server.kind).unwrap();
    let (parameters, credentials) = match kind {
        Kind::Azure => (
            vec![
                ("container", BUCKET.to_string()),
                ("account", server.access_key.to_string()),
                ("endpoint", format!("http://{address}/{}", server.access_key)),
            ],
            Credentials::of_account(Secret::new(account_key(SECRET_KEY))),
        ),
        // What is served over SFTP is S3, and no server of the table speaks as Google's.
        Kind::S3 | Kind::Gcs | Kind::Sftp => (
            vec![
                ("bucket", BUCKET.to_string()),
                ("endpoint", format!("http://{address}")),
                ("region", server.region.unwrap_or("us-east-1").to_string()),
                ("s3ForcePathStyle", "true".to_string()),
            ],
            Credentials::new(server.access_key, Secret::new(SECRET_KEY), None),
        ),
    };
    let parameters = parameters.into_iter().map(|(name, value)| (name.to_string(), value));
    let parameters = Parameters::parse(kind, &parameters.collect()).unwrap();
    Store::open(&parameters, credentials, &Proxies::default()).unwrap()
}

/// What the operator gives each object.
pub fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([("backup-operator-run".to_string(), "uid".to_string())])
}

/// A signed request, as the agent is told it.
pub fn url(request: &UrlRequest, signed: &Signed) -> ToAgent {
    ToAgent::Url {
        request: request.clone(),
        url: protocol::Secret::new(signed.url.reveal().to_string()),
        headers: signed.headers.clone().into(),
    }
}

fn completed(part: &PartReceipt) -> CompletedPart {
    CompletedPart {
        number: part.number,
        etag: part.etag.clone(),
        digest: part.checksum.clone(),
    }
}

/// With parts as a store wants them.
pub fn real_parts(mut job: Job) -> Job {
    if let Action::Backup { plan, .. } = &mut job.action {
        *plan = PartPlan::default();
    }
    job
}

/// Reads that object into the rig's file `out`.
pub fn back(rig: &Rig, report: &Report, etag: String) -> Job {
    let action = Action::Restore {
        identity: None,
        window_log: None,
        passphrase: false,
        size: report.stored_bytes,
        sha256: Some(report.sha256.clone()),
        etag: Some(etag),
    };
    let script = sh(&format!("cat > {}", rig.path("out").display()));
    Job {
        action,
        ..backup(script)
    }
}
