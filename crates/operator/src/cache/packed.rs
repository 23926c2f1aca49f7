//! One object as it is kept: what it is looked for by, and the rest compressed.
use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use kube::core::ObjectMeta;
use serde_json::{Map, Value};
use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use super::{Due, Kind, hash};

/// A run and a schedule as they are read from the API server: what an object has in common with them costs almost nothing.
const TYPICAL: &[u8] = include_bytes!("typical.json");
/// Small objects gain nothing from more.
const LEVEL: i32 = 3;
/// The API server takes no object that is larger than etcd's 1.5 MiB; as JSON with escapes it may be some times that.
const LARGEST: usize = 16 << 20;

/// An object, packed. A clone is the same one.
pub struct Packed<K> {
    inner: Arc<Inner>,
    kind: PhantomData<fn() -> K>,
}

struct Inner {
    /// `namespace/name`.
    name: Arc<str>,
    uid: Box<str>,
    version: Box<str>,
    /// Hashes of what it is looked for by.
    groups: Box<[u64]>,
    /// The hash of the storage's name, and bytes.
    counted: Option<(u64, u64)>,
    /// Unix seconds from which there is something to do for it: the least number where that is now, the greatest where never.
    due: i64,
    /// What stands for the spec in a head.
    head: &'static str,
    /// The hash of all but the spec and what is of the moment.
    lasting: u64,
    /// `spec`, which it shares with all that have the same.
    spec: Spec,
    /// The rest.
    rest: Box<[u8]>,
}

impl<K> Clone for Packed<K> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            kind: PhantomData,
        }
    }
}

impl<K> Packed<K> {
    /// `namespace/name`.
    pub fn name(&self) -> &Arc<str> {
        &self.inner.name
    }

    /// Its UID.
    pub fn uid(&self) -> &str {
        &self.inner.uid
    }

    /// Whether it is the same object in the same version.
    pub fn is_as(&self, other: &Self) -> bool {
        self.inner.uid == other.inner.uid && self.inner.version == other.inner.version
    }

    /// Whether the two differ in nothing but what is of the moment: their version, and how far a transfer is.
    pub fn says_as(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.inner, &other.inner);
        mine.uid == theirs.uid && mine.lasting == theirs.lasting && Arc::ptr_eq(&mine.spec.0, &theirs.spec.0)
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Tells it from all others that are there.
    pub(super) fn identity(&self) -> usize {
        Arc::as_ptr(&self.inner).addr()
    }

    #[cfg(test)]
    pub(super) fn shares_spec_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner.spec.0, &other.inner.spec.0)
    }

    #[cfg(test)]
    pub(super) fn own_bytes(&self) -> usize {
        self.inner.rest.len()
    }

    pub(super) fn groups(&self) -> &[u64] {
        &self.inner.groups
    }

    pub(super) fn counted(&self) -> Option<(u64, u64)> {
        self.inner.counted
    }

    pub(super) fn due(&self) -> Due {
        match self.inner.due {
            i64::MIN => Due::Now,
            i64::MAX => Due::Never,
            at => jiff::Timestamp::from_second(at).map_or(Due::Now, Due::At),
        }
    }
}

impl<K: Kind> Packed<K> {
    /// Packs an object, whose text this is. What nobody here reads from a cache is left out: the manifest that `kubectl apply` puts beside it
    /// once more.
    pub fn new(object: &K, mut text: Map<String, Value>) -> Self {
        let spec = text.remove("spec").unwrap_or_default();
        if let Some(Value::Object(annotations)) = part(&mut text, "metadata").and_then(|m| m.get_mut("annotations")) {
            annotations.remove(LAST_APPLIED);
        }
        let metadata = object.meta();
        let lasting = lasting(&mut text);
        let inner = Inner {
            name: name(metadata).into(),
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            version: metadata.resource_version.as_deref().unwrap_or_default().into(),
            groups: object.groups().into_iter().map(hash).collect(),
            counted: object.counted().map(|(storage, bytes)| (hash(storage), bytes)),
            due: match object.due() {
                Due::Now => i64::MIN,
                Due::At(time) => time.as_second(),
                Due::Never => i64::MAX,
            },
            head: object.head_spec(),
            lasting,
            spec: Spec::of(&spec),
            rest: compress(Value::Object(text).to_string().as_bytes()),
        };
        Self {
            inner: Arc::new(inner),
            kind: PhantomData,
        }
    }

    /// Packs an object of a test.
    #[cfg(test)]
    pub fn of(object: &K) -> Self
    where
        K: serde::Serialize,
    {
        match serde_json::to_value(object) {
            Ok(Value::Object(text)) => Self::new(object, text),
            other => unreachable!("{other:?}"),
        }
    }

    /// The object itself. It was read before it was packed: that it cannot be read now is a fault of this program, which is told, and the object is
    /// taken for one that was not seen.
    pub fn open(&self) -> Option<Arc<K>> {
        self.read(decompress(self.inner.spec.bytes()))
    }

    /// The object with an empty spec.
    pub fn head(&self) -> Option<Arc<K>> {
        self.read(Ok(self.inner.head.into()))
    }

    fn read(&self, spec: Result<Vec<u8>, String>) -> Option<Arc<K>> {
        let text = decompress(&self.inner.rest).and_then(|rest| Ok(joined(rest, &spec?)));
        match text.and_then(|text| serde_json::from_slice::<K>(&text).map_err(|e| e.to_string())) {
            Ok(mut object) => {
                object.settled();
                Some(Arc::new(object))
            }
            Err(error) => {
                tracing::error!(kind = %K::kind(&()), name = %self.inner.name, error, "an object that was kept cannot be read again");
                None
            }
        }
    }
}

/// One object of its two parts.
fn joined(mut rest: Vec<u8>, spec: &[u8]) -> Vec<u8> {
    rest.pop();
    rest.extend_from_slice(b",\"spec\":");
    rest.extend_from_slice(spec);
    rest.push(b'}');
    rest
}

/// The hash of a text without what is of the moment: who waits for a change of an object waits for more than that.
fn lasting(text: &mut Map<String, Value>) -> u64 {
    let mut moment = Vec::new();
    for (of, name) in [("metadata", "resourceVersion"), ("status", "progress")] {
        let value = part(text, of).and_then(|fields| fields.remove(name));
        moment.extend(value.map(|value| (of, name, value)));
    }
    let lasting = hash(serde_json::to_string(&text).unwrap_or_default());
    for (of, name, value) in moment {
        part(text, of).and_then(|fields| fields.insert(name.into(), value));
    }
    lasting
}

fn part<'a>(text: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    text.get_mut(name)?.as_object_mut()
}

/// Where `kubectl apply` keeps what it applied.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// `namespace/name`; of what has no namespace, `/name`.
pub fn name(metadata: &ObjectMeta) -> String {
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    format!("{namespace}/{}", metadata.name.as_deref().unwrap_or_default())
}

/// A compressed `spec`. There is one of those that are equal: a schedule's runs are.
struct Spec(Arc<[u8]>);

static SPECS: LazyLock<Mutex<HashSet<Arc<[u8]>>>> = LazyLock::new(Mutex::default);

impl Spec {
    fn of(spec: &Value) -> Self {
        let bytes = compress(spec.to_string().as_bytes());
        let mut all = SPECS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = all.get(bytes.as_ref()) {
            return Self(same.clone());
        }
        let bytes: Arc<[u8]> = bytes.into();
        all.insert(bytes.clone());
        Self(bytes)
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Spec {
    fn drop(&mut self) {
        let mut all = SPECS.lock().unwrap_or_else(PoisonError::into_inner);
        // This one and the set's: nobody takes another while the set is held.
        if Arc::strong_count(&self.0) == 2 {
            all.remove(&self.0);
        }
    }
}

static PACK: LazyLock<Mutex<Option<Compressor<'static>>>> = LazyLock::new(|| {
    static DICTIONARY: LazyLock<EncoderDictionary<'static>> = LazyLock::new(|| EncoderDictionary::copy(TYPICAL, LEVEL));
    Mutex::new(Compressor::with_prepared_dictionary(&DICTIONARY).ok())
});
static UNPACK: LazyLock<Mutex<Option<Decompressor<'static>>>> = LazyLock::new(|| {
    static DICTIONARY: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(TYPICAL));
    Mutex::new(Decompressor::with_prepared_dictionary(&DICTIONARY).ok())
});

/// Compressed, behind a byte that says whether it is.
fn compress(text: &[u8]) -> Box<[u8]> {
    let mut pack = PACK.lock().unwrap_or_else(PoisonError::into_inner);
    let packed = pack.as_mut().and_then(|pack| pack.compress(text).ok());
    let (kind, body) = packed.as_deref().map_or((0, text), |packed| (1, packed));
    let mut all = Vec::with_capacity(body.len() + 1);
    all.push(kind);
    all.extend_from_slice(body);
    all.into()
}

fn decompress(packed: &[u8]) -> Result<Vec<u8>, String> {
    match packed.split_first() {
        Some((1, body)) => {
            let size = zstd::zstd_safe::get_frame_content_size(body)
                .ok()
                .flatten()
                .unwrap_or(0);
            let size = usize::try_from(size).unwrap_or(usize::MAX).min(LARGEST);
            let mut unpack = UNPACK.lock().unwrap_or_else(PoisonError::into_inner);
            let unpack = unpack.as_mut().ok_or("there is no decompressor")?;
            unpack.decompress(body, size).map_err(|e| e.to_string())
        }
        Some((_, body)) => Ok(body.to_vec()),
        None => Ok(Vec::new()),
    }
}
