//! A disk with a write-back cache whose power goes at a chosen step: what was not settled may be there or not, each sector and each name
//! by itself.
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use fuzz::Random;

use crate::files::{Entry, Files, Room, Stat};

/// What a disk writes at once.
const SECTOR: usize = 512;

type Id = usize;

#[derive(Clone)]
enum Change {
    Bytes(usize, Vec<u8>),
    Size(usize),
    Time(i64),
}

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    modified: i64,
}

impl Content {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Bytes(at, bytes) => {
                let end = at + bytes.len();
                if self.bytes.len() < end {
                    self.bytes.resize(end, 0);
                }
                self.bytes[*at..end].copy_from_slice(bytes);
            }
            Change::Size(size) => self.bytes.resize(*size, 0),
            Change::Time(modified) => self.modified = *modified,
        }
    }
}

#[derive(Clone, Default)]
struct Node {
    seen: Content,
    settled: Content,
    pending: Vec<Change>,
}

/// A change of names: a file comes to be, moves, goes; or a folder.
#[derive(Clone)]
enum Naming {
    New(String, Id),
    Move(String, String),
    Gone(String),
}

#[derive(Clone, Default)]
struct Names(BTreeMap<String, Id>);

impl Names {
    fn apply(&mut self, naming: &Naming) {
        match naming {
            Naming::New(path, id) => drop(self.0.insert(path.clone(), *id)),
            Naming::Gone(path) => drop(self.0.remove(path)),
            Naming::Move(from, to) => {
                if let Some(id) = self.0.remove(from) {
                    self.0.insert(to.clone(), id);
                }
            }
        }
    }
}

#[derive(Default)]
struct State {
    nodes: Vec<Node>,
    seen: Names,
    settled: Names,
    pending: Vec<Naming>,
    folders: std::collections::BTreeSet<String>,
    /// How often it was connected to.
    connected: u64,
    /// Steps until the power goes.
    left: usize,
    random: u64,
}

/// The disk. Clones are the same one.
#[derive(Clone)]
pub struct Cache(Arc<Mutex<State>>);

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn off() -> io::Error {
    io::Error::other("the power is off")
}

impl State {
    /// One step more; an error: the power went before it.
    fn step(&mut self) -> io::Result<()> {
        if self.left == 0 {
            return Err(off());
        }
        self.left -= 1;
        Ok(())
    }

    fn name(&mut self, naming: Naming) {
        self.seen.apply(&naming);
        self.pending.push(naming);
    }

    fn settle_folder(&mut self, folder: &str) {
        let moved = |path: &String| {
            let moves = self
                .pending
                .iter()
                .filter(|naming| matches!(naming, Naming::Move(_, to) if folder_of(to) == folder));
            moves
                .into_iter()
                .any(|naming| matches!(naming, Naming::Move(from, _) if from == path))
        };
        // A name that moves goes with its move, whether it was settled or not.
        let goes = |naming: &Naming| match naming {
            Naming::New(path, _) => folder_of(path) == folder || moved(path),
            Naming::Gone(path) => folder_of(path) == folder,
            Naming::Move(from, to) => folder_of(to) == folder || folder_of(from) == folder,
        };
        let going: Vec<bool> = self.pending.iter().map(goes).collect();
        for (naming, goes) in std::mem::take(&mut self.pending).into_iter().zip(going) {
            if goes {
                self.settled.apply(&naming);
            } else {
                self.pending.push(naming);
            }
        }
    }

    fn settle(&mut self, id: Id) {
        let node = &mut self.nodes[id];
        node.pending.clear();
        node.settled = node.seen.clone();
    }

    fn change(&mut self, id: Id, change: Change) {
        let node = &mut self.nodes[id];
        node.seen.apply(&change);
        match change {
            Change::Bytes(at, bytes) => {
                let mut from = 0;
                while from < bytes.len() {
                    let to = ((at + from) / SECTOR + 1) * SECTOR - at;
                    let to = to.min(bytes.len());
                    node.pending.push(Change::Bytes(at + from, bytes[from..to].to_vec()));
                    from = to;
                }
            }
            other => node.pending.push(other),
        }
    }

    fn make_folders(&mut self, folder: &str) {
        let mut path = folder;
        while !path.is_empty() {
            self.folders.insert(path.to_owned());
            path = folder_of(path);
        }
    }
}

impl Cache {
    /// A new disk whose power goes after so many steps.
    pub fn new(left: usize, random: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            left,
            random,
            ..State::default()
        })))
    }

    /// From now on, its power goes after so many steps.
    pub fn cut_after(&self, left: usize, random: u64) {
        let mut state = self.0.lock().unwrap();
        (state.left, state.random) = (left, random);
    }

    /// What keeps it is started anew, and connected to again: what was not settled is gone, and files that are open are open.
    pub fn connect_again(&self) {
        let mut state = self.0.lock().unwrap();
        state.connected += 1;
        for node in &mut state.nodes {
            node.seen = node.settled.clone();
            node.pending.clear();
        }
    }

    /// Whether it went.
    pub fn is_off(&self) -> bool {
        self.0.lock().unwrap().left == 0
    }

    /// The disk as it is when the power is back.
    pub fn after(&self) -> Self {
        let mut state = self.0.lock().unwrap();
        let mut random = Random::new(state.random);
        let mut names = state.settled.clone();
        for naming in std::mem::take(&mut state.pending) {
            if random.below(2) == 0 {
                names.apply(&naming);
            }
        }
        let nodes = state.nodes.iter().map(|node| {
            let mut content = node.settled.clone();
            for change in &node.pending {
                if random.below(2) == 0 {
                    content.apply(change);
                }
            }
            Node {
                seen: content.clone(),
                settled: content,
                pending: Vec::new(),
            }
        });
        Self(Arc::new(Mutex::new(State {
            nodes: nodes.collect(),
            seen: names.clone(),
            settled: names,
            pending: Vec::new(),
            folders: state.folders.clone(),
            connected: state.connected + 1,
            left: usize::MAX,
            random: 0,
        })))
    }
}

impl Files for Cache {
    type File = Id;

    fn new_file(&self, path: &str) -> io::Result<Id> {
        let mut state = self.0.lock().unwrap();
        if let Some(id) = state.seen.0.get(path) {
            return Ok(*id);
        }
        state.step()?;
        state.make_folders(folder_of(path));
        state.nodes.push(Node::default());
        let id = state.nodes.len() - 1;
        state.name(Naming::New(path.to_owned(), id));
        Ok(id)
    }

    fn new_folder(&self, path: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        state.make_folders(path);
        Ok(())
    }

    fn open(&self, path: &str) -> io::Result<Id> {
        let state = self.0.lock().unwrap();
        state
            .seen
            .0
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write_at(&self, file: &Id, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        state.change(*file, Change::Bytes(offset as usize, bytes.to_vec()));
        Ok(())
    }

    fn read_at(&self, file: &Id, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let state = self.0.lock().unwrap();
        let bytes = &state.nodes[*file].seen.bytes;
        let from = bytes.get(offset as usize..).unwrap_or_default();
        let count = from.len().min(into.len());
        into[..count].copy_from_slice(&from[..count]);
        Ok(count)
    }

    fn settle(&self, file: &Id) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        state.settle(*file);
        Ok(())
    }

    fn seal(&self, file: &Id, size: u64, modified: i64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        state.change(*file, Change::Size(size as usize));
        state.change(*file, Change::Time(modified));
        state.step()?;
        state.settle(*file);
        Ok(())
    }

    fn rename_over(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        if !state.seen.0.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.make_folders(folder_of(to));
        state.name(Naming::Move(from.to_owned(), to.to_owned()));
        state.step()?;
        state.settle_folder(folder_of(to));
        Ok(())
    }

    fn settle_name(&self, path: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        state.settle_folder(folder_of(path));
        Ok(())
    }

    fn put_small(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        state.make_folders(folder_of(path));
        state.nodes.push(Node::default());
        let id = state.nodes.len() - 1;
        state.change(id, Change::Bytes(0, bytes.to_vec()));
        state.settle(id);
        state.name(Naming::New(path.to_owned(), id));
        state.step()?;
        state.settle_folder(folder_of(path));
        Ok(())
    }

    fn read_small(&self, path: &str) -> io::Result<Vec<u8>> {
        let id = self.open(path)?;
        Ok(self.0.lock().unwrap().nodes[id].seen.bytes.clone())
    }

    fn stat(&self, path: &str) -> io::Result<Option<Stat>> {
        let state = self.0.lock().unwrap();
        let file = state.seen.0.get(path).map(|id| &state.nodes[*id].seen);
        let file = file.map(|content| Stat {
            size: content.bytes.len() as u64,
            modified: content.modified,
            folder: false,
        });
        let folder = state.folders.contains(path).then_some(Stat {
            size: 0,
            modified: 0,
            folder: true,
        });
        Ok(file.or(folder))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Entry>> {
        let state = self.0.lock().unwrap();
        let within = |path: &&String| folder_of(path) == folder;
        let entry = |path: &String, folder| Entry {
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            folder,
        };
        let files = state.seen.0.keys().filter(within).map(|path| entry(path, false));
        let folders = state.folders.iter().filter(within).map(|path| entry(path, true));
        Ok(files.chain(folders).collect())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        if state.seen.0.contains_key(path) {
            state.name(Naming::Gone(path.to_owned()));
        }
        state.step()?;
        state.settle_folder(folder_of(path));
        Ok(())
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let files: Vec<_> = state
            .seen
            .0
            .keys()
            .filter(|file| folder_of(file) == path)
            .cloned()
            .collect();
        for file in files {
            state.step()?;
            state.name(Naming::Gone(file));
        }
        state.step()?;
        state.settle_folder(path);
        state.folders.remove(path);
        Ok(())
    }

    fn prune(&self, _: &str) {}

    fn connected(&self) -> u64 {
        self.0.lock().unwrap().connected
    }

    fn room(&self) -> io::Result<Room> {
        Ok(Room {
            free: 1 << 40,
            total: 1 << 40,
        })
    }
}
