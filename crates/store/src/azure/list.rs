//! Lists of what a container has.
use jiff::Timestamp;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::Container;
use crate::error::StoreError;
use crate::s3::{Listed, Page, Version};
use crate::signing::Pairs;

/// Names of a list's answer.
const MOST: &str = "1000";
/// Azure may answer with nothing and say that there is more: so often it is asked on where all is wanted at once.
const TURNS: u32 = 100;

/// A blob in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Blob {
    key: String,
    size: u64,
    etag: String,
    modified: Option<Timestamp>,
    version: Option<String>,
    /// Of an account with a hierarchical namespace, which lists its directories.
    directory: bool,
}

/// A list's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    blobs: Vec<Blob>,
    folders: Vec<String>,
    next: Option<String>,
}

impl Container {
    /// Blobs below a prefix, a page at a time.
    pub(crate) async fn page(&self, prefix: &str, next: Option<&str>) -> Result<Page, StoreError> {
        let found = self.find("list", prefix, &[], next).await?;
        let objects = found.blobs.into_iter().filter(|blob| !blob.directory);
        Ok(Page {
            objects: objects
                .map(|blob| Listed {
                    key: blob.key,
                    size: blob.size,
                    etag: quoted(&blob.etag),
                    modified: blob.modified,
                })
                .collect(),
            next: found.next,
        })
    }

    /// Keys below a prefix, the first thousand.
    pub(crate) async fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let found = self.first("list", prefix, &[]).await?;
        let blobs = found.blobs.into_iter().filter(|blob| !blob.directory);
        Ok(blobs.map(|blob| blob.key).collect())
    }

    /// Keys below a prefix, also of blobs that have nothing but blocks that wait.
    pub(super) async fn keys_with_waiting(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let found = self.first("list uploads", prefix, &[("include", "uncommittedblobs")]);
        Ok(found.await?.blobs.into_iter().map(|blob| blob.key).collect())
    }

    /// The folders right below a prefix, each with its `/`, the first thousand.
    pub(crate) async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let found = self.first("list", prefix, &[("delimiter", "/")]).await?;
        Ok(found.folders.into_iter().filter(|folder| folder != prefix).collect())
    }

    /// Versions below a prefix, the first thousand; none where the account keeps none.
    pub(crate) async fn versions(&self, prefix: &str) -> Result<Vec<Version>, StoreError> {
        let found = self.first("list versions", prefix, &[("include", "versions")]).await?;
        let version = |blob: Blob| {
            Some(Version {
                id: blob.version?,
                key: blob.key,
                modified: blob.modified,
            })
        };
        Ok(found.blobs.into_iter().filter_map(version).collect())
    }

    /// The first page that has anything.
    async fn first(&self, step: &'static str, prefix: &str, more: &[(&str, &str)]) -> Result<Found, StoreError> {
        let mut found = self.find(step, prefix, more, None).await?;
        for _ in 0..TURNS {
            let Some(next) = found
                .next
                .take_if(|_| found.blobs.is_empty() && found.folders.is_empty())
            else {
                break;
            };
            found = self.find(step, prefix, more, Some(&next)).await?;
        }
        Ok(found)
    }

    async fn find(
        &self,
        step: &'static str,
        prefix: &str,
        more: &[(&str, &str)],
        next: Option<&str>,
    ) -> Result<Found, StoreError> {
        let mut query = Pairs::from([
            ("restype".to_string(), "container".to_string()),
            ("comp".to_string(), "list".to_string()),
            ("maxresults".to_string(), MOST.to_string()),
        ]);
        query.extend((!prefix.is_empty()).then(|| ("prefix".to_string(), prefix.to_string())));
        query.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_string(), (*value).to_string())),
        );
        query.extend(next.map(|marker| ("marker".to_string(), marker.to_string())));
        let answer = self.ask(step, http::Method::GET, "", query, Pairs::new()).await?;
        Ok(found(&answer.body))
    }
}

/// Lists leave out the quotes that an answer's header has.
fn quoted(etag: &str) -> String {
    if etag.is_empty() || etag.ends_with('"') {
        return etag.to_owned();
    }
    format!("\"{etag}\"")
}

/// What an answer has; of one that is no XML, nothing.
fn found(xml: &[u8]) -> Found {
    let mut found = Found::default();
    let Ok(text) = std::str::from_utf8(xml) else {
        return found;
    };
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let (mut blob, mut folder) = (None::<Blob>, false);
    let mut value = String::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                match start.local_name().as_ref() {
                    "Blob" => blob = Some(Blob::default()),
                    "BlobPrefix" => folder = true,
                    _ => {}
                }
                value.clear();
            }
            Ok(Event::Text(part)) => value.push_str(&part),
            Ok(Event::GeneralRef(entity)) => {
                let name = entity.to_string();
                if let Ok(Some(c)) = entity.resolve_char_ref() {
                    value.push(c);
                } else if let Some(known) = quick_xml::escape::resolve_predefined_entity(&name) {
                    value.push_str(known);
                }
            }
            Ok(Event::End(end)) => {
                let text = std::mem::take(&mut value);
                match (end.local_name().as_ref(), blob.as_mut()) {
                    ("Blob", _) => found.blobs.extend(blob.take().filter(|blob| !blob.key.is_empty())),
                    ("BlobPrefix", _) => folder = false,
                    ("Name", None) if folder => found.folders.push(text),
                    ("NextMarker", None) => found.next = Some(text).filter(|marker| !marker.is_empty()),
                    ("Name", Some(blob)) if blob.key.is_empty() => blob.key = text,
                    ("Content-Length", Some(blob)) => blob.size = text.parse().unwrap_or_default(),
                    ("Etag", Some(blob)) => blob.etag = text,
                    ("VersionId", Some(blob)) => blob.version = Some(text).filter(|id| !id.is_empty()),
                    ("ResourceType", Some(blob)) => blob.directory = text == "directory",
                    ("Last-Modified", Some(blob)) => {
                        blob.modified = jiff::fmt::rfc2822::parse(&text).ok().map(|at| at.timestamp());
                    }
                    _ => {}
                }
            }
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => {}
        }
    }
}

/// Blobs, folders, and whether there are more.
#[cfg(any(test, fuzzing))]
pub(super) fn fuzzed(xml: &[u8]) -> (usize, usize, bool) {
    let found = found(xml);
    (found.blobs.len(), found.folders.len(), found.next.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_blobs_folders_and_where_the_next_ones_begin() {
        let body = "\u{feff}<?xml version=\"1.0\"?><EnumerationResults><Prefix>a/</Prefix><Blobs>\
            <Blob><Name>a/b &amp; c</Name><VersionId>v</VersionId><Properties><Last-Modified>Sat, 28 Nov 2026 01:00:00 GMT</Last-Modified>\
            <Etag>0x8D</Etag><Content-Length>3</Content-Length></Properties><Metadata><name>x</name></Metadata></Blob>\
            <BlobPrefix><Name>a/d/</Name></BlobPrefix>\
            <Blob><Name>a/dir</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>\
            </Blobs><NextMarker>m&amp;1</NextMarker></EnumerationResults>";
        let list = found(body.as_bytes());
        assert_eq!(list.folders, ["a/d/"]);
        assert_eq!(list.next.as_deref(), Some("m&1"));
        let [blob, directory] = &list.blobs[..] else {
            panic!("{list:?}")
        };
        assert_eq!(
            (blob.key.as_str(), blob.size, blob.etag.as_str()),
            ("a/b & c", 3, "0x8D")
        );
        assert!(blob.modified.is_some() && blob.version.as_deref() == Some("v") && !blob.directory);
        assert!(directory.directory);
        let last = body.replace("<NextMarker>m&amp;1</NextMarker>", "<NextMarker />");
        assert_eq!(found(last.as_bytes()).next, None);
        assert_eq!(found(b"no xml"), Found::default());
    }

    #[test]
    fn an_etag_has_its_quotes_as_in_a_header() {
        for (given, expected) in [("0x8D", "\"0x8D\""), ("\"0x8D\"", "\"0x8D\""), ("", "")] {
            assert_eq!(quoted(given), expected);
        }
    }
}
