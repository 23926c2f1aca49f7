//! What an agent may send, ask for and have shown, each with its reason. It runs in a stranger's container, and whoever
//! has that container can say in its name whatever he likes.
use std::time::Duration;

use protocol::{MAX_FRAME, parts};

/// The longest message that is no report, bytes: the longest that an agent sends tells why the store is not reached.
pub const MESSAGE: usize = 16 << 10;
/// The longest frame that is not counted against what agents may have held, bytes: a report of some 700 parts, and each
/// piece of a stream is shorter. Whatever others hold, an ordinary backup ends.
pub const UNCOUNTED: usize = 128 << 10;
/// What a counted frame takes, for each of its bytes: as it came, and as it was read.
pub const COUNTED: usize = 2;
/// What all agents may have held, bytes: a quarter of the operator's memory limit.
pub const HELD: usize = 64 << 20;
/// What those of one namespace may have held: two of the longest reports, or sixteen windows of streams.
pub const HELD_BY_NAMESPACE: usize = 16 << 20;
/// Until there is room for the next of it; then the connection is given up, and made again.
pub const HOLD: Duration = Duration::from_secs(60);
/// Until a frame that was begun is whole. A report of 10,000 parts has 2 MiB; nothing else takes more than a moment.
pub const FRAME: Duration = Duration::from_secs(60);
/// Messages a second. Relaying at 300 MB/s takes 1,200 grants of credit; a message costs one, and one more for each KiB.
pub const MESSAGES: u32 = 2_000;
/// Pieces of tunnelled streams a second: 300 MB/s in pieces of 16 KiB, which is a TLS record.
pub const PIECES: u32 = 20_000;
/// URLs a second: parts of 5 MiB at 1 GB/s. Each takes some 50 microseconds of the operator's CPU.
pub const URLS: u32 = 200;
/// What opening a stream costs in URLs: a connection to the store each. An agent needs one for a part at most.
pub const OPEN: u32 = 4;
/// What may come at once before it is slowed down, in seconds of the pace: what a reconnected agent says again.
pub const BURST: Duration = Duration::from_secs(2);
/// Requests that wait while an upload cannot be created. An agent has six parts under way at most, and one that it fills.
pub const WAITING: usize = 16;
/// How often a command is handed over to an agent that says that it has none. One may be lost with its connection.
pub const STARTS: u32 = 3;
/// How many connections to agents are being opened at once.
pub const OPENING: usize = 16;
/// How long one that is being opened keeps the next from it.
pub const OPENING_TURN: Duration = Duration::from_secs(3);
/// How long the access keys are taken as they are. They are looked at for each URL, and an API server that does not give
/// them must not be asked as often as an agent asks.
pub const KEYS: Duration = Duration::from_secs(2);

/// The end of the command's standard error in a status, bytes: what an agent keeps of it.
pub const LOG: usize = 4096;
/// The longest text of a message, characters: an Event takes 1,024 bytes.
pub const TEXT: usize = 1024;
/// The last line of the standard error, as a message shows it, characters.
pub const LAST_WORDS: usize = 300;
/// Why a Pod does not reach the store, as a message shows it, characters.
pub const PROBE: usize = 400;
/// The longest ETag, bytes: S3's have 34 to 40, with quotes; others' are longer.
pub const ETAG: usize = 256;
/// Bytes on the command's side. The API server holds no larger number, and a status that it refuses is never written.
pub const BYTES: u64 = i64::MAX as u64;
/// Bytes of an object: 10,000 parts of 5 GiB.
pub const STORED_BYTES: u64 = parts::LARGEST_PART * parts::MAX_PARTS as u64;

const _: () = assert!(MAX_FRAME * COUNTED <= HELD_BY_NAMESPACE && HELD_BY_NAMESPACE <= HELD);
