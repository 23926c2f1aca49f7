//! Answers that are not a store's: of an ingress, a proxy, a mesh, a console's port. A store marks what it says: headers of its own,
//! errors in S3's XML.

/// Headers that only stores give, by what they begin with. Of Azure's those of its storage: its pages for signing in have some, too.
const MARKS: [&str; 5] = ["x-amz-", "x-goog-", "x-ms-version", "x-ms-error-code", "x-ms-blob-"];
/// Bytes of a body that are looked at.
const LOOKED_AT: usize = 4096;

/// An answer, as far as it is needed to tell whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Its status.
    pub status: u16,
    /// Whether a header of its has a store's name.
    pub marked: bool,
    /// Content-Type, empty where there is none.
    pub kind: &'a str,
    /// Of the body, its beginning; None where it was not looked at.
    pub body: Option<&'a [u8]>,
}

impl<'a> Answered<'a> {
    /// Of the names of all headers.
    pub fn new(status: u16, mut names: impl Iterator<Item = &'a str>, kind: &'a str, body: Option<&'a [u8]>) -> Self {
        Self {
            status,
            marked: names.any(|name| MARKS.iter().any(|mark| name.starts_with(mark))),
            kind,
            body: body.map(|body| body.get(..LOOKED_AT).unwrap_or(body)),
        }
    }

    fn is_page(&self) -> bool {
        let body = String::from_utf8_lossy(self.body.unwrap_or_default())
            .trim_start()
            .to_ascii_lowercase();
        let begins = body.starts_with("<!doctype html") || body.starts_with("<html");
        begins || self.kind.to_ascii_lowercase().starts_with("text/html")
    }
}

/// Whether a body can only be a store's: its errors and its list of buckets are XML of S3, which nothing in between speaks.
pub fn is_of_a_store(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    text.contains("<ListAllMyBucketsResult") || (text.contains("<Error") && text.contains("<Code>"))
}

/// What is to be said of an answer that is not the store's. None: it may be. An error without a body says nothing of who gave it,
/// and neither does a good answer that is no web page.
pub fn stranger(answer: &Answered<'_>) -> Option<String> {
    // Where a redirect leads to says more than who sends there.
    if answer.marked || (300..400).contains(&answer.status) || is_of_a_store(answer.body.unwrap_or_default()) {
        return None;
    }
    let text = String::from_utf8_lossy(answer.body.unwrap_or_default());
    if answer.status == 400 && speaks_tls(&text) {
        return Some(format!("{SPEAKS_TLS} (it answered 400: {})", line(&text)));
    }
    let good = answer.status < 300;
    // What follows is of no store: an empty answer may well be.
    if (good && !answer.is_page()) || (answer.body.is_some_and(<[u8]>::is_empty) && answer.status != 413) {
        return None;
    }
    Some(told(answer))
}

/// The same for the answer to a PUT: a store gives an ETag, and nothing in the body.
pub fn stranger_to_put(answer: &Answered<'_>, has_etag: bool) -> Option<String> {
    let says_something = answer.body.is_some_and(|body| !body.is_empty());
    let is_odd = answer.status < 300 && !answer.marked && !has_etag && says_something;
    stranger(answer).or_else(|| is_odd.then(|| told(answer)))
}

fn told(answer: &Answered<'_>) -> String {
    let status = answer.status;
    let what = if answer.is_page() { " with a web page" } else { "" };
    let cure = match status {
        ..300 => "spec.parameters.endpoint has to name the store itself, not a console or a page for signing in",
        400..=403 => {
            "it lets this request not pass: the access keys were not looked at; check its rules, or name the store itself in spec.parameters.endpoint"
        }
        404 | 405 => "it does not know the store by this host and path: check spec.parameters.endpoint, and its rules",
        413 => {
            "it limits the size of a request: raise that above the size of a part, which is spec.parameters.partSize at least (5Mi where that says nothing) and more for large backups (nginx: client_max_body_size, its ingress: the annotation nginx.ingress.kubernetes.io/proxy-body-size), or lower partSize"
        }
        502..=504 => "it does not reach the store: check that the store runs, and the way from there to it",
        _ => "check its rules, or name the store itself in spec.parameters.endpoint",
    };
    format!(
        "this answer is not the store's: something in between (an ingress, a proxy, a mesh, a console's port) answered {status}{what}; {cure}"
    )
}

/// What a port says that speaks TLS and hears plain HTTP.
pub const SPEAKS_TLS: &str = "the store speaks TLS: spec.parameters.endpoint should begin with https://";

/// Go's servers, nginx, Apache.
fn speaks_tls(body: &str) -> bool {
    [
        "HTTP request to an HTTPS server",
        "plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
    ]
    .iter()
    .any(|words| body.contains(words))
}

/// The first words of a body, without its markup.
fn line(text: &str) -> String {
    let mut inside = false;
    let plain = text.chars().filter(|c| {
        let keep = !inside && *c != '<';
        inside = *c == '<' || (inside && *c != '>');
        keep
    });
    let plain: String = plain.map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<_> = plain.split_whitespace().collect();
    words.join(" ").chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<html><head><title>x</title></head></html>";
    const ERROR: &str = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>";

    fn told(status: u16, names: &[&'static str], kind: &'static str, body: &'static str) -> Option<String> {
        stranger(&Answered::new(
            status,
            names.iter().copied(),
            kind,
            Some(body.as_bytes()),
        ))
    }

    #[test]
    fn only_a_store_answers_as_a_store() {
        for (body, expected) in [
            (ERROR, true),
            ("<?xml version='1.0'?><ListAllMyBucketsResult xmlns='x'>", true),
            ("<html><h1>502 Bad Gateway</h1></html>", false),
            ("upstream connect error or disconnect/reset before headers", false),
            ("", false),
        ] {
            assert_eq!(is_of_a_store(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn what_bears_a_stores_marks_or_may_be_its_is_not_a_strangers() {
        let marks: &[&str] = &["server", "x-amz-request-id"];
        for (status, names, kind, body) in [
            (403, &[][..], "application/xml", ERROR),
            (403, marks, "text/html", PAGE),
            (200, marks, "text/html", PAGE),
            (200, &["x-goog-hash"], "text/html", PAGE),
            (200, &["x-ms-version"], "text/html", PAGE),
            (404, &["x-ms-error-code"], "text/html", PAGE),
            (200, &[], "", ""),
            (200, &[], "application/octet-stream", "bytes"),
            (301, &[], "text/html", PAGE),
            (404, &[], "", ""),
            (503, &[], "", ""),
        ] {
            assert_eq!(told(status, names, kind, body), None, "{status} {names:?} {body}");
        }
    }

    #[test]
    fn a_gateways_answer_is_told_as_one_with_the_cure_that_fits() {
        for (status, kind, body, says) in [
            (
                200,
                "text/html; charset=utf-8",
                PAGE,
                "answered 200 with a web page; spec.parameters.endpoint has to name",
            ),
            (200, "", "<!DOCTYPE html><p>", "console"),
            (401, "text/html", PAGE, "the access keys were not looked at"),
            (403, "text/html", PAGE, "the access keys were not looked at"),
            (403, "text/plain", "RBAC: access denied", "answered 403; it lets"),
            (404, "text/plain", "404 page not found", "does not know the store"),
            (413, "text/html", PAGE, "client_max_body_size"),
            (413, "", "", "spec.parameters.partSize"),
            (502, "text/html", PAGE, "does not reach the store"),
            (503, "text/plain", "upstream connect error", "does not reach the store"),
        ] {
            let words = told(status, &["server"], kind, body).unwrap_or_default();
            assert!(
                words.starts_with("this answer is not the store's: ") && words.contains(says),
                "{status}: {words}"
            );
            assert!(!words.contains("access key needs"), "{words}");
        }
    }

    #[test]
    fn a_store_answers_a_put_with_an_etag_and_nothing_else() {
        let told = |names: &[&'static str], body: &'static str, etag| {
            stranger_to_put(
                &Answered::new(200, names.iter().copied(), "", Some(body.as_bytes())),
                etag,
            )
        };
        let words = told(&[], "ok", false).unwrap_or_default();
        assert!(
            words.contains("answered 200; spec.parameters.endpoint has to name"),
            "{words}"
        );
        for (names, body, etag) in [
            (&[][..], "", false),
            (&[], "ok", true),
            (&["x-amz-request-id"], "ok", false),
        ] {
            assert_eq!(told(names, body, etag), None);
        }
    }

    #[test]
    fn a_body_that_is_not_looked_at_is_told_by_its_kind() {
        let seen = |kind| stranger(&Answered::new(200, std::iter::empty(), kind, None)).is_some();
        assert!(seen("text/html; charset=utf-8") && !seen("binary/octet-stream") && !seen(""));
    }

    #[test]
    fn a_port_of_tls_that_hears_plain_http_is_told_as_one() {
        for body in [
            "Client sent an HTTP request to an HTTPS server.\n",
            "<html><center>The plain HTTP request was sent to HTTPS port</center></html>",
            "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
        ] {
            let words = told(400, &[], "", body).unwrap_or_default();
            assert!(
                words.contains("should begin with https:// (it answered 400: "),
                "{words}"
            );
            assert!(!words.contains("<"), "{words}");
        }
    }
}
