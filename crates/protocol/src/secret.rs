//! A string that is never printed and is wiped when dropped.
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A secret on its way through the protocol: serialised as it is, printed as `***`.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
    /// The text itself, for the one place that uses it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Job, ToAgent, UrlRequest, encode};

    #[test]
    fn no_message_prints_the_secret_that_it_carries() {
        let url = ToAgent::Url {
            request: UrlRequest::Get { number: 1 },
            url: Secret::new("https://s/k?X-Amz-Signature=hunter2".into()),
            headers: vec![("authorization".into(), "SharedKey a:hunter2".into())].into(),
        };
        let start = ToAgent::Start(Box::new(Job {
            command: vec!["load".into()],
            deadline_seconds: None,
            grace_seconds: 5,
            retry_seconds: 9,
            absence_seconds: 9,
            compression: None,
            ca_bundle: None,
            proxy: None,
            relay: false,
            bandwidth: None,
            check: None,
            action: Action::Restore {
                identity: Some(Secret::new("AGE-SECRET-KEY-hunter2".into())),
                window_log: None,
                passphrase: false,
                size: 1,
                sha256: None,
                etag: None,
            },
        }));
        for message in [url, start] {
            let frame = encode(&message).unwrap();
            assert!(frame.windows(7).any(|w| w == b"hunter2"), "it carries it");
            for printed in [format!("{message:?}"), format!("{message:#?}")] {
                assert!(printed.contains("***") && !printed.contains("hunter2"), "{printed}");
            }
            let mut decoder = crate::Decoder::default();
            decoder.push(&frame);
            assert!(!format!("{decoder:?}").contains("hunter2"));
        }
    }

    #[test]
    fn an_error_about_a_message_tells_nothing_of_it() {
        let mut decoder = crate::Decoder::default();
        let body = br#"{"type":"url","request":{"for":"get","number":"hunter2"},"url":"hunter2","headers":[]}"#;
        decoder.push(&u32::try_from(body.len()).unwrap().to_be_bytes());
        decoder.push(body);
        let error = decoder.next_frame::<ToAgent>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
