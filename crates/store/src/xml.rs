//! The little XML that S3 speaks: reading single elements of an answer, writing the list of parts.
use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use crate::s3::CompletedPart;

/// The text of the first element of that name, wherever it is.
pub(crate) fn text_of(xml: &[u8], name: &str) -> Option<String> {
    all_of(xml, &[name]).into_iter().next()?.into_iter().next()
}

/// Values of the named elements, in groups: a group ends when a name comes again. Within a group they stand in the order
/// of the names, because stores differ in theirs.
pub(crate) fn all_of(xml: &[u8], names: &[&str]) -> Vec<Vec<String>> {
    let Ok(text) = std::str::from_utf8(xml) else {
        return Vec::new();
    };
    let mut reader = Reader::from_str(text);
    let mut groups: Vec<Vec<(usize, String)>> = Vec::new();
    let mut at: Option<usize> = None;
    let mut value = String::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                let found = names.iter().position(|n| start.local_name().as_ref() == *n);
                (at, value) = (found, String::new());
            }
            Ok(Event::Text(part)) if at.is_some() => value.push_str(&part),
            Ok(Event::GeneralRef(entity)) if at.is_some() => {
                let name = entity.to_string();
                if let Ok(Some(c)) = entity.resolve_char_ref() {
                    value.push(c);
                } else if let Some(known) = quick_xml::escape::resolve_predefined_entity(&name) {
                    value.push_str(known);
                }
            }
            Ok(Event::End(_)) => {
                if let Some(index) = at.take() {
                    let text = std::mem::take(&mut value);
                    match groups.last_mut().filter(|g| g.iter().all(|(seen, _)| *seen != index)) {
                        Some(group) => group.push((index, text)),
                        None => groups.push(vec![(index, text)]),
                    }
                }
            }
            // An answer that is no XML has no elements.
            Ok(Event::Eof) | Err(_) => return groups.into_iter().map(in_order).collect(),
            Ok(_) => {}
        }
    }
}

fn in_order(mut group: Vec<(usize, String)>) -> Vec<String> {
    group.sort_by_key(|(index, _)| *index);
    group.into_iter().map(|(_, text)| text).collect()
}

/// Key, id and time of each upload that a ListMultipartUploads tells of.
pub(crate) fn uploads(xml: &[u8]) -> Vec<[String; 3]> {
    let groups = all_of(xml, &["Key", "UploadId", "Initiated"]);
    groups.into_iter().filter_map(|g| g.try_into().ok()).collect()
}

/// The body of CompleteMultipartUpload.
pub(crate) fn complete(parts: &[CompletedPart], with_sha256: bool) -> String {
    let mut body = String::from(r#"<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#);
    for part in parts {
        body.push_str(&format!(
            "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag>",
            part.number,
            escape(&part.etag)
        ));
        if with_sha256 {
            body.push_str(&format!("<ChecksumSHA256>{}</ChecksumSHA256>", escape(&part.digest)));
        }
        body.push_str("</Part>");
    }
    body.push_str("</CompleteMultipartUpload>");
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_with_their_entities_and_hostile_answers_have_none() {
        let cases: [(&str, Option<&str>); 6] = [
            (
                "<?xml version=\"1.0\"?><R xmlns=\"x\"><UploadId>a&amp;b&#34;</UploadId></R>",
                Some("a&b\""),
            ),
            ("<a:R xmlns:a=\"x\"><a:UploadId>q</a:UploadId></a:R>", Some("q")),
            ("<R></R>", None),
            ("not xml", None),
            ("<UploadId>cut", None),
            ("", None),
        ];
        for (xml, wanted) in cases {
            assert_eq!(text_of(xml.as_bytes(), "UploadId").as_deref(), wanted, "{xml}");
        }
    }

    #[test]
    fn a_list_is_read_in_groups() {
        let xml = "<R><Upload><Key>a</Key><UploadId>1</UploadId></Upload><Upload><Key>b</Key><UploadId>2</UploadId></Upload></R>";
        assert_eq!(all_of(xml.as_bytes(), &["Key", "UploadId"]), [["a", "1"], ["b", "2"]]);
    }

    #[test]
    fn uploads_are_read_by_name_whatever_the_order_of_the_store() {
        let upload = |parts: [&str; 3]| {
            format!(
                "<R><Upload>{}</Upload><Upload>{}</Upload></R>",
                parts.concat(),
                parts.concat()
            )
        };
        let (key, id, at) = ("<Key>k</Key>", "<UploadId>u</UploadId>", "<Initiated>t</Initiated>");
        for xml in [upload([key, id, at]), upload([at, key, id])] {
            assert_eq!(uploads(xml.as_bytes()), [["k", "u", "t"], ["k", "u", "t"]]);
        }
        assert_eq!(
            uploads(b"<R><Upload><Key>k</Key><UploadId>u</UploadId></Upload></R>"),
            [] as [[String; 3]; 0]
        );
    }

    #[test]
    fn an_agents_etag_cannot_break_out_of_the_list_of_parts() {
        let part = CompletedPart {
            number: 1,
            etag: "\"</ETag>".into(),
            digest: "d".into(),
        };
        assert!(complete(&[part], true).contains("<ETag>&quot;&lt;/ETag&gt;</ETag><ChecksumSHA256>d</ChecksumSHA256>"));
    }
}
