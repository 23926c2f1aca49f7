//! What the API server asks (`AdmissionReview` of admission.k8s.io/v1), as far as it matters here. The object stays text until
//! it is read as its kind, once; its predecessor is not read at all.
use k8s_openapi::api::authentication::v1::UserInfo;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub struct Review {
    pub request: Option<Request>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Comes back in the answer.
    pub uid: String,
    pub kind: Kind,
    pub namespace: Option<String>,
    #[serde(default)]
    pub user_info: UserInfo,
    /// As it would be stored.
    pub object: Box<RawValue>,
}

#[derive(Deserialize)]
pub struct Kind {
    pub kind: String,
}
