//! Entra's token endpoint, as workload identities use it: it takes one projected token, and gives a JWT that Azurite reads. Gone when dropped.
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use url::form_urlencoded;

use crate::cloud::read;

/// The projected token that it takes.
pub const FEDERATED: &str = "projected.service.account";
const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "66666666-7777-8888-9999-000000000000";

/// One that runs.
pub struct Entra {
    address: String,
    asked: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

impl Drop for Entra {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes who accepts.
        let _ = TcpStream::connect(&self.address);
    }
}

impl Entra {
    /// Brings it up.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let entra = Self {
            address: listener.local_addr().unwrap().to_string(),
            asked: Arc::default(),
            ended: Arc::default(),
        };
        let (asked, ended) = (entra.asked.clone(), entra.ended.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                asked.fetch_add(1, Ordering::SeqCst);
                serve(stream);
            }
        });
        entra
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The variables that the webhook of Azure workload identity sets, the token in that file.
    pub fn variables(&self, file: &str) -> BTreeMap<String, String> {
        [
            ("AZURE_FEDERATED_TOKEN_FILE", file),
            ("AZURE_CLIENT_ID", CLIENT),
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_AUTHORITY_HOST", &format!("http://{}/", self.address)),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

fn serve(mut stream: TcpStream) {
    let Some(request) = read(&stream) else { return };
    let form: BTreeMap<_, _> = form_urlencoded::parse(&request.body).into_owned().collect();
    let is = |name: &str, wanted: &str| form.get(name).is_some_and(|value| value == wanted);
    let (status, body) = if request.method != "POST" || request.path != format!("/{TENANT}/oauth2/v2.0/token") {
        (404, refused("AADSTS90002: Tenant not found."))
    } else if !is("client_id", CLIENT) {
        (400, refused("AADSTS700016: Application was not found."))
    } else if !is("grant_type", "client_credentials")
        || !is("scope", "https://storage.azure.com/.default")
        || !is(
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        )
    {
        (400, refused("AADSTS900144: The request body is wrong."))
    } else if !is("client_assertion", FEDERATED) {
        (
            401,
            refused("AADSTS700213: No matching federated identity record found."),
        )
    } else {
        (
            200,
            serde_json::json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token()}).to_string(),
        )
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
}

fn refused(words: &str) -> String {
    serde_json::json!({"error": "invalid_client", "error_description": format!("{words}\r\nTrace ID: 1")}).to_string()
}

fn token() -> String {
    let now = Timestamp::now().as_second();
    let claims = serde_json::json!({
        "aud": "https://storage.azure.com",
        "iss": format!("https://sts.windows.net/{TENANT}/"),
        "iat": now - 60, "nbf": now - 60, "exp": now + 3599,
        "oid": CLIENT, "tid": TENANT,
    });
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        part("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"),
        part(&claims.to_string()),
        part("unsigned")
    )
}
