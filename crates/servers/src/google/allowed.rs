//! Who may do what there: access tokens, signatures in a query, and assertions that are exchanged for a token.
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::digest;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::{Request, State};

fn verified(text: &[u8], signature: &[u8], state: &State) -> bool {
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, state.key.public_key().as_ref());
    public.verify(text, signature).is_ok()
}

/// A JWT of the account, for now.
pub(super) fn is_signed(jwt: &str, state: &State) -> bool {
    let Some((text, signature)) = jwt.rsplit_once('.') else {
        return false;
    };
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    let claims = text
        .split_once('.')
        .and_then(|(_, claims)| BASE64_URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Value = serde_json::from_slice(&claims.unwrap_or_default()).unwrap_or_default();
    let now = Timestamp::now().as_second();
    let timely = claims["iat"].as_i64().is_some_and(|iat| (iat - now).abs() < 60)
        && claims["exp"].as_i64().is_some_and(|exp| exp > now && exp <= now + 3600);
    let scope = claims["scope"]
        .as_str()
        .is_some_and(|s| s.ends_with("/auth/devstorage.read_write"));
    let theirs =
        claims["iss"] == state.account.as_str() && claims["aud"].as_str().is_some_and(|a| a.ends_with("/token"));
    timely && scope && theirs && verified(text.as_bytes(), &signature, state)
}

/// An access token, or a signature in the query: of that verb, path, query and those headers, in its time.
pub(super) fn allowed(request: &Request, query: &str, state: &State) -> Result<(), (u16, &'static str, String)> {
    if request.headers.keys().any(|name| name.starts_with("x-amz-")) {
        return Err((400, "InvalidHeader", "headers of S3 are for keys of S3".into()));
    }
    if request.header("authorization").is_some() {
        return match request.bearer() {
            true => Ok(()),
            false => Err((401, "AuthenticationRequired", "Authentication required.".into())),
        };
    }
    let denied = |why: &str| (403, "SignatureDoesNotMatch", why.to_string());
    let asked = |name: &str| request.asked(name).ok_or_else(|| denied(&format!("no {name}")));
    if asked("X-Goog-Algorithm")? != "GOOG4-RSA-SHA256" {
        return Err(denied("the algorithm"));
    }
    if request.method == "POST" {
        return Err(denied("a signed POST begins a resumable upload only"));
    }
    let (date, names) = (asked("X-Goog-Date")?, asked("X-Goog-SignedHeaders")?);
    let scope = asked("X-Goog-Credential")?.strip_prefix(&format!("{}/", state.account));
    let scope = scope.ok_or_else(|| denied("the account"))?;
    if scope
        != format!(
            "{}/auto/storage/goog4_request",
            date.split('T').next().unwrap_or_default()
        )
    {
        return Err(denied("the scope"));
    }
    let begun = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).map_err(|e| denied(&e.to_string()))?;
    let begun = begun
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map_err(|e| denied(&e.to_string()))?
        .timestamp();
    let life: i64 = asked("X-Goog-Expires")?.parse().map_err(|_| denied("the life"))?;
    if Timestamp::now().as_second() > begun.as_second() + life {
        return Err((400, "ExpiredToken", "The provided token has expired.".into()));
    }
    let listed = |name: &str| names.split(';').any(|n| n == name);
    if let Some(free) = request.headers.keys().find(|n| n.starts_with("x-goog-") && !listed(n)) {
        return Err(denied(&format!("{free} is not signed")));
    }
    let lines: String = names
        .split(';')
        .map(|name| {
            let value = request.header(name).unwrap_or_default();
            // Google's vectors have the host without its port.
            let value = if name == "host" {
                value.split(':').next().unwrap_or_default()
            } else {
                value
            };
            format!("{name}:{value}\n")
        })
        .collect();
    let (signed, signature) = query
        .rsplit_once("&X-Goog-Signature=")
        .ok_or_else(|| denied("no signature"))?;
    let canonical = format!(
        "{}\n{}\n{signed}\n{lines}\n{names}\nUNSIGNED-PAYLOAD",
        request.method, request.path
    );
    let hash: String = digest::digest(&digest::SHA256, canonical.as_bytes())
        .as_ref()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let text = format!("GOOG4-RSA-SHA256\n{date}\n{scope}\n{hash}");
    let digits = |at: usize| u8::from_str_radix(signature.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..signature.len() / 2).map(|i| digits(2 * i)).collect();
    match verified(text.as_bytes(), &bytes.unwrap_or_default(), state) {
        true => Ok(()),
        false => Err(denied("the signature")),
    }
}
