//! Encodings and hashes of texts.
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::Param::Text;
use super::{Function, exactly};
use crate::call::{Call, Fault};
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly("b64enc", &[Text], "string", "As base64.", |call| {
        call.made(data_encoding::BASE64.encode(call.text(0)?.as_bytes()))
    }),
    exactly("b64dec", &[Text], "string", "From base64.", |call| {
        decode(call, &BASE64)
    }),
    exactly("b32enc", &[Text], "string", "As base32.", |call| {
        call.made(data_encoding::BASE32.encode(call.text(0)?.as_bytes()))
    }),
    exactly("b32dec", &[Text], "string", "From base32.", |call| {
        decode(call, &BASE32)
    }),
    exactly("sha1sum", &[Text], "string", "SHA-1 in hexadecimal.", |call| {
        hash::<Sha1>(call)
    }),
    exactly("sha256sum", &[Text], "string", "SHA-256 in hexadecimal.", |call| {
        hash::<Sha256>(call)
    }),
    exactly("sha512sum", &[Text], "string", "SHA-512 in hexadecimal.", |call| {
        hash::<Sha512>(call)
    }),
    exactly(
        "adler32sum",
        &[Text],
        "string",
        "Adler-32 as a decimal number.",
        |call| {
            let (mut a, mut b) = (1_u32, 0_u32);
            for byte in call.text(0)?.bytes() {
                a = (a + u32::from(byte)) % 65_521;
                b = (b + a) % 65_521;
            }
            call.made(((b << 16) | a).to_string())
        },
    ),
];

/// As Go reads them: line feeds do not count, and bits left over at the end are not looked at.
fn lenient(encoding: &Encoding) -> Option<Encoding> {
    let mut specification: Specification = encoding.specification();
    specification.check_trailing_bits = false;
    specification.ignore.push_str("\r\n");
    specification.encoding().ok()
}

static BASE64: LazyLock<Option<Encoding>> = LazyLock::new(|| lenient(&data_encoding::BASE64));
static BASE32: LazyLock<Option<Encoding>> = LazyLock::new(|| lenient(&data_encoding::BASE32));

/// Sprig gives the error as the text; that is refused instead.
fn decode(call: &Call<'_>, encoding: &Option<Encoding>) -> Result<Value, Fault> {
    let name = if call.name == "b64dec" { "base64" } else { "base32" };
    let decoded = encoding
        .as_ref()
        .and_then(|e| e.decode(call.text(0).ok()?.as_bytes()).ok());
    match decoded {
        Some(bytes) => call.made_bytes(bytes),
        None => Err(call.wants(0, &format!("{name} with its padding"))),
    }
}

fn hash<D: Digest>(call: &Call<'_>) -> Result<Value, Fault> {
    call.made(data_encoding::HEXLOWER.encode(&D::digest(call.text(0)?.as_bytes())))
}
