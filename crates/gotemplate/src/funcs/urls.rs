//! URLs, taken apart and put together.
use super::Param::{Dict, Text};
use super::{Function, exactly};
use crate::call::{Call, Fault};
use crate::go::url::Url;
use crate::value::{Of, Value};

pub const ALL: &[Function] = &[
    exactly(
        "urlParse",
        &[Text],
        "dict",
        "A dict of `scheme`, `host`, `hostname`, `path`, `query`, `opaque`, `fragment` and `userinfo`.",
        |call| {
            let url = Url::parse(call.text(0)?).map_err(|why| call.fault_at(0, format!("urlParse: {why}")))?;
            let userinfo = url.user.as_ref().map(|u| u.text()).unwrap_or_default();
            let parts = [
                ("scheme", url.scheme.as_str()),
                ("host", &url.host),
                ("hostname", url.hostname()),
                ("path", &url.path),
                ("query", &url.query),
                ("opaque", &url.opaque),
                ("fragment", &url.fragment),
                ("userinfo", &userinfo),
            ];
            call.made_dict(
                Of::Any,
                parts.into_iter().map(|(k, v)| (k.into(), Value::text(v))).collect(),
            )
        },
    ),
    exactly("urlJoin", &[Dict], "string", "The URL of such a dict.", |call| {
        let user = part(call, "userinfo")?;
        let user = if user.is_empty() {
            None
        } else {
            let url = Url::parse(&format!("proto://{user}@host"));
            url.map_err(|why| call.fault_at(0, format!("urlJoin, userinfo: {why}")))?
                .user
        };
        let url = Url {
            scheme: part(call, "scheme")?,
            host: part(call, "host")?,
            path: part(call, "path")?,
            query: part(call, "query")?,
            opaque: part(call, "opaque")?,
            fragment: part(call, "fragment")?,
            user,
        };
        call.made(url.text())
    }),
];

fn part(call: &Call<'_>, key: &str) -> Result<String, Fault> {
    match call.dict(0)?.get(key) {
        None => Ok(String::new()),
        Some(Value::Text(text)) => Ok(text.to_string()),
        Some(other) => Err(call.fault_at(0, format!("urlJoin: {key:?} has to be a text, not {}", other.words()))),
    }
}
