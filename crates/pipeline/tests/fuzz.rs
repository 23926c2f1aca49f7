//! Stored bytes from a store that is broken or hostile, and keys as people put them into a Secret.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
use std::io::{self, Cursor, Read, Write};
use std::sync::{Arc, Mutex};

use fuzz::Target;
use pipeline::{Allowance, Compression, Fault, Identities, Recipients, Sink, Stages};

const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
/// More than this is not read of one input: what is small in the store may be as large as it likes to be.
const OUTPUT: usize = 32 << 20;
const ZSTD: Option<Compression> = Some(Compression::Zstd { level: 3 });
const GZIP: Option<Compression> = Some(Compression::Gzip { level: 6 });

#[derive(Clone, Default)]
struct Stored(Arc<Mutex<Vec<u8>>>);

impl Write for Stored {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Stored {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

fn plain() -> Vec<u8> {
    (0..2000u32)
        .flat_map(|n| format!("row {}\n", n * n % 97).into_bytes())
        .collect()
}

/// What a backup stores.
fn stored(compression: Option<Compression>, recipients: Option<Recipients>) -> Vec<u8> {
    let sink = Stored::default();
    let mut writer = Stages::to_write(compression, recipients)
        .writer(Box::new(sink.clone()))
        .unwrap();
    writer.write_all(&plain()).unwrap();
    writer.finish().unwrap();
    sink.0.lock().unwrap().clone()
}

/// Reads it back as a restore does, in pieces, and never more than so much.
fn restore(bytes: &[u8], compression: Option<Compression>, key: Option<&str>) -> Result<Vec<u8>, String> {
    restore_with(bytes, compression, key.map(|k| Identities::parse(k).unwrap()))
}

fn restore_with(
    bytes: &[u8],
    compression: Option<Compression>,
    identities: Option<Identities>,
) -> Result<Vec<u8>, String> {
    // A container that is too small for what hostile bytes ask for.
    let allowance = Allowance {
        window_log: None,
        memory: Some(48 << 20),
    };
    let source = Box::new(Cursor::new(bytes.to_vec()));
    let words = |e| Fault::of(e).to_string();
    let mut reader = Stages::to_read(compression, identities, allowance)
        .reader(source)
        .map_err(words)?;
    let (mut out, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    while out.len() < OUTPUT {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(out),
            Ok(n) => out.extend_from_slice(buffer.get(..n).unwrap()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(words(e)),
        }
    }
    Err("as much as is read".into())
}

/// How far a reader came tells one course from another: by the order of magnitude. Where something stands does not.
fn course(result: &Result<Vec<u8>, String>) -> String {
    match result {
        Ok(out) => format!("{} bits of length", out.len().checked_ilog2().unwrap_or(0)),
        // What is shown of the bytes themselves stands in brackets.
        Err(words) => {
            let words = words.split(" (").next().unwrap_or_default();
            words.chars().filter(|c| !c.is_ascii_digit()).collect()
        }
    }
}

#[cfg_attr(test, test)]
pub fn fuzz_gzip() {
    let whole = stored(GZIP, None);
    let (head, tail) = whole.split_at(whole.len() / 2);
    let twice = whole.repeat(2);
    let seeds: [&[u8]; 5] = [&whole, &twice, head, tail, b"\x1f\x8b\x08\x1f\0\0\0\0\0\xff"];
    let words = ["\x1f", "\0\0", "\x08", "name\0"];
    Target {
        name: "gzip",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| course(&restore(bytes, GZIP, None)));
}

#[cfg_attr(test, test)]
pub fn fuzz_zstd() {
    let whole = stored(ZSTD, None);
    let twice = whole.repeat(2);
    // A frame that says that it needs a window of 2 GiB, a frame of zeros without end, one that is skipped, one with a dictionary and
    // one of a single segment, of 2^40 bytes.
    let seeds: [&[u8]; 7] = [
        &whole,
        &twice,
        b"\x28\xb5\x2f\xfd\x00\xa8\x01\0\0a",
        b"\x28\xb5\x2f\xfd\x00\x58\xfa\xff\x0f\0\xfa\xff\x0f\0\xfa\xff\x0f\0",
        b"\x50\x2a\x4d\x18\xff\xff\xff\xffx",
        b"\x28\xb5\x2f\xfd\x03\x58\x01\x02\x03\x04\x01\0\0a",
        b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\x01\0\0\x01\0\0a",
    ];
    let words = ["\x02\0\0", "\x01", "\0"];
    Target {
        name: "zstd",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| course(&restore(bytes, ZSTD, None)));
}

#[cfg_attr(test, test)]
pub fn fuzz_age_and_what_opens_is_what_was_encrypted() {
    encrypted("age", None);
}

#[cfg_attr(test, test)]
pub fn fuzz_age_over_zstd_and_what_opens_is_what_was_encrypted() {
    encrypted("age and zstd", ZSTD);
}

fn encrypted(name: &str, compression: Option<Compression>) {
    let whole = stored(compression, Recipients::parse(&[recipient().as_str()]).unwrap());
    let (plain, twice) = (plain(), whole.repeat(2));
    let seeds: [&[u8]; 4] = [
        &whole,
        &twice,
        b"age-encryption.org/v1\n-> X25519 \n",
        b"-----BEGIN AGE ENCRYPTED FILE-----\n",
    ];
    let words = [
        "-> X25519 ",
        "-> scrypt AAAA 30\n",
        "\n---",
        "-> a-grease \n\n",
        "age-encryption.org/v1\n",
    ];
    Target {
        name,
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let result = restore(bytes, compression, Some(IDENTITY));
        if let Ok(out) = &result {
            assert!(*out == plain, "a changed stream was taken for whole");
        }
        course(&result)
    });
}

/// As age -a writes it.
fn armored(binary: &[u8]) -> Vec<u8> {
    use age::armor::{ArmoredWriter, Format};
    let mut writer = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).unwrap();
    writer.write_all(binary).unwrap();
    writer.finish().unwrap()
}

#[cfg_attr(test, test)]
pub fn fuzz_armor_and_what_opens_is_what_was_encrypted() {
    let (recipient, plain) = (recipient(), plain());
    let whole = armored(&stored(None, Recipients::parse(&[recipient.as_str()]).unwrap()));
    let text = String::from_utf8(whole.clone()).unwrap();
    let crlf = text.replace('\n', "\r\n");
    let one_line = text.replace('\n', "");
    let seeds: [&[u8]; 5] = [
        &whole,
        crlf.as_bytes(),
        one_line.as_bytes(),
        b"\n\n-----BEGIN AGE ENCRYPTED FILE-----\n",
        b"\xff\xfe-\0-\0",
    ];
    let words = [
        "-----BEGIN AGE ENCRYPTED FILE-----\n",
        "-----END AGE ENCRYPTED FILE-----\n",
        "\r\n",
        "\n",
        "=",
        " ",
        "\u{80}",
    ];
    Target {
        name: "armored age",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let result = restore(bytes, None, Some(IDENTITY));
        if let Ok(out) = &result {
            assert!(*out == plain, "a changed stream was taken for whole");
        }
        course(&result)
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_passphrases_and_no_file_chooses_how_much_work_is_done() {
    let mut recipient = age::scrypt::Recipient::new("correct horse".to_string().into());
    recipient.set_work_factor(2);
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _)).unwrap();
    let mut writer = encryptor.wrap_output(Vec::new()).unwrap();
    let plain = plain();
    writer.write_all(&plain).unwrap();
    let whole = writer.finish().unwrap();
    let text = armored(&whole);
    let seeds: [&[u8]; 4] = [
        &whole,
        &text,
        b"age-encryption.org/v1\n-> scrypt rF0/NwblUHHTpgQgRpe5CQ 22\ngUjEymFKMVXQEKdMMHL24oYexjE3TIC0O0zGSqJ2aUY\n--- x\n",
        b"age-encryption.org/v1\n-> scrypt rF0/NwblUHHTpgQgRpe5CQ 64\ngUjEymFKMVXQEKdMMHL24oYexjE3TIC0O0zGSqJ2aUY\n",
    ];
    let words = ["-> scrypt ", " 1", " 18\n", " 30\n", " 255\n", "-> X25519 ", "\n--- "];
    Target {
        name: "passphrases",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let result = restore_with(bytes, None, Some(Identities::passphrase("correct horse").unwrap()));
        if let Ok(out) = &result {
            assert!(*out == plain, "a changed stream was taken for whole");
        }
        course(&result)
    });
}

fn recipient() -> String {
    use age::x25519::Identity;
    IDENTITY.parse::<Identity>().unwrap().to_public().to_string()
}

const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice";

#[cfg_attr(test, test)]
pub fn fuzz_recipients() {
    let x25519 = recipient();
    let seeds: [&[u8]; 5] = [
        x25519.as_bytes(),
        SSH.as_bytes(),
        b"age1pq1x",
        b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ==",
        IDENTITY.as_bytes(),
    ];
    let words = [
        "age1",
        "ssh-ed25519 ",
        "ssh-rsa ",
        "AAAA",
        "sk-ssh",
        "PRIVATE KEY",
        "1",
        " ",
    ];
    Target {
        name: "recipients",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        match Recipients::parse(&[text.as_ref()]) {
            Ok(_) => "good".to_string(),
            Err(error) => error.to_string().split('"').next().unwrap_or_default().to_string(),
        }
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_identities_and_no_word_of_them_is_told() {
    const PEM: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACB7Ci6nqZYaVvrjm8+XbzII89TsXzP111AflR7WeorBjQAAAJCfEwtqnxML
agAAAAtzc2gtZWQyNTUxOQAAACB7Ci6nqZYaVvrjm8+XbzII89TsXzP111AflR7WeorBjQ
AAAEADBJvjZT8X6JRJI8xVq/1aU8nMVgOtVnmdwqWwrSlXG3sKLqeplhpW+uObz5dvMgjz
1OxfM/XXUB+VHtZ6isGNAAAADHN0cjRkQGNhcmJvbgE=
-----END OPENSSH PRIVATE KEY-----
";
    let file = format!("# created: 2024\n# public key: age1x\n{IDENTITY}\n");
    let seeds: [&[u8]; 5] = [
        IDENTITY.as_bytes(),
        file.as_bytes(),
        PEM.as_bytes(),
        b"AGE-PLUGIN-YUBIKEY-1X",
        b"PuTTY-User-Key-File-3: ssh-ed25519\n",
    ];
    let words = [
        "AGE-SECRET-KEY-1",
        "AGE-SECRET-KEY-PQ-1",
        "-----BEGIN RSA PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN AGE ENCRYPTED FILE-----\n",
        "-----END",
        "\n",
        "bcrypt",
        "AAAA",
        "#",
    ];
    Target {
        name: "identities",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        // Whatever it is, it may be a passphrase or is refused, and never repeated.
        if let Err(error) = Identities::passphrase(&text) {
            let told = error.to_string();
            assert!(!told.contains("GFPYYSJZ"), "{told}");
        }
        match Identities::parse(&text) {
            Ok(_) => "good".to_string(),
            Err(error) => {
                let told = error.to_string();
                assert!(!told.contains("GFPYYSJZ") && !told.contains("b3BlbnNz"), "{told}");
                told.split(' ').skip(2).collect()
            }
        }
    });
}
