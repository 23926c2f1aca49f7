//! A session with all that it works with in this process: an API server that takes execs, a store in memory, somebody who
//! records what has to be recorded, and the test in the agent's place.
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::BackupRun;
use api::names::Action;
use api::run::Transfer;
use api::storage::DataPath;
use futures::{SinkExt, StreamExt};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Config;
use planner::run::{Chosen, Contact, End, Route, TransferOrder, TransferView};
use protocol::{AgentState, Decoder, Frame, FromAgent, Job, ToAgent, encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::super::Session;
use super::store::{MemoryStore, UPLOAD};
use crate::context::Context;
use crate::mocked;
use crate::stores::OpenStore;
use crate::transfer::exec::Exec;

/// Nothing here takes longer on a busy machine.
pub const LONG: Duration = Duration::from_secs(60);
const UID: &str = "uid-1";

pub struct Rig {
    pub store: MemoryStore,
    pub context: Arc<Context>,
    connections: mpsc::Receiver<TcpStream>,
    ended: mpsc::Receiver<End>,
    /// The upload that another operator has recorded before.
    pub recorded: Arc<Mutex<Option<String>>>,
    /// Who answers for the cluster; nobody, unless a test does.
    pub api: Option<mocked::Server>,
}

/// A session for a backup or a restore of `/db.sql`, and the route that its storage asks for.
pub async fn rig(action: Action, path: DataPath) -> Rig {
    rig_of(action, path, testing::backup_run()).await
}

pub async fn rig_of(action: Action, path: DataPath, run: BackupRun) -> Rig {
    rig_after(action, path, run, false).await
}

/// The session of an operator that comes after another one had handed the command over, or before.
pub async fn rig_after(action: Action, path: DataPath, mut run: BackupRun, command_started: bool) -> Rig {
    let store = MemoryStore::default();
    if action == Action::Restore {
        store.held().object = Some((10, Default::default()));
    }
    let open = open(&store.serve().await, path);
    let (exec, connections) = api_server().await;
    let (client, api) = mocked::connect();
    let (context, mut woken) = mocked::context(client, exec);
    let order = TransferOrder {
        attempt: if action == Action::Backup {
            "backup-1"
        } else {
            "restore-1"
        }
        .into(),
        action,
        pod: "db-backup-1".into(),
        pod_uid: "pod-1".into(),
        container: "main".into(),
        storage: "minio".into(),
        cluster: "here".into(),
        key: "db.sql".into(),
        moved: false,
        only_new: action == Action::Backup,
        replaces: None,
        upload_id: None,
        route: Route::Direct,
        command_started,
    };
    run.status.get_or_insert_default().transfer = Some(Transfer {
        agent: None,
        attempt: order.attempt.clone(),
        started_at: Time(Timestamp::now()),
        pod_uid: Some(order.pod_uid.clone()),
        command_started_at: None,
        key: Some(order.key.clone()),
        upload_id: None,
        storage: None,
        location: None,
        route: "Direct".into(),
        waited_for: vec![],
        failed_at: None,
        cancelled_at: None,
    });
    let registry = context.registry.clone();
    let handle = registry
        .open(&run, UID, &order.attempt, std::time::Instant::now())
        .unwrap();
    tokio::spawn(Session::new(&context, &Arc::new(run), order, open, handle).run());
    let (tell, ended) = mpsc::channel(1);
    let recorded = Arc::new(Mutex::new(None));
    let before = recorded.clone();
    // As reconcile does: what is asked for is recorded.
    tokio::spawn(async move {
        while woken.next().await.is_some() {
            match registry.view(UID) {
                TransferView::Active { upload, .. } => {
                    let before = before.lock().unwrap().clone();
                    registry.recorded(UID, upload.map(|created| before.unwrap_or(created)), true);
                }
                TransferView::Ended { end, .. } => {
                    let _ = tell.send(*end).await;
                    registry.forget(UID);
                }
                TransferView::None => {}
            }
        }
    });
    Rig {
        store,
        context,
        connections,
        ended,
        recorded,
        api: Some(api),
    }
}

fn open(endpoint: &str, data_path: DataPath) -> OpenStore {
    let parameters = [
        ("bucket", "backups"),
        ("endpoint", endpoint),
        ("insecure", "true"),
        ("retrySeconds", "600"),
    ];
    let parameters = parameters.map(|(k, v)| (k.to_string(), v.to_string())).into();
    let parameters = store::Parameters::parse(store::Kind::S3, &parameters).unwrap();
    let credentials = store::Credentials::new("AKIDTEST", store::Secret::new("s3cr3t-k3y"), None);
    OpenStore {
        ends: None,
        records: false,
        isolation: api::storage::NamespaceIsolation::None,
        store: store::Store::open(&parameters, credentials, &store::Proxies::default()).unwrap(),
        parameters,
        checksum: store::Checksum::None,
        metadata: true,
        composite: false,
        if_none_match: true,
        data_path,
    }
}

/// An API server that takes any exec and hands its connection over.
async fn api_server() -> (Exec, mpsc::Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (taken, connections) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(tcp.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            assert!(
                head.starts_with("GET /api/v1/namespaces/team/pods/db-backup-1/exec?"),
                "{head}"
            );
            let key = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
                .unwrap()
                .1;
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-accept: {}\r\nsec-websocket-protocol: v5.channel.k8s.io\r\n\r\n",
                derive_accept_key(key.as_bytes())
            );
            tcp.write_all(answer.as_bytes()).await.unwrap();
            if taken.send(tcp).await.is_err() {
                break;
            }
        }
    });
    (Exec::of(&Config::new(url.parse().unwrap())), connections)
}

impl Rig {
    /// The operator connects.
    pub async fn connected(&mut self) -> Peer {
        let tcp = timeout(LONG, self.connections.recv())
            .await
            .expect("a connection")
            .unwrap();
        Peer {
            socket: WebSocketStream::from_raw_socket(tcp, Role::Server, None).await,
            decoder: Decoder::default(),
        }
    }

    /// The operator connects, greets an agent that has no work, and gives it some.
    pub async fn started(&mut self) -> (Peer, Job) {
        let mut peer = self.connected().await;
        peer.welcome(AgentState::Idle).await;
        match peer.heard().await {
            Some(ToAgent::Start(job)) => (peer, *job),
            other => panic!("{other:?}"),
        }
    }

    pub fn cancel(&self) {
        assert!(self.context.registry.cancel(UID, "the test is over", None));
    }

    /// The bytes that a status would show.
    pub fn progress(&self) -> (u64, u64) {
        match self.context.registry.view(UID) {
            TransferView::Active {
                bytes, stored_bytes, ..
            } => (bytes, stored_bytes),
            other => panic!("{other:?}"),
        }
    }

    /// How far the talk with the agent has come, as reconcile sees it.
    pub fn contact(&self) -> Option<Contact> {
        match self.context.registry.view(UID) {
            TransferView::Active { contact, .. } => Some(contact),
            _ => None,
        }
    }

    pub fn chosen(&self) -> Option<Chosen> {
        match self.context.registry.view(UID) {
            TransferView::Active { route, .. } => route,
            _ => None,
        }
    }

    /// How the transfer ended. Whatever the agent did: nothing of it acts on who reads it, no secret is told, and all
    /// numbers fit into a status.
    pub async fn end(&mut self) -> End {
        let end = timeout(LONG, self.ended.recv()).await.expect("an end").unwrap();
        let (texts, numbers) = match &end {
            End::Failed {
                message, log, bytes, ..
            } => (vec![message, log], vec![*bytes]),
            End::Interrupted { message } => (vec![message], vec![]),
            End::Adopted(object) => (vec![&object.etag], vec![object.size]),
            End::Restored { log, bytes } => (vec![log], vec![*bytes]),
            End::Stored {
                log,
                sha256,
                etag,
                bytes,
                stored_bytes,
                ..
            } => (vec![log, sha256, etag], vec![*bytes, *stored_bytes]),
        };
        for text in texts {
            assert!(text.len() <= 8192, "{} bytes", text.len());
            assert!(
                !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'),
                "{text:?}"
            );
            assert!(
                !text.contains("s3cr3t-k3y") && !text.contains("X-Amz-Signature"),
                "{text}"
            );
        }
        assert!(numbers.iter().all(|n| i64::try_from(*n).is_ok()), "{numbers:?}");
        end
    }

    /// The end, which is a failure: its reason and its message. Nothing is visible in the store.
    pub async fn failed(&mut self) -> (&'static str, String) {
        let end = self.end().await;
        assert!(self.store.held().object.is_none(), "an object is there");
        let held = self.store.held();
        let (last, created) = (held.asked.last().cloned(), held.asked.iter().any(|a| a == "create"));
        if created && !held.down {
            assert_eq!(last.as_deref(), Some("abort"), "{:?}", held.asked);
        }
        drop(held);
        match end {
            End::Failed { reason, message, .. } => (reason.word(), message),
            End::Interrupted { message } => ("Interrupted", message),
            other => panic!("{other:?}"),
        }
    }
}

/// The agent's end of a connection.
pub struct Peer {
    socket: WebSocketStream<TcpStream>,
    decoder: Decoder,
}

impl Peer {
    /// Greets in turn.
    pub async fn welcome(&mut self, state: AgentState) {
        self.welcome_after(state, state != AgentState::Idle, None).await;
    }

    /// Greets in turn, and tells what was before.
    pub async fn welcome_after(&mut self, state: AgentState, started: bool, killed: Option<String>) {
        self.welcome_as(protocol::VERSION, state, started, killed).await;
    }

    /// The same, of an agent of that version.
    pub async fn welcome_as(&mut self, version: u32, state: AgentState, started: bool, killed: Option<String>) {
        self.greet(&FromAgent::Welcome {
            version,
            state,
            started,
            killed,
            window: None,
        })
        .await;
    }

    /// Greets in turn, in these words.
    pub async fn greet(&mut self, welcome: &FromAgent) {
        assert!(matches!(self.heard().await, Some(ToAgent::Hello { .. })));
        self.say(welcome).await;
    }

    /// Bytes on the agent's standard output. What the operator does not take any more is lost.
    pub async fn raw(&mut self, bytes: &[u8]) -> bool {
        let framed = Message::Binary([&[1], bytes].concat().into());
        matches!(timeout(LONG, self.socket.send(framed)).await, Ok(Ok(())))
    }

    pub async fn say(&mut self, message: &FromAgent) -> bool {
        self.raw(&encode(message).unwrap()).await
    }

    /// Ends, as a process does that says this on its standard error.
    pub async fn ended(mut self, words: &str) {
        let said = Message::Binary([&[2], words.as_bytes()].concat().into());
        for message in [said, Message::Close(None)] {
            timeout(LONG, self.socket.send(message)).await.unwrap().unwrap();
        }
    }

    /// The next message that is no ping; None at the end of the connection.
    pub async fn heard(&mut self) -> Option<ToAgent> {
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                match frame {
                    Frame::Message(ToAgent::Ping) => continue,
                    Frame::Message(message) => {
                        is_its_own(&message);
                        return Some(message);
                    }
                    Frame::Data(_) => panic!("a piece of a stream"),
                }
            }
            match timeout(LONG, self.socket.next()).await.expect("a message in time") {
                Some(Ok(Message::Binary(bytes))) => self.decoder.push(bytes.get(1..).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The operator ends the connection, and says nothing more.
    pub async fn dropped(&mut self) {
        let last = self.heard().await;
        assert!(last.is_none(), "{last:?}");
    }

    /// Takes the order to stop, and leaves.
    pub async fn cancelled(mut self) {
        loop {
            match self.heard().await {
                Some(ToAgent::Cancel { .. }) | None => return,
                Some(_) => {}
            }
        }
    }
}

/// A URL is signed for the run's own key, and where it is for a part, for the upload's.
fn is_its_own(message: &ToAgent) {
    if let ToAgent::Url { url, .. } = message {
        let uri: axum::http::Uri = url.reveal().parse().unwrap();
        assert_eq!(uri.path(), "/backups/db.sql");
        let query = super::store::query(&uri);
        assert!(query.get("uploadId").is_none_or(|id| id == UPLOAD));
        assert_eq!(query.get("X-Amz-Expires").map(String::as_str), Some("900"));
    }
}
