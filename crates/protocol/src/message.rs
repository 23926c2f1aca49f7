//! The messages. The operator decides and signs, the agent works and reports; each side may lose the other at any
//! moment and says again what matters after the next `Hello`.
use serde::{Deserialize, Serialize};

use crate::headers::Headers;
use crate::parts::PartPlan;
use crate::said::{SaidMessage, SaidOutcome, no_more_than_an_upload_has};
use crate::secret::Secret;

/// From the operator to the agent.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ToAgent {
    /// First on every connection. An agent that works for another run or attempt closes the connection.
    Hello {
        /// The operator's protocol version.
        version: u32,
        /// UID of the run.
        run: String,
        /// `backup-1`, `restore-2`.
        attempt: String,
    },
    /// The work. Ignored by an agent that already has it, so that it may be said again after a broken connection.
    Start(Box<Job>),
    /// Answer to `NeedUrl`.
    Url {
        /// The request it answers.
        request: UrlRequest,
        /// Signed URL.
        url: Secret,
        /// Headers that were signed and have to be sent as they are.
        headers: Headers,
    },
    /// Answer to `NeedUrl` when no URL can be signed: the transfer fails with this message.
    Refuse {
        /// The request it answers.
        request: UrlRequest,
        /// Why.
        message: String,
    },
    /// Stop the command (TERM, then KILL after the grace) and report `Cancelled`.
    Cancel {
        /// Why, for the report.
        reason: String,
        /// Seconds between TERM and KILL.
        grace_seconds: u64,
    },
    /// The report was recorded: the agent may end.
    Done,
    /// Asks for a `Pong`; says that the operator is alive.
    Ping,
    /// Asks whether the store can be reached from here; answered with `Probed`.
    Probe {
        /// The store's endpoint; not signed. An agent that does not know `signed` asks it.
        url: String,
        /// Certificates (PEM) to trust beside the public ones.
        #[serde(default)]
        ca_bundle: Option<String>,
        /// The HTTP proxy to ask through: scheme, host and port.
        #[serde(default)]
        proxy: Option<String>,
        /// GET of an object that need not be there: only a store answers it as stores do.
        #[serde(default)]
        signed: Option<Secret>,
    },
    /// How many bytes a second the transfer may send to, or read from, the store from now on, all its connections together.
    Pace {
        /// None: as many as it can.
        bandwidth: Option<u64>,
    },
    /// Answer to `Open`: the operator has connected to the store.
    Opened {
        /// Which stream.
        stream: u32,
        /// Bytes that the agent may send.
        credit: u32,
    },
    /// The agent may send more of a stream.
    Credit {
        /// Which stream.
        stream: u32,
        /// So many bytes more.
        bytes: u32,
    },
    /// The store's side of a stream has ended, after all pieces that were sent before; or it could not be opened.
    Close {
        /// Which stream.
        stream: u32,
        /// Why, unless the store simply closed it.
        #[serde(default)]
        error: Option<String>,
    },
}

/// From the agent to the operator.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    try_from = "SaidMessage"
)]
pub enum FromAgent {
    /// Answer to `Hello`.
    Welcome {
        /// The agent's protocol version.
        version: u32,
        /// Where the agent is.
        state: AgentState,
        /// A command of this attempt was started, by this agent or one before it: one that is idle then has lost it. An
        /// older agent does not say, and is taken to have started one.
        started: bool,
        /// The signal (`SIGKILL`) that killed the agent which had this attempt before, and with it its work.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        killed: Option<String>,
        /// The largest window of a zstd frame that that agent held, bytes, where it was more than a backup's own needs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<u64>,
    },
    /// Asks for a URL. Open requests are said again after each `Hello`.
    NeedUrl(UrlRequest),
    /// How far the transfer is; at most twice a second.
    Progress {
        /// Bytes on the command's side.
        bytes: u64,
        /// Bytes on the store's side.
        stored_bytes: u64,
    },
    /// The end. Said again after each `Hello` until `Done`.
    Finished(Box<Report>),
    /// Answer to `Ping`.
    Pong,
    /// Answer to `Probe`.
    Probed {
        /// The store answered, whatever it said.
        reachable: bool,
        /// What was seen.
        message: String,
    },
    /// Asks for a connection to the store, and to nowhere else: it has no address. Where a job is relayed only.
    Open {
        /// Its id from now on; never used twice.
        stream: u32,
        /// Bytes that the operator may send.
        credit: u32,
    },
    /// The operator may send more of a stream.
    Credit {
        /// Which stream.
        stream: u32,
        /// So many bytes more.
        bytes: u32,
    },
    /// The agent does not need a stream any more.
    Close {
        /// Which stream.
        stream: u32,
    },
}

/// Where an agent is in its one job.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum AgentState {
    /// Waits for `Start`.
    Idle,
    /// Has started the command.
    Running,
    /// Has a report.
    Finished,
}

/// What a URL is asked for; also what it is bound to.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, Hash)]
#[serde(tag = "for", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum UrlRequest {
    /// PUT of one part of the multipart upload.
    Part {
        /// From 1.
        number: u32,
        /// Bytes.
        size: u64,
        /// As the plan's checksum says, base64; empty for none.
        checksum: String,
    },
    /// PUT of a whole object that is smaller than the first part. Asked for only after the command ended well,
    /// because this PUT makes the object visible.
    Object {
        /// Bytes.
        size: u64,
        /// As the plan's checksum says, base64; empty for none.
        checksum: String,
    },
    /// GET of the object; the agent adds the range.
    Get {
        /// Counts the requests, so that a fresh URL is told from an expired one.
        number: u32,
    },
}

/// How a body is bound to its URL.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Checksum {
    /// `x-amz-checksum-sha256`, base64.
    #[default]
    Sha256,
    /// `Content-MD5`, base64.
    Md5,
    /// The store takes neither.
    None,
}

/// The work of one agent.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Program and arguments; run without a shell.
    pub command: Vec<String>,
    /// Seconds until the command is stopped.
    #[serde(default)]
    pub deadline_seconds: Option<u64>,
    /// Seconds between TERM and KILL at the deadline.
    pub grace_seconds: u64,
    /// Seconds that a part or a download is retried while the store fails, before the transfer fails.
    pub retry_seconds: u64,
    /// Seconds that an operator that does not answer `NeedUrl` is waited for. Not the store's time: an operator that is
    /// rolled out must not fail what goes to a store that is given up early. Default: 900.
    #[serde(default = "absence_seconds")]
    pub absence_seconds: u64,
    /// Compression, if any.
    #[serde(default)]
    pub compression: Option<Compression>,
    /// Certificates (PEM) to trust beside the public ones.
    #[serde(default)]
    pub ca_bundle: Option<String>,
    /// The HTTP proxy between the Pod and the store: scheme, host and port. Not where the connections are tunnelled.
    #[serde(default)]
    pub proxy: Option<String>,
    /// The Pod cannot reach the store: connections to it are tunnelled through the operator.
    #[serde(default)]
    pub relay: bool,
    /// Bytes a second that the transfer begins with; `Pace` says when there are more or fewer. None: as many as it can.
    #[serde(default)]
    pub bandwidth: Option<u64>,
    /// Of a restore: what proves it, once its command has ended well. An agent before version 7 would leave it out, and is not given such a job.
    #[serde(default)]
    pub check: Option<Check>,
    /// Backup or restore.
    pub action: Action,
}

/// A command that proves a restore.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Program and arguments; run without a shell.
    pub command: Vec<String>,
    /// Seconds until it is stopped.
    #[serde(default)]
    pub deadline_seconds: Option<u64>,
    /// The container it runs in, where that is another one than the restoring command's. Since version 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

fn absence_seconds() -> u64 {
    900
}

/// How to compress.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(tag = "algorithm", rename_all = "camelCase")]
pub enum Compression {
    /// RFC 1952, level 1 to 9.
    Gzip {
        /// 1 to 9.
        level: i32,
    },
    /// RFC 8878, level 1 to 19.
    Zstd {
        /// 1 to 19.
        level: i32,
    },
}

/// The two directions.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(tag = "action", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// From the command to the store.
    Backup {
        /// age or SSH recipients; empty: not encrypted.
        recipients: Vec<String>,
        /// Zero bytes from the command are a good backup.
        allow_empty: bool,
        /// Fewer bytes from the command are no good backup.
        #[serde(default)]
        minimum: u64,
        /// Sizes of parts.
        plan: PartPlan,
        /// How parts are bound to their URLs.
        checksum: Checksum,
    },
    /// From the store to the command.
    Restore {
        /// age identity or SSH private key; none: not encrypted.
        #[serde(default)]
        identity: Option<Secret>,
        /// What `identity` holds is a passphrase. An older agent takes it for an identity, and refuses it.
        #[serde(default)]
        passphrase: bool,
        /// The largest window of a zstd frame to take, as a power of two; none: 27, or more where the memory allows it. An older
        /// agent takes 27.
        #[serde(default)]
        window_log: Option<u32>,
        /// Bytes of the object.
        size: u64,
        /// SHA-256 of the object, hexadecimal, where known.
        #[serde(default)]
        sha256: Option<String>,
        /// ETag that every range has to carry (If-Match), so that an object replaced in mid-restore is noticed.
        #[serde(default)]
        etag: Option<String>,
    },
}

/// The agent's report; for a backup, a claim that the operator checks against the store.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// Bytes on the command's side.
    pub bytes: u64,
    /// Bytes on the store's side.
    pub stored_bytes: u64,
    /// SHA-256 of what is stored (restore: of what was read), hexadecimal.
    pub sha256: String,
    /// Parts that the store took, in order; no more than `MAX_PARTS`. Empty where the object was put whole.
    #[serde(default, deserialize_with = "no_more_than_an_upload_has")]
    pub parts: Vec<PartReceipt>,
    /// ETag of the object that was put whole.
    #[serde(default)]
    pub object_etag: Option<String>,
    /// End of the command's standard error, at most 4 KiB, lossy UTF-8.
    #[serde(default)]
    pub stderr: String,
    /// Peak resident memory of the agent (VmHWM), bytes; 0 where unknown.
    #[serde(default)]
    pub peak_memory: u64,
    /// Restore: what the command got begins as a `gzip`, `zstd` or `age` file does, which the job says nothing of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<String>,
}

/// One part that the store took.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PartReceipt {
    /// From 1.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// As the plan's checksum says, base64; empty for none.
    pub checksum: String,
    /// ETag that the store answered with, quotes included.
    pub etag: String,
}

/// How a message begins about a key that is none, or none of a kind that is known.
pub const UNUSABLE_KEY: &str = "the decryption key cannot be used";

/// How a job ended.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(
    tag = "outcome",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    try_from = "SaidOutcome"
)]
pub enum Outcome {
    /// The command ended with 0, gave or took every byte, and the bytes proved whole.
    Done,
    /// The command could not be started: not found, not executable, wrong architecture.
    CommandNotStarted {
        /// The system's word.
        message: String,
    },
    /// The command ended with another status.
    CommandFailed {
        /// Exit status.
        code: i32,
    },
    /// The command was killed by a signal that was not ours.
    CommandKilled {
        /// `SIGKILL`, `SIGSEGV`.
        signal: String,
    },
    /// The command was stopped at its deadline.
    DeadlineExceeded {
        /// The deadline, seconds.
        seconds: u64,
    },
    /// The command printed nothing and that was not allowed.
    Empty,
    /// The command printed less than the job's `minimum`.
    TooSmall,
    /// The command ended, but something it started holds its standard output open.
    OutputHeld,
    /// The command ended with 0 without reading all of its standard input.
    InputNotRead {
        /// Bytes that it did not take, at least.
        left: u64,
    },
    /// The restoring command ended with 0, but what it had started never ended. Since version 3.
    LeftRunning {
        /// Who still ran: `mysql (pid 17), cat (pid 18)`.
        processes: String,
        /// How long they were waited for, after the command's end.
        seconds: u64,
    },
    /// The command ended with 0, but meanwhile the kernel killed a process of its container for want of memory. Since
    /// version 3.
    OutOfMemory,
    /// The restoring command ended well, and the check did not. Since version 7.
    CheckFailed {
        /// How: `ended with status 3`.
        message: String,
    },
    /// A part could not be stored, a range not be read, or a stage failed: named with the last error.
    TransferFailed {
        /// `upload part 7`, `download at 1234`, `compress`, `encrypt`.
        step: String,
        /// The last error.
        message: String,
    },
    /// The object is not what was stored: cut, changed, replaced, wrong key.
    BadObject {
        /// `hash`, `decrypt`, `decompress`, `size`.
        step: String,
        /// What was expected, what was seen.
        message: String,
    },
    /// Asked for by the operator.
    Cancelled {
        /// Its reason.
        reason: String,
    },
}

impl Outcome {
    /// The object may be well: the key that was given is not one of those that it was encrypted for.
    pub fn is_closed(&self) -> bool {
        let Self::BadObject { step, message } = self else {
            return false;
        };
        let words = [
            "none of those that the backup was encrypted for",
            "encrypted with a passphrase",
            "the passphrase is not the one",
            "post-quantum",
            UNUSABLE_KEY,
        ];
        step == "decrypt" && words.iter().any(|words| message.contains(words))
    }
}
