//! Which parts are there: one record for each number in one file. A record that was not written whole is none.
use super::label::sha256;
use super::place::Place;

/// Bytes of a record: a disk's sector has a whole number of them, so that writing one spoils no other.
pub(super) const RECORD: u64 = 64;
/// S3: an upload has at most as many parts.
pub(super) const MAX_PARTS: u32 = 10_000;

/// A part that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub number: u32,
    pub size: u64,
    pub place: Place,
    pub sha256: [u8; 32],
}

/// Where the record of a part lies.
pub(super) fn offset(number: u32) -> u64 {
    u64::from(number.saturating_sub(1)) * RECORD
}

/// A record, which says of which upload it is.
pub(super) fn record(upload: &str, note: &Note) -> Vec<u8> {
    let (kind, at) = match note.place {
        Place::At(offset) => (1_u32, offset),
        Place::Apart(id) => (2, id),
    };
    let mut bytes = Vec::with_capacity(64);
    bytes.extend(kind.to_le_bytes());
    bytes.extend(note.number.to_le_bytes());
    bytes.extend(note.size.to_le_bytes());
    bytes.extend(at.to_le_bytes());
    bytes.extend(note.sha256);
    let check = sha256(&[upload.as_bytes(), &bytes]);
    bytes.extend(check.iter().take(8));
    bytes
}

/// All records of a file that are whole.
pub(super) fn notes(upload: &str, file: &[u8]) -> Vec<Note> {
    let read = |(index, bytes): (usize, &[u8])| {
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let long = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let place = match word(0)? {
            1 => Place::At(long(16)?),
            2 => Place::Apart(long(16)?),
            _ => return None,
        };
        let note = Note {
            number: word(4)?,
            size: long(8)?,
            place,
            sha256: bytes.get(24..56)?.try_into().ok()?,
        };
        let is_its = usize::try_from(note.number).is_ok_and(|number| number == index + 1);
        (is_its && record(upload, &note) == bytes).then_some(note)
    };
    file.chunks(64).enumerate().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_that_was_not_written_whole_or_is_of_another_upload_is_none() {
        let note = |number| Note {
            number,
            size: 7,
            place: Place::Apart(9),
            sha256: [3; 32],
        };
        let mut file = vec![0; 192];
        file[64..128].copy_from_slice(&record("u", &note(2)));
        file.extend(record("u", &note(4)));
        assert_eq!(offset(4), 192);
        assert_eq!(notes("u", &file), [note(2), note(4)]);
        assert_eq!(notes("v", &file), []);
        // In another's place.
        file[..64].copy_from_slice(&record("u", &note(2)));
        assert_eq!(notes("u", &file).len(), 2);
        for at in 64..128 {
            let mut torn = file.clone();
            torn[at] ^= 1;
            assert_eq!(notes("u", &torn), [note(4)], "{at}");
        }
        file.truncate(200);
        assert_eq!(notes("u", &file), [note(2)]);
    }
}
