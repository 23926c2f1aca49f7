//! Archives, for tests of restores from them: what lies in one is not read before it was asked back and has come, and goes again after the
//! days that were asked for. All of it is said by the label and a clock, so that it outlives the process.
use serde::{Deserialize, Serialize};

use super::Shelf;
use super::label::{Label, paths};
use crate::fault::{At, Code, Fault};
use crate::files::Files;

const DAY: i64 = 24 * 3600;

/// A class whose objects lie in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Class {
    /// Minutes to hours.
    Glacier,
    /// Hours to days.
    DeepArchive,
}

impl Class {
    /// As a header names it; None: no archive.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Glacier, Self::DeepArchive]
            .into_iter()
            .find(|class| class.word() == word)
    }

    /// As a header names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Glacier => "GLACIER",
            Self::DeepArchive => "DEEP_ARCHIVE",
        }
    }

    fn has(self, tier: &str) -> bool {
        matches!((self, tier), (_, "Standard" | "Bulk") | (Self::Glacier, "Expedited"))
    }
}

/// An object that was asked back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Thaw {
    /// It can be read from then on, seconds since 1970.
    pub from: i64,
    /// It is gone again then.
    pub until: i64,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// For how long.
    pub days: u32,
    /// How fast, where that is said. Here all take the same time.
    pub tier: Option<String>,
}

/// How it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brought {
    /// It is on its way.
    Begun,
    /// It was there, and stays from now for as long as was asked.
    There,
}

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In no archive.
    Readable,
    /// In an archive.
    Archived,
    /// On its way.
    Coming,
    /// It can be read for a while.
    There {
        /// Until then, seconds since 1970.
        until: i64,
    },
}

impl Label {
    /// Where the object is now.
    pub fn state(&self, now: i64) -> State {
        match (self.shown.class, self.thaw) {
            (None, _) => State::Readable,
            (Some(_), Some(thaw)) if now < thaw.from => State::Coming,
            (Some(_), Some(thaw)) if now < thaw.until => State::There { until: thaw.until },
            (Some(_), _) => State::Archived,
        }
    }

    /// Whether it can be read now.
    ///
    /// # Errors
    /// It lies in an archive.
    pub fn readable(&self, now: i64) -> Result<(), Fault> {
        let words = match self.state(now) {
            State::Readable | State::There { .. } => return Ok(()),
            State::Archived => "the object lies in an archive: ask it back (POST ?restore)",
            State::Coming => "the object lies in an archive, and is on its way",
        };
        Err(Fault::new(Code::InvalidObjectState, words))
    }
}

/// What becomes of an object that is asked back, which takes so many seconds.
fn decide(label: &Label, asking: &Asking, takes: u32, now: i64) -> Result<(Thaw, Brought), Fault> {
    let class = label
        .shown
        .class
        .ok_or_else(|| Fault::new(Code::InvalidObjectState, "the object lies in no archive: read it"))?;
    if let Some(tier) = asking.tier.as_deref().filter(|tier| !class.has(tier)) {
        let words = format!("there is no tier {tier:?} for {}", class.word());
        return Err(Fault::new(Code::InvalidArgument, words));
    }
    let stays = i64::from(asking.days) * DAY;
    let (from, brought) = match (label.state(now), label.thaw) {
        (State::Coming, _) => {
            let words = "the object is on its way from its archive already";
            return Err(Fault::new(Code::RestoreAlreadyInProgress, words));
        }
        (State::There { .. }, Some(thaw)) => (thaw.from, Brought::There),
        _ => (now.saturating_add(takes.into()), Brought::Begun),
    };
    let until = from.max(now).saturating_add(stays);
    Ok((Thaw { from, until }, brought))
}

impl<F: Files> Shelf<F> {
    /// Asks an object back from its archive, which takes so many seconds. Power may go at any moment: the label is the old one or the new
    /// one, and both fit the file.
    ///
    /// # Errors
    /// It is in none, or on its way already; the disk.
    pub fn thaw(&self, bucket: &str, key: &str, asking: &Asking, takes: u32, now: i64) -> Result<Brought, Fault> {
        self.named_for_reading(bucket, key)?;
        let _alone = self.stripe(bucket, key);
        (self.ours)()?;
        let mut label = self.look_at(bucket, key)?.0.ok_or_else(Fault::no_key)?;
        let (thaw, brought) = decide(&label, asking, takes, now)?;
        label.thaw = Some(thaw);
        let (path, _) = paths(bucket, key);
        let bytes = serde_json::to_vec(&label).unwrap_or_default();
        self.files.put_small(&path, &bytes).at("write the label")?;
        Ok(brought)
    }
}
