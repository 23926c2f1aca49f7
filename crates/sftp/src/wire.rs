//! SFTP version 3 as bytes: what is asked, and what is answered. Handles are bytes, codes are numbers: servers give more of both than the
//! draft lists.
use bytes::{BufMut, Bytes, BytesMut};

/// Kinds of packets that are sent.
pub mod ask {
    #![allow(missing_docs)] // The draft's own names.
    pub const INIT: u8 = 1;
    pub const OPEN: u8 = 3;
    pub const CLOSE: u8 = 4;
    pub const READ: u8 = 5;
    pub const WRITE: u8 = 6;
    pub const LSTAT: u8 = 7;
    pub const FSTAT: u8 = 8;
    pub const FSETSTAT: u8 = 10;
    pub const OPENDIR: u8 = 11;
    pub const READDIR: u8 = 12;
    pub const REMOVE: u8 = 13;
    pub const MKDIR: u8 = 14;
    pub const RMDIR: u8 = 15;
    pub const REALPATH: u8 = 16;
    pub const EXTENDED: u8 = 200;
}

/// How a file is opened.
pub mod flag {
    #![allow(missing_docs)] // The draft's own names.
    pub const READ: u32 = 1;
    pub const WRITE: u32 = 2;
    pub const CREATE: u32 = 8;
    pub const TRUNCATE: u32 = 16;
}

const SIZE: u32 = 1;
const OWNER: u32 = 2;
const MODE: u32 = 4;
const TIMES: u32 = 8;
const EXTENDED: u32 = 0x8000_0000;

/// A packet in the making.
pub struct Packet(BytesMut);

impl Packet {
    /// One of that kind. The first word is the number of the request, or of the version.
    pub fn new(kind: u8, first: u32) -> Self {
        let mut bytes = BytesMut::with_capacity(256);
        bytes.put_u32(0);
        bytes.put_u8(kind);
        bytes.put_u32(first);
        Self(bytes)
    }

    /// A word.
    #[must_use]
    pub fn word(mut self, word: u32) -> Self {
        self.0.put_u32(word);
        self
    }

    /// A long one.
    #[must_use]
    pub fn long(mut self, long: u64) -> Self {
        self.0.put_u64(long);
        self
    }

    /// Bytes, with their number before them.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.put_u32(u32::try_from(bytes.len()).unwrap_or_default());
        self.0.put_slice(bytes);
        self
    }

    /// No attributes.
    #[must_use]
    pub fn plain(self) -> Self {
        self.word(0)
    }

    /// A size.
    #[must_use]
    pub fn size(self, size: u64) -> Self {
        self.word(SIZE).long(size)
    }

    /// Both times of a file.
    #[must_use]
    pub fn times(self, at: u32) -> Self {
        self.word(TIMES).word(at).word(at)
    }

    /// Permissions of what is made.
    #[must_use]
    pub fn mode(self, mode: u32) -> Self {
        self.word(MODE).word(mode)
    }

    /// As it is sent.
    pub fn done(mut self) -> Bytes {
        let length = u32::try_from(self.0.len().saturating_sub(4)).unwrap_or_default();
        if let Some(first) = self.0.get_mut(..4) {
            first.copy_from_slice(&length.to_be_bytes());
        }
        self.0.freeze()
    }
}

/// What is said of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Bytes.
    pub size: Option<u64>,
    /// Kind and permissions.
    pub mode: Option<u32>,
    /// When it was changed, seconds since 1970.
    pub modified: Option<u32>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A plain one.
    File,
    /// A folder.
    Folder,
    /// A link, a pipe, or the like.
    Other,
    /// The server does not say.
    Unknown,
}

impl Attributes {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self.mode.map(|mode| mode & 0o170_000) {
            Some(0o100_000) => Kind::File,
            Some(0o040_000) => Kind::Folder,
            None | Some(0) => Kind::Unknown,
            Some(_) => Kind::Other,
        }
    }
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As it is, text or not.
    pub name: Bytes,
    /// What is said of it.
    pub attributes: Attributes,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The version, and what the server has beyond it.
    Version(u32, Vec<(String, Bytes)>),
    /// Done, or why not: the code, and the server's words.
    Status(u32, String),
    /// An open file or folder.
    Handle(Bytes),
    /// Bytes of a file.
    Data(Bytes),
    /// Names.
    Names(Vec<Name>),
    /// Attributes.
    Attributes(Attributes),
    /// Of an extension.
    Extended(Bytes),
}

/// Bytes that are read front to back.
struct Cursor(Bytes);

impl Cursor {
    fn take(&mut self, count: usize) -> Option<Bytes> {
        (count <= self.0.len()).then(|| self.0.split_to(count))
    }

    fn word(&mut self) -> Option<u32> {
        let bytes = self.take(4)?;
        Some(u32::from_be_bytes(bytes.as_ref().try_into().ok()?))
    }

    fn long(&mut self) -> Option<u64> {
        let bytes = self.take(8)?;
        Some(u64::from_be_bytes(bytes.as_ref().try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let count = self.word()?;
        self.take(usize::try_from(count).ok()?)
    }

    fn text(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(&self.bytes()?).into_owned())
    }

    fn attributes(&mut self) -> Option<Attributes> {
        let flags = self.word()?;
        let mut found = Attributes::default();
        if flags & SIZE != 0 {
            found.size = Some(self.long()?);
        }
        if flags & OWNER != 0 {
            self.long()?;
        }
        if flags & MODE != 0 {
            found.mode = Some(self.word()?);
        }
        if flags & TIMES != 0 {
            self.word()?;
            found.modified = Some(self.word()?);
        }
        if flags & EXTENDED != 0 {
            for _ in 0..self.word()? {
                self.bytes()?;
                self.bytes()?;
            }
        }
        Some(found)
    }
}

/// Reads a packet without its length: the request's number, 0 for a version, and what came. None: it is none of this protocol's.
pub fn reply(packet: Bytes) -> Option<(u32, Reply)> {
    let mut rest = Cursor(packet);
    let kind = *rest.take(1)?.first()?;
    let id = rest.word()?;
    let reply = match kind {
        2 => {
            let mut extensions = Vec::new();
            while !rest.0.is_empty() {
                extensions.push((rest.text()?, rest.bytes()?));
            }
            return Some((0, Reply::Version(id, extensions)));
        }
        // Some servers leave the words out.
        101 => Reply::Status(rest.word()?, rest.text().unwrap_or_default()),
        102 => Reply::Handle(rest.bytes()?),
        103 => Reply::Data(rest.bytes()?),
        104 => {
            let count = rest.word()?;
            let mut names = Vec::new();
            for _ in 0..count {
                let name = rest.bytes()?;
                rest.bytes()?;
                let attributes = rest.attributes()?;
                names.push(Name { name, attributes });
            }
            Reply::Names(names)
        }
        105 => Reply::Attributes(rest.attributes()?),
        201 => Reply::Extended(rest.0),
        _ => return None,
    };
    Some((id, reply))
}

/// Longs, as `statvfs@openssh.com` answers: how many of them there are.
pub fn longs(bytes: &Bytes) -> Vec<u64> {
    bytes
        .chunks_exact(8)
        .filter_map(|chunk| chunk.try_into().ok().map(u64::from_be_bytes))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(kind: u8, id: u32) -> Packet {
        Packet::new(kind, id)
    }

    fn read(packet: Packet) -> Option<(u32, Reply)> {
        reply(packet.done().slice(4..))
    }

    #[test]
    fn a_packet_says_how_long_it_is() {
        let packet = Packet::new(ask::OPEN, 7).bytes(b"a/b").word(flag::READ).plain().done();
        let body = [&[3, 0, 0, 0, 7, 0, 0, 0, 3][..], b"a/b", &[0, 0, 0, 1, 0, 0, 0, 0]].concat();
        assert_eq!(packet, [&[0, 0, 0, 20][..], &body].concat());
    }

    #[test]
    fn handles_that_are_no_text_and_codes_of_later_versions_are_taken_as_they_are() {
        let handle = framed(102, 5).bytes(&[0, 0, 0, 0x80]);
        assert_eq!(
            read(handle),
            Some((5, Reply::Handle(Bytes::from_static(&[0, 0, 0, 0x80]))))
        );
        let exists = framed(101, 6).word(11).bytes(b"there").bytes(b"");
        assert_eq!(read(exists), Some((6, Reply::Status(11, "there".into()))));
        assert_eq!(read(framed(101, 6).word(4)), Some((6, Reply::Status(4, String::new()))));
    }

    #[test]
    fn attributes_are_found_behind_those_that_nobody_asked_for() {
        let all = SIZE | OWNER | MODE | TIMES | EXTENDED;
        let packet = framed(105, 1)
            .word(all)
            .long(9)
            .word(1)
            .word(2)
            .word(0o100_644)
            .word(3)
            .word(4);
        let packet = packet.word(1).bytes(b"x").bytes(b"y");
        let expected = Attributes {
            size: Some(9),
            mode: Some(0o100_644),
            modified: Some(4),
        };
        assert_eq!(read(packet), Some((1, Reply::Attributes(expected))));
        assert_eq!(expected.kind(), Kind::File);
        assert_eq!(Attributes::default().kind(), Kind::Unknown);
        // More of them than there are bytes.
        assert_eq!(read(framed(105, 1).word(EXTENDED).word(u32::MAX)), None);
        assert_eq!(read(framed(104, 1).word(u32::MAX)), None);
    }

    #[test]
    fn what_a_server_has_beyond_the_version_is_told() {
        let packet = framed(2, 3).bytes(b"fsync@openssh.com").bytes(b"1");
        let expected = vec![("fsync@openssh.com".to_owned(), Bytes::from_static(b"1"))];
        assert_eq!(read(packet), Some((0, Reply::Version(3, expected))));
    }
}
