//! Who hands out credentials in Amazon's cloud: an STS, and what a container and an instance are told of themselves. It looks at requests as
//! the real ones do, down to the signature, and refuses in their words. Gone when dropped.
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use jiff::{SignedDuration, Timestamp};
use ring::{digest, hmac};
use url::{Url, form_urlencoded};

/// Access key, secret and session token.
type Keys = [String; 3];

type Decides = dyn Fn(&str) -> Option<Keys> + Send + Sync;

/// Keys for a projected token, or none: of a store that is to take them.
#[derive(Clone)]
pub struct Gives(Arc<Decides>);

impl Gives {
    /// What decides.
    pub fn new(how: impl Fn(&str) -> Option<Keys> + Send + Sync + 'static) -> Self {
        Self(Arc::new(how))
    }
}

impl fmt::Debug for Gives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gives")
    }
}

/// What it takes and gives.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// The projected token that it takes.
    pub token: String,
    /// Who is asked instead, which tokens are good and what is given for them.
    pub gives: Option<Gives>,
    /// What it takes from a container.
    pub container: String,
    /// The access key and secret that it knows, beside those that it gave.
    pub keys: (String, String),
    /// The external id that the role asks for.
    pub external_id: Option<String>,
    /// How long what it gives is good.
    pub life: SignedDuration,
    /// Everything is refused from now on, with this status and code.
    pub refuses: Option<(u16, &'static str)>,
    /// The instance's role.
    pub role: Option<&'static str>,
    /// The token of the metadata service does not get through, as where its hop limit is 1.
    pub hop_limit: bool,
}

impl Default for Cloud {
    fn default() -> Self {
        Self {
            token: "projected.web.token".into(),
            gives: None,
            container: "Bearer-of-a-container".into(),
            keys: ("AKIDSTATIC".into(), "static-secret".into()),
            external_id: None,
            life: SignedDuration::from_hours(1),
            refuses: None,
            role: Some("node-role"),
            hop_limit: false,
        }
    }
}

struct State {
    cloud: Mutex<Cloud>,
    /// Access key to secret and session token.
    given: Mutex<BTreeMap<String, (String, Option<String>)>>,
    asked: Mutex<Vec<String>>,
    hung: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

/// One that runs.
pub struct RunningCloud {
    /// Host and port.
    pub address: String,
    state: Arc<State>,
}

impl Drop for RunningCloud {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        // Wakes who accepts.
        let _ = TcpStream::connect(&self.address);
    }
}

fn locked<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cloud {
    /// Brings it up.
    pub fn start(self) -> RunningCloud {
        self.start_at(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// The same on another of this machine's addresses.
    pub fn start_at(self, own: IpAddr) -> RunningCloud {
        let listener = TcpListener::bind((own, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (key, secret) = self.keys.clone();
        let state = Arc::new(State {
            cloud: Mutex::new(self),
            given: Mutex::new([(key, (secret, None))].into()),
            asked: Mutex::default(),
            hung: Mutex::default(),
            ended: AtomicBool::default(),
        });
        let serves = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serves.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), state) = (stream, serves.clone()) else {
                    continue;
                };
                thread::spawn(move || serve(stream, &state));
            }
        });
        RunningCloud { address, state }
    }
}

impl RunningCloud {
    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// It does something else from now on.
    pub fn change(&self, how: impl FnOnce(&mut Cloud)) {
        how(&mut locked(&self.state.cloud));
    }

    /// What was asked for so far: the STS's actions, and paths of the others.
    pub fn asked(&self) -> Vec<String> {
        locked(&self.state.asked).clone()
    }
}

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
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
    Some(Request {
        method,
        path,
        headers,
        body,
    })
}

fn serve(stream: TcpStream, state: &State) {
    let Some(request) = read(&stream) else {
        return;
    };
    let cloud = locked(&state.cloud).clone();
    let token = request.path == "/latest/api/token";
    if token && cloud.hop_limit {
        locked(&state.asked).push(request.path);
        locked(&state.hung).push(stream);
        return;
    }
    let (status, body) = match request.path.as_str() {
        "/" => sts(&request, &cloud, state),
        _ => node(&request, &cloud, state),
    };
    let mut writer = &stream;
    let _ = write!(
        writer,
        "HTTP/1.1 {status} As-Told\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

/// New keys: access key, secret, session token and end.
fn new_keys(cloud: &Cloud, state: &State) -> [String; 4] {
    let number = locked(&state.given).len();
    let keys = [
        format!("ASIATEMPORARY{number}"),
        format!("temporary-secret-{number}"),
        format!("session-token-{number}"),
    ];
    given(keys, cloud, state)
}

/// These keys are known from now on, and good for a while.
fn given([key, secret, token]: Keys, cloud: &Cloud, state: &State) -> [String; 4] {
    locked(&state.given).insert(key.clone(), (secret.clone(), Some(token.clone())));
    [key, secret, token, (Timestamp::now() + cloud.life).to_string()]
}

fn node(request: &Request, cloud: &Cloud, state: &State) -> (u16, String) {
    const TOKEN: &str = "metadata-token";
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    locked(&state.asked).push(request.path.clone());
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    let keys = || {
        let [key, secret, token, end] = new_keys(cloud, state);
        format!(
            r#"{{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"{key}","SecretAccessKey":"{secret}","Token":"{token}","Expiration":"{end}"}}"#
        )
    };
    if let Some((status, code)) = cloud.refuses {
        return (status, format!(r#"{{"code":"{code}","message":"As told"}}"#));
    }
    let role = cloud.role.unwrap_or("");
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/credentials") if header("authorization") == Some(&cloud.container) => (200, keys()),
        ("GET", "/v1/credentials") => (401, "Authorization token is missing or wrong".into()),
        ("PUT", "/latest/api/token") if header("x-aws-ec2-metadata-token-ttl-seconds").is_some() => (200, TOKEN.into()),
        ("GET", path)
            if path.starts_with("/latest/meta-data/") && header("x-aws-ec2-metadata-token") != Some(TOKEN) =>
        {
            (401, String::new())
        }
        ("GET", ROLES) if !role.is_empty() => (200, role.into()),
        ("GET", path) if !role.is_empty() && path.strip_prefix(ROLES) == Some(role) => (200, keys()),
        _ => (404, String::new()),
    }
}

fn sts(request: &Request, cloud: &Cloud, state: &State) -> (u16, String) {
    let refused = |status: u16, code: &str, message: &str| {
        (
            status,
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            ),
        )
    };
    let form: BTreeMap<String, String> = form_urlencoded::parse(&request.body).into_owned().collect();
    let word = |name: &str| form.get(name).map_or("", String::as_str);
    let action = word("Action");
    locked(&state.asked).push(action.to_owned());
    let typed = request.headers.get("content-type");
    if request.method != "POST" || !typed.is_some_and(|t| t.starts_with("application/x-www-form-urlencoded")) {
        return refused(400, "InvalidAction", "not a form that was posted");
    }
    if word("Version") != "2011-06-15" || word("RoleArn").is_empty() || word("RoleSessionName").is_empty() {
        return refused(400, "ValidationError", "a parameter is missing");
    }
    if let Some((status, code)) = cloud.refuses {
        return refused(status, code, "As told.");
    }
    match action {
        "AssumeRoleWithWebIdentity" if request.headers.contains_key("authorization") => {
            return refused(400, "ValidationError", "this action is not signed");
        }
        "AssumeRoleWithWebIdentity" => {
            let keys = match &cloud.gives {
                Some(gives) => gives.0(word("WebIdentityToken")).map(|keys| given(keys, cloud, state)),
                None => (word("WebIdentityToken") == cloud.token).then(|| new_keys(cloud, state)),
            };
            return match keys {
                Some(keys) => (200, taken_on(action, &keys)),
                None => refused(400, "InvalidIdentityToken", "Couldn't retrieve verification key"),
            };
        }
        "AssumeRole" => {
            if let Err(why) = signed(request, &locked(&state.given)) {
                return refused(403, "SignatureDoesNotMatch", &why);
            }
            if cloud.external_id.as_deref().is_some_and(|id| id != word("ExternalId")) {
                return refused(403, "AccessDenied", "User is not authorized to perform: sts:AssumeRole");
            }
        }
        _ => return refused(400, "InvalidAction", "Could not find operation"),
    }
    (200, taken_on(action, &new_keys(cloud, state)))
}

/// A role is taken on, with these keys.
fn taken_on(action: &str, [key, secret, token, end]: &[String; 4]) -> String {
    format!(
        r#"<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/x/y</Arn></AssumedRoleUser><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken><Expiration>{end}</Expiration></Credentials></{action}Result></{action}Response>"#
    )
}

/// Signs it again, by whatever is known of its key.
fn signed(request: &Request, known: &BTreeMap<String, (String, Option<String>)>) -> Result<(), String> {
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    let said = header("authorization").ok_or("it is not signed")?;
    let said = said.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("the algorithm")?;
    let parts: BTreeMap<&str, &str> = said.split(", ").filter_map(|part| part.split_once('=')).collect();
    let part = |name: &str| parts.get(name).copied().ok_or(format!("no {name}"));
    let (credential, names) = (part("Credential")?, part("SignedHeaders")?);
    let (key, scope) = credential.split_once('/').ok_or("no scope")?;
    let (secret, session) = known.get(key).ok_or("no such key")?;
    if session.as_deref() != header("x-amz-security-token") {
        return Err("the session token".into());
    }
    let must = ["host", "x-amz-date"]
        .into_iter()
        .chain(session.as_ref().map(|_| "x-amz-security-token"));
    if let Some(missing) = must
        .into_iter()
        .find(|must| !names.split(';').any(|name| name == *must))
    {
        return Err(format!("{missing} is not signed"));
    }
    let date = header("x-amz-date").ok_or("no date")?;
    let [day, region, "sts", "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..] else {
        return Err("the scope".into());
    };
    if !date.starts_with(day) {
        return Err("the day".into());
    }
    let lines: String = names
        .split(';')
        .map(|name| format!("{name}:{}\n", header(name).unwrap_or_default()))
        .collect();
    let path = Url::parse("http://x/")
        .and_then(|url| url.join(&request.path))
        .map_err(|e| e.to_string())?;
    let canonical = format!(
        "{}\n{}\n\n{lines}\n{names}\n{}",
        request.method,
        path.path(),
        hash(&request.body)
    );
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(canonical.as_bytes()));
    let mac = |key: &[u8], text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
            .as_ref()
            .to_vec()
    };
    let signing = [day, region, "sts", "aws4_request"]
        .into_iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, text| mac(&key, text));
    match hex(&mac(&signing, &text)) == part("Signature")? {
        true => Ok(()),
        false => Err("the signature".into()),
    }
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
