//! Headers of a signed request. Of some stores the signature is one of them, so that they are no less a secret than the URL.
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// Names and values, to be sent as they are: serialised so, and printed as names alone.
#[derive(Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Headers(Vec<(String, String)>);

impl From<Vec<(String, String)>> for Headers {
    fn from(all: Vec<(String, String)>) -> Self {
        Self(all)
    }
}

impl std::ops::Deref for Headers {
    type Target = [(String, String)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_sent_as_they_are_and_printed_as_names() {
        let all = vec![("authorization".to_owned(), "SharedKey a:hunter2".to_owned())];
        let headers = Headers::from(all.clone());
        let told = serde_json::to_string(&headers).unwrap();
        assert_eq!(
            told,
            serde_json::to_string(&all).unwrap(),
            "as agents of before read it"
        );
        assert_eq!(serde_json::from_str::<Headers>(&told).unwrap(), headers);
        let printed = format!("{headers:?}");
        assert!(
            printed.contains("authorization") && !printed.contains("hunter2"),
            "{printed}"
        );
    }
}
