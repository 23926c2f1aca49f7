//! Google's cloud as far as backups meet it, before a real S3 server that keeps versions: its XML API, which looks at GOOG4 signatures and access
//! tokens as Google documents it; the exchange of keys for tokens; the metadata service; IAM's signBlob. Gone when dropped.
//!
//! No emulator does this: those that there are have no uploads in parts in their XML API, or look at no signature.
// Only tests use it.
#![allow(clippy::indexing_slicing)]

mod allowed;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rusty_s3::Method;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use allowed::{allowed, is_signed};

use crate::exchange::exchange;
use crate::running::{Running, SECRET_KEY};

/// Google's public test key, and the service account that it is of.
pub const VECTORS: &str = include_str!("../../store/src/gcs/goog4/vectors.json");

struct State {
    key: RsaKeyPair,
    account: String,
    /// The store behind it: endpoint, access key.
    behind: (String, &'static str),
    asked: Mutex<Vec<String>>,
    refuses: Mutex<Option<u16>>,
    ended: AtomicBool,
}

/// One that runs.
pub struct Google {
    /// Host and port.
    pub address: String,
    /// What it shows over TLS, in PEM; it signed itself.
    pub certificate: Option<String>,
    state: Arc<State>,
}

impl Drop for Google {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        // Wakes who accepts.
        let _ = TcpStream::connect(&self.address);
    }
}

fn locked<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A token that the key is exchanged for, and one of the node's.
const TOKENS: [&str; 2] = ["ya29.of-the-key", "ya29.of-the-node"];

impl Google {
    /// Before a server that runs.
    pub fn start(behind: &Running) -> Self {
        Self::listen(behind, IpAddr::V4(Ipv4Addr::LOCALHOST), None)
    }

    /// The same by TLS, on another of this machine's addresses: for whoever is not on this machine.
    pub fn start_secure(behind: &Running, own: IpAddr) -> Self {
        Self::listen(
            behind,
            own,
            Some(rcgen::generate_simple_self_signed(vec![own.to_string()]).unwrap()),
        )
    }

    fn listen(behind: &Running, own: IpAddr, shows: Option<rcgen::CertifiedKey<rcgen::KeyPair>>) -> Self {
        let listener = TcpListener::bind((own, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let file = &serde_json::from_str::<Value>(VECTORS).unwrap()["key"];
        let pem: String = file["private_key"]
            .as_str()
            .unwrap()
            .lines()
            .filter(|l| !l.starts_with('-'))
            .collect();
        let state = Arc::new(State {
            key: RsaKeyPair::from_pkcs8(&BASE64_STANDARD.decode(pem).unwrap()).unwrap(),
            account: file["client_email"].as_str().unwrap().to_string(),
            behind: (behind.endpoint(), behind.server.access_key),
            asked: Mutex::default(),
            refuses: Mutex::default(),
            ended: AtomicBool::default(),
        });
        let (serves, tls) = (state.clone(), shows.as_ref().map(speaks));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serves.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(mut stream), state, tls) = (stream, serves.clone(), tls.clone()) else {
                    continue;
                };
                thread::spawn(move || match tls {
                    None => serve(&mut stream, &state),
                    Some(tls) => {
                        let mut stream = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
                        serve(&mut stream, &state);
                        stream.conn.send_close_notify();
                        let _ = stream.flush();
                    }
                });
            }
        });
        let certificate = shows.map(|shows| shows.cert.pem());
        Self {
            address,
            certificate,
            state,
        }
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// The key file, with this place to exchange it at.
    pub fn key_file(&self) -> String {
        let mut file = serde_json::from_str::<Value>(VECTORS).unwrap()["key"].clone();
        file["token_uri"] = self.url("/token").into();
        file.to_string()
    }

    /// Paths of requests that were no objects'.
    pub fn asked(&self) -> Vec<String> {
        locked(&self.state.asked).clone()
    }

    /// What hands out tokens and signatures answers so from now on.
    pub fn refuse(&self, status: Option<u16>) {
        *locked(&self.state.refuses) = status;
    }
}

/// TLS with that certificate.
fn speaks(shows: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Arc<ServerConfig> {
    let key = PrivatePkcs8KeyDer::from(shows.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    Arc::new(
        config
            .with_single_cert(vec![shows.cert.der().clone()], key.into())
            .unwrap(),
    )
}

struct Request {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn bearer(&self) -> bool {
        let token = self
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| TOKENS.contains(&token))
    }
}

fn read(stream: &mut impl Read) -> Option<(Request, String)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|value| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let request = Request {
        method,
        path: path.to_owned(),
        query: form_urlencoded::parse(query.replace('+', "%2B").as_bytes())
            .into_owned()
            .collect(),
        headers,
        body,
    };
    Some((request, query.to_owned()))
}

fn serve(stream: &mut (impl Read + Write), state: &State) {
    let Some((request, query)) = read(stream) else {
        return;
    };
    let own = request.path == "/token"
        || request.path.starts_with("/computeMetadata/")
        || request.path.ends_with(":signBlob");
    let (status, headers, body) = match own {
        true => handing_out(&request, state),
        false => match allowed(&request, &query, state) {
            Ok(()) => passed_on(&request, state),
            Err((status, code, why)) => {
                let body = format!("<?xml version='1.0'?><Error><Code>{code}</Code><Message>{why}</Message></Error>");
                (status, vec![], body.into_bytes())
            }
        },
    };
    let mut head = format!("HTTP/1.1 {status} As-Told\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if request.method != "HEAD" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    let _ = stream.write_all(
        &[
            head.as_bytes(),
            b"\r\n",
            if request.method == "HEAD" { b"" } else { &body },
        ]
        .concat(),
    );
}

type Told = (u16, Vec<(String, String)>, Vec<u8>);

fn handing_out(request: &Request, state: &State) -> Told {
    locked(&state.asked).push(request.path.clone());
    let told = |status: u16, value: Value| (status, vec![], value.to_string().into_bytes());
    if let Some(status) = *locked(&state.refuses) {
        return told(status, json!({ "error": { "code": status, "message": "As told." } }));
    }
    let flavor = || vec![("Metadata-Flavor".to_string(), "Google".to_string())];
    let node = request.header("metadata-flavor") == Some("Google");
    let token = |text: &str| json!({ "access_token": text, "expires_in": 3599, "token_type": "Bearer" });
    match request.path.as_str() {
        "/token" => {
            let form: BTreeMap<String, String> = form_urlencoded::parse(&request.body).into_owned().collect();
            let grant = form.get("grant_type").map(String::as_str);
            let good = grant == Some("urn:ietf:params:oauth:grant-type:jwt-bearer")
                && form.get("assertion").is_some_and(|jwt| is_signed(jwt, state));
            match good {
                true => told(200, token(TOKENS[0])),
                false => told(
                    400,
                    json!({ "error": "invalid_grant", "error_description": "Invalid JWT Signature." }),
                ),
            }
        }
        path if path.ends_with("/default/email") && node => (200, flavor(), state.account.clone().into_bytes()),
        path if path.ends_with("/default/token") && node => (200, flavor(), token(TOKENS[1]).to_string().into_bytes()),
        path if path == format!("/v1/projects/-/serviceAccounts/{}:signBlob", state.account) && request.bearer() => {
            let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let payload = BASE64_STANDARD
                .decode(asked["payload"].as_str().unwrap_or_default())
                .unwrap();
            let mut signature = vec![0; state.key.public().modulus_len()];
            state
                .key
                .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &payload, &mut signature)
                .unwrap();
            told(
                200,
                json!({ "keyId": "k", "signedBlob": BASE64_STANDARD.encode(signature) }),
            )
        }
        _ => told(
            403,
            json!({ "error": { "code": 403, "message": "Permission denied." } }),
        ),
    }
}

/// To the store behind it, in S3's words and with its keys.
fn passed_on(request: &Request, state: &State) -> Told {
    let method = match request.method.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "PUT" => Method::Put,
        "POST" => Method::Post,
        _ => Method::Delete,
    };
    let (endpoint, key) = &state.behind;
    let target: Url = format!("{endpoint}{}", request.path).parse().unwrap();
    let query = request.query.iter().filter(|(name, _)| !name.starts_with("X-Goog-"));
    let query = query.map(|(name, value)| {
        let name = if name == "generation" { "versionId" } else { name };
        (name.to_string(), value.clone())
    });
    let kept = [
        "content-length",
        "content-md5",
        "content-type",
        "range",
        "if-match",
        "if-none-match",
    ];
    let headers = request
        .headers
        .iter()
        .filter_map(|(name, value)| match name.strip_prefix("x-goog-") {
            Some(rest) if rest.starts_with("meta-") => Some((format!("x-amz-{rest}"), value.clone())),
            // It has other classes.
            Some(_) => None,
            None => kept.contains(&name.as_str()).then(|| (name.clone(), value.clone())),
        });
    let (query, headers): (Vec<_>, Vec<_>) = (query.collect(), headers.collect());
    let url = rusty_s3::signing::sign(
        &Timestamp::now(),
        method,
        target,
        key,
        SECRET_KEY,
        None,
        "us-east-1",
        60,
        query.iter().map(|(k, v)| (k.as_str(), v.as_str())),
        headers.iter().map(|(k, v)| (k.as_str(), v.as_str())),
    );
    let Some(answer) = exchange(&request.method, url.as_str(), &headers, &request.body) else {
        return (503, vec![], b"<Error><Code>ServiceUnavailable</Code></Error>".to_vec());
    };
    let chunked = answer
        .header("transfer-encoding")
        .is_some_and(|value| value == "chunked");
    let headers = answer.headers.iter().filter_map(|(name, value)| {
        let name = match (name.as_str(), name.strip_prefix("x-amz-")) {
            (_, Some("version-id")) => "x-goog-generation".to_string(),
            (_, Some(rest)) if rest.starts_with("meta-") => format!("x-goog-{rest}"),
            (_, Some(_)) | ("connection" | "transfer-encoding", _) => return None,
            ("content-length", _) if request.method != "HEAD" => return None,
            (other, _) => other.to_string(),
        };
        Some((name, value.clone()))
    });
    let body = if chunked {
        whole(&answer.body)
    } else {
        answer.body.clone()
    };
    let body = match request.asked("versions") {
        Some(_) => String::from_utf8_lossy(&body)
            .replace("VersionId>", "Generation>")
            .into_bytes(),
        None => body,
    };
    (answer.status, headers.collect(), body)
}

/// A chunked body without its chunks' sizes.
fn whole(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).ok();
        let size = size
            .and_then(|text| usize::from_str_radix(text.trim(), 16).ok())
            .unwrap_or(0);
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    body
}
