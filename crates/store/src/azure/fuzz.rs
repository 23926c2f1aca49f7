//! What Azure, and whoever stands in for it, answers, as bytes that nobody made for this.
use ::fuzz::Target;
use jiff::Timestamp;

use super::blocks::{Upload, Waiting};
use super::{error, label, list, without_mark};
use crate::xml;

#[cfg_attr(test, test)]
pub fn fuzz_answers_of_azure() {
    let block = Upload::called("1").block(1);
    let blocks =
        format!("<BlockList><UncommittedBlocks><Block><Name>{block}</Name></Block></UncommittedBlocks></BlockList>");
    let seeds: [&[u8]; 5] = [
        b"\xef\xbb\xbf<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>m\nRequestId:1</Message><AuthenticationErrorDetail>d</AuthenticationErrorDetail></Error>",
        b"<EnumerationResults><Blobs><Blob><Name>a</Name><Properties><Etag>0x8D</Etag><Content-Length>3</Content-Length></Properties></Blob><BlobPrefix><Name>b/</Name></BlobPrefix></Blobs><NextMarker>m</NextMarker></EnumerationResults>",
        b"<Blob><Name>a &amp; b</Name><VersionId>v</VersionId><ResourceType>directory</ResourceType></Blob>",
        blocks.as_bytes(),
        b"<Blob><Blob><Name>",
    ];
    let words = [
        "<Blob>",
        "</Blob>",
        "<Name>",
        "</Name>",
        "<BlobPrefix>",
        "&#x",
        "]]>",
        "\u{feff}",
        "AAAA",
        "\n",
    ];
    Target {
        name: "answers of Azure",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let body = without_mark(bytes);
        let (blobs, folders, more) = list::fuzzed(bytes);
        let waiting = Waiting::of(body);
        assert!(
            waiting.uploads.len() <= bytes.len() && blobs + folders <= bytes.len(),
            "more than there was"
        );
        let (code, message) = (xml::text_of(body, "Code"), xml::text_of(body, "Message"));
        let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
        let error = error::of_answer("look", 403, &code, &message, None, Timestamp::UNIX_EPOCH).to_string();
        assert!(error.len() < 4000 && !error.contains(char::is_control), "{error:?}");
        (
            blobs.min(5),
            folders.min(5),
            more,
            waiting.strangers,
            waiting.uploads.len().min(3),
        )
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_names_and_values_of_a_blob() {
    let seeds: [&[u8]; 3] = [
        b"x-ms-meta-backup_operator_run: uid",
        b"X-MS-META-: %",
        b"x-ms-meta-backup_operator_sha256: %zz",
    ];
    Target {
        name: "metadata of a blob",
        seeds: &seeds,
        words: &["x-ms-meta-", "_", "%", "backup_operator_upload", ": "],
    }
    .run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let said = label::of(text.lines().filter_map(|line| line.split_once(": ")));
        let upload = said.upload.as_deref().and_then(Upload::of_id);
        (said.label.len().min(5), upload.is_some(), said.sha256.is_some())
    });
}
