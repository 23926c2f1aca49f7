//! age's armor (RFC 7468 as age's specification narrows it): taken off where it is there, with LF and CRLF.
use std::io::{self, BufRead, BufReader, Read};

use age::armor::ArmoredReader;

use crate::error::{Fault, Step, at};
use crate::peek::Peek;

const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
/// Blanks and empty lines that may stand before it, as Go's age takes them, bytes.
const BLANKS: usize = 1024;
/// A line of armor has 64 bytes; the library would hold a line whole, however long it is.
const LINE: usize = 1024;
/// Bytes of the binary form that are made at a time.
const BINARY: usize = 64 << 10;

/// The binary form.
pub(super) fn taken_off(mut source: Box<dyn BufRead + Send>) -> io::Result<Peek> {
    let blanks = skip_blanks(&mut source)?;
    let source = Peek::new(source)?;
    if source.head().starts_with(BEGIN) {
        let lines = Lines { source, length: 0 };
        let armor = Armor(ArmoredReader::new(lines));
        return Peek::new(Box::new(BufReader::with_capacity(BINARY, armor)));
    }
    match blanks {
        0 => Ok(source),
        // The binary form begins at once.
        _ => Err(bad("it begins with blanks, and no armor follows")),
    }
}

fn skip_blanks(source: &mut dyn BufRead) -> io::Result<usize> {
    let mut skipped = 0;
    loop {
        let piece = match source.fill_buf() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            piece => piece?,
        };
        let blanks = piece.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let more = blanks > 0 && blanks == piece.len();
        source.consume(blanks);
        skipped += blanks;
        if skipped > BLANKS {
            return Err(bad("it begins with more blanks than age takes"));
        }
        if !more {
            return Ok(skipped);
        }
    }
}

fn bad(words: &str) -> io::Error {
    let words = format!("this is not an age file: {words}");
    at(Step::Decrypt, io::Error::new(io::ErrorKind::InvalidData, words))
}

struct Armor(ArmoredReader<BufReader<Lines>>);

impl Read for Armor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData if error.get_ref().is_none_or(|inner| !inner.is::<Fault>()) => at(
                Step::Decrypt,
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the age armor is cut or damaged: {error}"),
                ),
            ),
            _ => at(Step::Decrypt, error),
        })
    }
}

/// Text whose lines end.
struct Lines {
    source: Peek,
    length: usize,
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        for byte in buffer.get(..count).unwrap_or_default() {
            self.length = if *byte == b'\n' { 0 } else { self.length + 1 };
            if self.length > LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line does not end"));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use age::armor::{ArmoredWriter, Format};

    use super::*;

    fn armored(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        let mut writer = ArmoredWriter::wrap_output(&mut out, Format::AsciiArmor).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    fn read(text: &[u8], piece: usize) -> Result<Vec<u8>, String> {
        let source = BufReader::with_capacity(piece, io::Cursor::new(text.to_vec()));
        let mut out = Vec::new();
        let result = taken_off(Box::new(source)).and_then(|mut binary| binary.read_to_end(&mut out));
        result.map(|_| out).map_err(|e| Fault::of(e).to_string())
    }

    #[test]
    fn armor_is_taken_off_whatever_its_line_ends_and_what_is_binary_stays() {
        for length in [1, 47, 48, 49, 1000, 100_000] {
            let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8 | 0x80).collect();
            let text = armored(&bytes);
            for text in [
                text.clone(),
                text.replace('\n', "\r\n"),
                format!("\n \r\n{text}\n\n"),
                text.trim_end().to_string(),
            ] {
                for piece in [1, 33, 8192] {
                    assert_eq!(read(text.as_bytes(), piece).as_ref(), Ok(&bytes), "{length} in {piece}");
                }
            }
            assert_eq!(read(&bytes, 33), Ok(bytes), "{length}");
        }
    }

    #[test]
    fn armor_that_is_cut_damaged_or_without_end_is_an_error_in_words() {
        let text = armored(&[7; 1000]);
        let (cut, blanks) = (text.len() - 40, " ".repeat(2000));
        for (text, words) in [
            (text[..cut].to_string(), "armor is cut or damaged"),
            (text.replace("\nBwcH", "\nB?cH"), "armor is cut or damaged"),
            (format!("{text}more"), "armor is cut or damaged"),
            (text.replacen('\n', "\n\n", 1), "armor is cut or damaged"),
            (text.replace('\n', ""), "armor is cut or damaged"),
            (format!("{}{}", &text[..80], "B".repeat(1 << 20)), "a line does not end"),
            (format!("{blanks}{text}"), "more blanks"),
            ("\nage-encryption.org/v1\n".into(), "no armor follows"),
        ] {
            let said = read(text.as_bytes(), 4096).unwrap_err();
            assert!(said.starts_with("decrypt: ") && said.contains(words), "{said}");
        }
    }
}
