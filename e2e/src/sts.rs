//! Access keys for a while (AssumeRole of AWS's security token service, which MinIO speaks): real keys to rotate.
use std::time::Duration;

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign};

use crate::s3::Store;

/// Until the request is answered.
const REQUEST: Duration = Duration::from_secs(20);
const BODY: &str = "Action=AssumeRole&DurationSeconds=3600&Version=2011-06-15";
const SCOPE: &str = "us-east-1/sts/aws4_request";

/// A pair of keys and their token.
#[derive(Clone, Debug)]
pub struct Temporary {
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: String,
    /// Session token.
    pub token: String,
}

/// Keys that are good for an hour.
pub fn temporary(store: &Store) -> Temporary {
    asked(store, BODY)
}

/// The same, which may do what the policy says and no more.
pub fn limited(store: &Store, policy: &serde_json::Value) -> Temporary {
    let policy: String = policy
        .to_string()
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    asked(store, &format!("{BODY}&Policy={policy}"))
}

/// Asks for keys. Signed in the header (AWS Signature Version 4), because this service takes no
/// signed URLs.
fn asked(store: &Store, body: &str) -> Temporary {
    let now = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let (day, date) = (
        now.strftime("%Y%m%d").to_string(),
        now.strftime("%Y%m%dT%H%M%SZ").to_string(),
    );
    let host = store.host();
    let request = format!(
        "POST\n/\n\nhost:{host}\nx-amz-date:{date}\n\nhost;x-amz-date\n{}",
        hex(digest(&SHA256, body.as_bytes()).as_ref())
    );
    let text = format!(
        "AWS4-HMAC-SHA256\n{date}\n{day}/{SCOPE}\n{}",
        hex(digest(&SHA256, request.as_bytes()).as_ref())
    );
    let (id, secret) = store.keys();
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in std::iter::once(day.as_str()).chain(SCOPE.split('/')) {
        key = sign(&Key::new(HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    let signature = hex(sign(&Key::new(HMAC_SHA256, &key), text.as_bytes()).as_ref());
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={id}/{day}/{SCOPE}, SignedHeaders=host;x-amz-date, Signature={signature}");
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(REQUEST))
        .build();
    let agent: ureq::Agent = config.into();
    let answer = agent
        .post(format!("http://{host}/"))
        .header("x-amz-date", &date)
        .header("authorization", &authorization)
        .header("content-type", "application/x-www-form-urlencoded")
        .send(body)
        .expect("the store");
    let text = answer.into_body().read_to_string().expect("an answer");
    let element = |name: &str| {
        let (_, rest) = text
            .split_once(&format!("<{name}>"))
            .unwrap_or_else(|| panic!("no {name} in {text}"));
        rest.split_once('<').expect(name).0.to_string()
    };
    Temporary {
        id: element("AccessKeyId"),
        secret: element("SecretAccessKey"),
        token: element("SessionToken"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
