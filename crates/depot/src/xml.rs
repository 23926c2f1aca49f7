//! The bodies of S3: lists, answers and faults as they are written, and the parts that a completion claims.
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use crate::fault::{Code, Fault};
use crate::shelf::{Asked, Asking, Claim, Class, Done, Page, Unfinished};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NAMESPACE: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
/// What is escaped where an answer was asked for in URLs' form.
const URL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');
/// S3: an upload has at most as many parts.
const MOST_PARTS: usize = 10_000;

/// An instant as S3 writes it.
fn instant(seconds: i64) -> String {
    let at = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// A fault.
pub fn fault(fault: &Fault, resource: &str, id: &str) -> String {
    format!(
        "{HEAD}<Error><Code>{}</Code><Message>{}</Message><Resource>{}</Resource><RequestId>{id}</RequestId></Error>",
        fault.code.word(),
        escape(&fault.words),
        escape(resource)
    )
}

/// An upload that was begun.
pub fn begun(bucket: &str, key: &str, id: &str) -> String {
    format!(
        "{HEAD}<InitiateMultipartUploadResult {NAMESPACE}><Bucket>{}</Bucket><Key>{}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>",
        escape(bucket),
        escape(key)
    )
}

/// An upload that was completed.
pub fn completed(bucket: &str, key: &str, done: &Done) -> String {
    let checksum = done
        .checksum
        .as_ref()
        .map(|sha| format!("<ChecksumSHA256>{sha}</ChecksumSHA256><ChecksumType>COMPOSITE</ChecksumType>"));
    format!(
        "{HEAD}<CompleteMultipartUploadResult {NAMESPACE}><Location>/{0}/{1}</Location><Bucket>{0}</Bucket><Key>{1}</Key><ETag>{2}</ETag>{3}</CompleteMultipartUploadResult>",
        escape(bucket),
        escape(key),
        escape(&done.etag),
        checksum.unwrap_or_default()
    )
}

/// Objects.
pub fn objects(bucket: &str, asked: &Asked, page: &Page, escaped: bool) -> String {
    let text = |text: &str| match escaped {
        true => utf8_percent_encode(text, URL).to_string(),
        false => escape(text).into_owned(),
    };
    let mut xml = format!(
        "{HEAD}<ListBucketResult {NAMESPACE}><Name>{}</Name><Prefix>{}</Prefix>",
        escape(bucket),
        text(&asked.prefix)
    );
    if escaped {
        xml.push_str("<EncodingType>url</EncodingType>");
    }
    if asked.folders {
        xml.push_str("<Delimiter>/</Delimiter>");
    }
    let told = page.objects.len() + page.folders.len();
    xml.push_str(&format!(
        "<KeyCount>{told}</KeyCount><MaxKeys>{}</MaxKeys><IsTruncated>{}</IsTruncated>",
        asked.most,
        page.next.is_some()
    ));
    if let Some(next) = &page.next {
        let token = utf8_percent_encode(next, NON_ALPHANUMERIC);
        xml.push_str(&format!("<NextContinuationToken>{token}</NextContinuationToken>"));
    }
    for listed in &page.objects {
        xml.push_str(&format!(
            "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag><ChecksumAlgorithm>SHA256</ChecksumAlgorithm><Size>{}</Size><StorageClass>{}</StorageClass></Contents>",
            text(&listed.key),
            instant(listed.label.modified),
            escape(listed.label.etag()),
            listed.label.size,
            listed.label.shown.class.map_or("STANDARD", Class::word)
        ));
    }
    for folder in &page.folders {
        xml.push_str(&format!(
            "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>",
            text(folder)
        ));
    }
    xml.push_str("</ListBucketResult>");
    xml
}

/// Uploads that are not completed.
pub fn uploads(bucket: &str, prefix: &str, found: &[Unfinished], most: usize) -> String {
    let mut xml = format!(
        "{HEAD}<ListMultipartUploadsResult {NAMESPACE}><Bucket>{}</Bucket><Prefix>{}</Prefix><MaxUploads>{most}</MaxUploads><IsTruncated>{}</IsTruncated>",
        escape(bucket),
        escape(prefix),
        found.len() > most
    );
    for upload in found.iter().take(most) {
        xml.push_str(&format!(
            "<Upload><Key>{}</Key><UploadId>{}</UploadId><Initiated>{}</Initiated><StorageClass>STANDARD</StorageClass></Upload>",
            escape(&upload.key),
            upload.id,
            instant(upload.begun)
        ));
    }
    xml.push_str("</ListMultipartUploadsResult>");
    xml
}

/// The parts that a completion claims.
///
/// # Errors
/// They cannot be read.
pub fn claims(body: &[u8]) -> Result<Vec<Claim>, Fault> {
    let malformed = |words: &str| Fault::new(Code::MalformedXML, format!("the list of parts cannot be read: {words}"));
    let text = std::str::from_utf8(body).map_err(|_| malformed("it is no UTF-8"))?;
    let mut reader = Reader::from_str(text);
    let (mut claims, mut inside, mut element) =
        (Vec::new(), None::<(Option<u32>, String, Option<String>)>, String::new());
    let mut value = String::new();
    loop {
        match reader.read_event().map_err(|error| malformed(&error.to_string()))? {
            Event::Eof => break,
            Event::DocType(_) => return Err(malformed("it has a document type")),
            Event::Start(start) => {
                element = start.local_name().as_ref().to_owned();
                value.clear();
                if element == "Part" {
                    inside = Some((None, String::new(), None));
                }
            }
            Event::Text(text) => value.push_str(&text),
            Event::GeneralRef(entity) => value.push_str(match &*entity {
                "quot" | "#34" | "#x22" => "\"",
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                "apos" => "'",
                _ => return Err(malformed("it has an entity that is none of XML's own")),
            }),
            Event::End(end) => {
                let name = end.local_name().as_ref().to_owned();
                if name == "Part" {
                    let (number, etag, checksum) = inside.take().unwrap_or_default();
                    let number = number.ok_or_else(|| malformed("a part has no number"))?;
                    if claims.len() >= MOST_PARTS {
                        return Err(malformed("it has more than 10,000 parts"));
                    }
                    claims.push(Claim { number, etag, checksum });
                } else if let Some((number, etag, checksum)) = inside.as_mut().filter(|_| name == element) {
                    match name.as_str() {
                        "PartNumber" => *number = value.trim().parse().ok(),
                        "ETag" => *etag = value.trim().to_owned(),
                        "ChecksumSHA256" => *checksum = Some(value.trim().to_owned()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    if inside.is_some() {
        return Err(malformed("it ends in the middle of a part"));
    }
    Ok(claims)
}

/// For how long an object is asked back from its archive, and how fast.
///
/// # Errors
/// It cannot be read, or has no `Days`.
pub fn asking(body: &[u8]) -> Result<Asking, Fault> {
    let malformed = |words: &str| {
        let words = format!("what is asked back from the archive cannot be read: {words}");
        Fault::new(Code::MalformedXML, words)
    };
    let text = std::str::from_utf8(body).map_err(|_| malformed("it is no UTF-8"))?;
    let mut reader = Reader::from_str(text);
    let (mut path, mut days, mut tier) = (Vec::new(), None, None);
    loop {
        match reader.read_event().map_err(|error| malformed(&error.to_string()))? {
            Event::Eof => break,
            Event::DocType(_) => return Err(malformed("it has a document type")),
            Event::Start(start) => path.push(start.local_name().as_ref().to_owned()),
            Event::End(_) => drop(path.pop()),
            Event::Text(text) => match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["RestoreRequest", "Days"] => days = Some(text.trim().to_owned()),
                ["RestoreRequest", "GlacierJobParameters", "Tier"] => tier = Some(text.trim().to_owned()),
                _ => {}
            },
            _ => {}
        }
    }
    if !path.is_empty() {
        return Err(malformed("it ends in the middle of an element"));
    }
    let days = days.and_then(|days| days.parse().ok()).filter(|days| *days > 0);
    let days = days.ok_or_else(|| malformed("Days must be a whole number from 1"))?;
    Ok(Asking { days, tier })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_back_says_for_how_long_and_perhaps_how_fast() {
        let asked = |body: &str| asking(body.as_bytes()).map(|asked| (asked.days, asked.tier));
        let tier = |days, tier: &str| Ok((days, Some(tier.to_owned())));
        let bulk = "<RestoreRequest xmlns=\"u\"><Days>3</Days>\n<GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>";
        assert_eq!(asked(bulk), tier(3, "Bulk"));
        assert_eq!(
            asked("<RestoreRequest><Days> 1 </Days></RestoreRequest>"),
            Ok((1, None))
        );
        for bad in [
            "",
            "<RestoreRequest/>",
            "<RestoreRequest><Days>0</Days></RestoreRequest>",
            "<RestoreRequest><Days>-1</Days></RestoreRequest>",
            "<RestoreRequest><Days>1</Days>",
            "<Days>1</Days>",
            "<!DOCTYPE x><RestoreRequest><Days>1</Days></RestoreRequest>",
        ] {
            assert_eq!(asked(bad).map_err(|fault| fault.code), Err(Code::MalformedXML), "{bad}");
        }
    }

    #[test]
    fn the_parts_of_a_completion_are_read_whoever_wrote_them() {
        let ours = "<CompleteMultipartUpload><Part><ETag>\"a\"</ETag><PartNumber>1</PartNumber><ChecksumSHA256>x=</ChecksumSHA256></Part>\
            <Part><PartNumber>2</PartNumber><ETag>&quot;b&quot;</ETag></Part></CompleteMultipartUpload>";
        let spaced = "<?xml version=\"1.0\"?><CompleteMultipartUpload xmlns=\"u\">\n <Part>\n  <ETag>&#34;a&#34;</ETag>\n  <PartNumber>1</PartNumber><ChecksumSHA256>x=</ChecksumSHA256>\n </Part>\
            <Part><PartNumber>2</PartNumber><ETag>\"b\"</ETag></Part></CompleteMultipartUpload>";
        for body in [ours, spaced] {
            let found = claims(body.as_bytes()).unwrap();
            let told: Vec<_> = found
                .iter()
                .map(|c| (c.number, c.etag.as_str(), c.checksum.as_deref()))
                .collect();
            assert_eq!(told, [(1, "\"a\"", Some("x=")), (2, "\"b\"", None)]);
        }
        for bad in [
            "<Part><PartNumber>x</PartNumber></Part>",
            "<Part>",
            "<a></b>",
            "<!DOCTYPE x [<!ENTITY e \"e\">]><Part/>",
            "<Part><ETag>&e;</ETag></Part>",
            "\u{0}<",
        ] {
            assert_eq!(
                claims(bad.as_bytes()).map_err(|fault| fault.code),
                Err(Code::MalformedXML),
                "{bad}"
            );
        }
        assert_eq!(claims(b"").unwrap(), []);
    }
}
