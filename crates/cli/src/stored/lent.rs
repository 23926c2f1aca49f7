//! A run's backup by URLs that the operator signs: for who may create backupruns/download, and need not see any of the store's keys.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::download::Lent as Answer;
use api::{BackupRun, labels};
use jiff::Timestamp;
use pipeline::Identities;
use proof::http::{Uri, Way};
use proof::{NoUrl, SignedUrl};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::read::connect::Session;
use crate::read::fault::Fault;

/// Until the operator has answered: it does so within a second, and one that has just taken over within half a minute.
const ANSWER: Duration = Duration::from_secs(60);
/// Between two looks at the run.
const LOOK: Duration = Duration::from_millis(300);
/// The longest answer, bytes: a URL, and a bundle of certificates.
const LONGEST: usize = 512 << 10;
/// Another URL is asked for where one has less than that left.
const SPARE: Duration = Duration::from_secs(60);

/// Asks for the URLs of one run's backup.
pub struct Lent {
    session: Arc<Session>,
    namespace: String,
    name: String,
    /// The storage that the run names, for people.
    pub storage: String,
    /// Where the store is reached from here, `host:port`, in place of where the URL says.
    pub endpoint: Option<String>,
    last: Mutex<Option<(Timestamp, Arc<Answer>)>>,
}

impl Lent {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// The endpoint is none.
    pub fn new(session: Arc<Session>, run: &BackupRun, endpoint: Option<&str>) -> Result<Self, Fault> {
        let namespace = run.metadata.namespace.clone().unwrap_or_default();
        let name = run.metadata.name.clone().unwrap_or_default();
        let endpoint = endpoint.map(authority).transpose().map_err(|why| {
            Fault::new(
                format!("read the backup of run {namespace}/{name}"),
                format!("--endpoint: {why}"),
                "the same command with --endpoint http://127.0.0.1:9000, as kubectl port-forward prints it",
            )
        })?;
        Ok(Self {
            session,
            storage: run.spec.storage.name.clone(),
            namespace,
            name,
            endpoint,
            last: Mutex::default(),
        })
    }

    /// A URL that is good for a minute at least, and what belongs to it.
    ///
    /// # Errors
    /// The right is missing, the operator refuses, or does not answer.
    pub fn answer(&self) -> Result<Arc<Answer>, Fault> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        let good = last.as_ref().filter(|(until, _)| {
            let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
            left > SPARE
        });
        if let Some((_, answer)) = good {
            return Ok(answer.clone());
        }
        let (until, answer) = self.session.block_on(self.ask())?;
        let answer = Arc::new(answer);
        *last = Some((until, answer.clone()));
        Ok(answer)
    }

    /// The next URL of a reading: not the one that was refused.
    ///
    /// # Errors
    /// As of [`Lent::answer`], in words.
    pub fn url(&self, number: u32) -> Result<SignedUrl, NoUrl> {
        if number > 1 {
            self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        let answer = self.answer().map_err(|fault| NoUrl::Refused(fault.to_string()))?;
        Ok(SignedUrl {
            url: protocol::Secret::new(answer.url.clone()),
            headers: answer.headers.clone().into(),
        })
    }

    /// The host of the URL that was given last.
    pub fn host(&self) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, answer) = last.as_ref()?;
        let url: Uri = answer.url.parse().ok()?;
        url.host().map(ToOwned::to_owned)
    }

    /// How the store is reached: with the certificates that the storage trusts, and by the proxy of this machine's environment, unless it is
    /// said where.
    ///
    /// # Errors
    /// In words: the URL, or a variable with a proxy.
    pub fn way<'a>(&'a self, answer: &'a Answer) -> Result<Way<'a>, String> {
        let proxies =
            store::Proxies::from_environment(|name| std::env::var(name).ok(), "").map_err(|e| e.to_string())?;
        let url: Uri = answer
            .url
            .parse()
            .map_err(|_| "what the operator has signed is no URL")?;
        let secure = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
        let dial = proxies.of_environment("this machine's").dial(secure, host, port);
        Ok(Way {
            ca_bundle: answer.ca_bundle.as_deref(),
            behind: dial.filter(|_| self.endpoint.is_none()).and_then(|dial| dial.proxy()),
            at: self.endpoint.as_deref(),
            outside: true,
            ..Way::default()
        })
    }

    async fn ask(&self) -> Result<(Timestamp, Answer), Fault> {
        let (namespace, name) = (&self.namespace, &self.name);
        let doing = format!("ask the operator for a URL of run {namespace}/{name}");
        let fault = |why: &str, next: &str| Fault::new(&doing, why, next);
        let (identity, recipient) = Identities::generate();
        let patch = json!({"metadata": {"annotations": {labels::DOWNLOAD: recipient}}});
        let asked = self.session.change::<BackupRun>(&doing, namespace, name, &patch).await;
        asked.map_err(|f| match f.is_forbidden() {
            true => f.instead(format!(
                "kubectl create role backup-reader -n {namespace} --verb=create --resource=backupruns.backup-operator.io/download, by who may; or {OTHERWISE}"
            )),
            false => f,
        })?;
        let until = Instant::now() + ANSWER;
        while Instant::now() < until {
            let run: BackupRun = self.session.get(namespace, name).await?;
            let answer = run.status.and_then(|s| s.download).filter(|d| d.recipient == recipient);
            match answer {
                None => sleep(LOOK).await,
                Some(found) => {
                    let Some(sealed) = found.sealed else {
                        let why = found.message.unwrap_or_default();
                        return Err(fault(
                            &why,
                            &format!("kubectl backup describe {name} -n {namespace}; or {OTHERWISE}"),
                        ));
                    };
                    let text = identity.open(&sealed, LONGEST).map(zeroize::Zeroizing::new);
                    let text = text.map_err(|_| fault("its answer cannot be decrypted", "the same command again"))?;
                    let read = serde_json::from_slice(&text);
                    let answer = read.map_err(|_| {
                        fault(
                            "its answer cannot be read: the operator is another version than this program",
                            "kubectl backup version",
                        )
                    })?;
                    return Ok((found.expires_at.0, answer));
                }
            }
        }
        // An operator that does not know of it would leave it there for ever.
        let patch = json!({"metadata": {"annotations": {labels::DOWNLOAD: null}}});
        let _ = self.session.change::<BackupRun>(&doing, namespace, name, &patch).await;
        let why = format!("it did not answer within {} s", ANSWER.as_secs());
        Err(fault(
            &why,
            &format!("kubectl backup version, which says whether it runs and is as new; or {OTHERWISE}"),
        ))
    }
}

/// What needs neither the operator nor the right.
const OTHERWISE: &str = "the same command with --with-secret, where you may read the storage's Secret, or with --storage-file and keys of your own";

/// Host and port of a URL.
fn authority(url: &str) -> Result<String, String> {
    let wrong = || format!("{url:?} is no http(s)://host:port");
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return Err(wrong()),
    };
    let host = rest.trim_end_matches('/');
    let bare = host.rsplit(']').next().unwrap_or_default();
    match host.is_empty() || host.contains(['/', '@', '?', '#', ' ']) {
        true => Err(wrong()),
        false if bare.contains(':') => Ok(host.into()),
        false => Ok(format!("{host}:{port}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_a_port() {
        for (url, wanted) in [
            ("http://127.0.0.1:9000", Some("127.0.0.1:9000")),
            ("https://store.example/", Some("store.example:443")),
            ("http://[::1]:9000/", Some("[::1]:9000")),
            ("http://[::1]", Some("[::1]:80")),
            ("127.0.0.1:9000", None),
            ("ftp://a:1", None),
            ("http://", None),
            ("http://a:1/bucket", None),
            ("http://user@a:1", None),
        ] {
            assert_eq!(authority(url).ok().as_deref(), wanted, "{url}");
        }
    }
}
