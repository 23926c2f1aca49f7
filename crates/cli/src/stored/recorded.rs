//! An object by its record: what the operator has written of a good backup, as a file here or beside it in the bucket.
use std::fs::File;
use std::io::Read;

use api::place::Place;
use record::{Record, RecordError};

use crate::read::fault::Fault;
use crate::stored::bucket::Bucket;
use crate::stored::key::Key;
use crate::stored::source::{At, Packing, Source};

/// Bytes that are read: one more than any record has.
const MOST: u64 = record::schema::LONGEST as u64 + 1;

/// Reads a record: a file, or where there is none of that name, a key of the bucket.
///
/// # Errors
/// There is none, or it is none.
pub fn read(bucket: &Bucket, name: &str) -> Result<Record, Fault> {
    let fault = |why: String, next: &str| Fault::new("read the record", format!("{name}: {why}"), next);
    let bytes = match File::open(name) {
        Ok(file) => {
            let mut bytes = Vec::new();
            let read = file.take(MOST).read_to_end(&mut bytes);
            read.map_err(|e| fault(e.to_string(), "the same command with another --record"))?;
            bytes
        }
        // Whatever lies elsewhere in the bucket is no record.
        Err(e) if Place::of(name).is_none() => {
            return Err(fault(
                e.to_string(),
                "the same command with a file, or with a key of the bucket: [PREFIX/].backup-operator/records/NAMESPACE/SCHEDULE/RUN.json",
            ));
        }
        Err(_) => {
            let got = bucket.wait(bucket.store.read(name, None)).map_err(|e| e.to_string());
            let got = got.and_then(|got| got.map_err(|e| e.to_string()));
            let next = "the same command with another --record: [PREFIX/].backup-operator/records/NAMESPACE/SCHEDULE/RUN.json, and with namespaceIsolation: Prefix NAMESPACE/ before .backup-operator";
            got.map_err(|why| fault(why, next))?
        }
    };
    Record::read(&bytes).map_err(|e| {
        let next = match e {
            RecordError::Version(_) => "a newer kubectl-backup",
            _ => "the same command with --path, and what is known of the object",
        };
        fault(e.to_string(), next)
    })
}

/// The object that a record is of. What the record says is no proof: the store and the stream are held to it.
pub fn source(bucket: &Bucket, record: &Record, key: Option<Key>, window_log: Option<u32>) -> Source {
    Source {
        at: At::Bucket(Box::new(bucket.clone())),
        etag: None,
        key: record.key.clone(),
        version_id: record.version_id.clone(),
        size: Some(record.stored_bytes),
        sha256: record.sha256.clone(),
        packing: Some(Packing::of(record.compression.as_ref())),
        encrypted: Some(record.encryption.as_ref().is_some_and(|e| !e.recipients.is_empty())),
        key_file: key,
        window_log,
    }
}
