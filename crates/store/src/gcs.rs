//! Google Cloud Storage: the S3 dialect in Google's words, with Google's signatures.
//!
//! Its XML API is S3's in shape (uploads in parts, lists, ranges), and takes what a URL is good for by `GOOG4-RSA-SHA256`. A POST that begins or
//! completes an upload cannot be signed so: the operator's own requests carry an access token, which a service account's key is exchanged for, or
//! which the metadata service gives. A token signed by the account itself (JWT) would save the exchange, and is not taken by this API.
pub(crate) mod goog4;
pub(crate) mod key;
mod words;

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use rusty_s3::Method;
use serde_json::{Value, json};
use url::Url;

use crate::dial::Dial;
use crate::error::{StoreError, StoreErrorKind};
use crate::http::{Answer, Http};
use crate::proxy::Proxies;
use crate::secret::Secret;
use crate::signing::{Pairs, Signed};
use key::Key;

/// Until Google has signed something.
const SIGNED: Duration = Duration::from_secs(20);
/// The largest answer to that, bytes.
const LARGEST: usize = 64 << 10;
/// The step of signing, in errors.
const STEP: &str = "sign";
/// What the operator needs there.
pub(crate) const RIGHT: &str = "; the service account needs roles/storage.objectUser on the bucket";

/// Who asks Google's store. `Debug` prints no secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Google {
    /// The service account's address: URLs are signed in its name.
    pub(crate) account: String,
    /// What URLs are signed with.
    pub(crate) by: By,
    /// For the operator's own requests; there is none before the key was exchanged for one.
    pub(crate) token: Option<Secret>,
}

/// What URLs are signed with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum By {
    /// The account's own key.
    Key(Key),
    /// Google, asked for each (IAM's signBlob, at this place).
    Asking(Url),
}

impl fmt::Debug for Google {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Google")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// Signs for a bucket of Google's.
#[derive(Clone)]
pub(crate) struct Signer {
    google: Google,
    token: Secret,
    /// To who signs, where the key is not here.
    iam: Option<Http>,
}

impl Signer {
    pub(crate) fn new(google: Google, proxies: &Proxies) -> Result<Self, StoreError> {
        let wrong = |words: &str| StoreError::new("configure", StoreErrorKind::Configuration, words);
        let token = google.token.clone().ok_or_else(|| wrong("there is no access token"))?;
        // In the operator's own name: the storage has no say in how it gets there.
        let iam = match &google.by {
            By::Key(_) => None,
            By::Asking(place) => {
                let http = Http::new(None, Dial::new(proxies.of(place, None)))?;
                Some(http.of_answers_up_to(LARGEST))
            }
        };
        Ok(Self { google, token, iam })
    }

    /// A request of the operator's own.
    pub(crate) fn own(&self, target: &Url, query: &Pairs, headers: Pairs) -> Signed {
        let mut url = target.clone();
        url.set_query(None);
        let query = words::asked(query);
        let mut text = url.to_string();
        if !query.is_empty() {
            text.push('?');
            text.push_str(&goog4::query(query.iter()));
        }
        let mut headers: Vec<_> = words::sent(headers).into_iter().collect();
        headers.push(("authorization".to_owned(), format!("Bearer {}", self.token.reveal())));
        Signed {
            url: Secret::new(text),
            headers,
        }
    }

    /// A request for somebody else to send.
    pub(crate) async fn lent(
        &self,
        method: Method,
        target: &Url,
        query: &Pairs,
        headers: Pairs,
        expires: Duration,
        now: Timestamp,
    ) -> Result<Signed, StoreError> {
        let headers = words::sent(headers);
        // Whether a length that is signed is looked at, nobody says; the digest binds it.
        let signed = headers.iter().filter(|(name, _)| *name != "content-length");
        let request = goog4::Request {
            method: method.to_str(),
            target,
            query: &words::asked(query),
            headers: &signed.map(|(k, v)| (k.clone(), v.clone())).collect(),
            account: &self.google.account,
            expires,
            now,
        };
        let draft = request.draft();
        let signature = match &self.google.by {
            By::Key(key) => key.sign(draft.text.as_bytes()).map_err(refused)?,
            By::Asking(place) => self.asked(place, draft.text.as_bytes()).await?,
        };
        Ok(Signed {
            url: Secret::new(draft.url(&signature)),
            headers: headers.into_iter().collect(),
        })
    }

    async fn asked(&self, place: &Url, text: &[u8]) -> Result<Vec<u8>, StoreError> {
        let http = self.iam.as_ref().ok_or_else(|| refused("nobody signs".to_owned()))?;
        let account = &self.google.account;
        let url = format!(
            "{}v1/projects/-/serviceAccounts/{account}:signBlob",
            place.as_str().trim_end_matches('/').to_owned() + "/"
        );
        let request = Signed {
            url: Secret::new(url),
            headers: vec![
                ("authorization".to_owned(), format!("Bearer {}", self.token.reveal())),
                ("content-type".to_owned(), "application/json".to_owned()),
            ],
        };
        let body = Bytes::from(json!({ "payload": BASE64_STANDARD.encode(text) }).to_string());
        let answer = http.send(STEP, http::Method::POST, &request, body, SIGNED).await;
        let answer = answer.map_err(|e| e.with_its_cure())?;
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status != 200 {
            let said = told
                .pointer("/error/message")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let said: String = said.chars().filter(|c| !c.is_control()).take(300).collect();
            let kind = match answer.status {
                429 | 500.. => StoreErrorKind::Busy,
                _ => StoreErrorKind::Refused,
            };
            let words = format!(
                "IAM's signBlob of {account} answered {} {said}; the operator's own identity needs roles/iam.serviceAccountTokenCreator on that service account",
                answer.status
            );
            return Err(StoreError::new(STEP, kind, words).with_its_cure());
        }
        let signed = told.get("signedBlob").and_then(Value::as_str);
        let signed = signed.and_then(|text| BASE64_STANDARD.decode(text).ok());
        signed.ok_or_else(|| refused("IAM's answer to signBlob has no signature".to_owned()))
    }

    /// Each URL is a question to somebody else.
    pub(crate) fn asks(&self) -> bool {
        self.iam.is_some()
    }

    /// An answer in S3's words.
    pub(crate) fn heard(answer: Answer) -> Answer {
        words::heard(answer)
    }

    /// `text` without what nobody may read.
    pub(crate) fn redact(&self, text: &str) -> String {
        text.replace(self.token.reveal(), "***")
    }
}

fn refused(words: String) -> StoreError {
    StoreError::new(STEP, StoreErrorKind::Refused, words)
}
