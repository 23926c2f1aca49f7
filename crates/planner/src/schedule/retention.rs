//! Retention by generations, as restic's `forget` has it: of backups and their times, which are kept, and by what.
//!
//! Held to what the real restic keeps of recorded histories (`tests/retention.rs`). What restic does not know, and is added here: backups of the
//! future, those that stay whatever the rules say, and `minSuccessful`.
pub mod ahead;
pub mod runs;
pub mod within;

use api::BackupSchedule;
use api::retention::Retention;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::schedule::cron::Calendar;
use crate::schedule::retention::within::Within;
use crate::validate::Fault;

/// A rule, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The newest.
    Last,
    /// The newest of an hour.
    Hourly,
    /// The newest of a day.
    Daily,
    /// The newest of a week.
    Weekly,
    /// The newest of a month.
    Monthly,
    /// The newest of a year.
    Yearly,
    /// Younger than the newest by less than so long.
    Within,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Last,
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Yearly,
        Self::Within,
    ];
    const COUNTED: usize = 6;

    /// The field of `spec.retention`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
            Self::Within => "within",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The rules that keep a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    by: u8,
    as_oldest: u8,
}

impl Rules {
    /// No rule keeps it.
    pub fn is_empty(self) -> bool {
        self.by == 0
    }

    /// That one keeps it.
    pub fn has(self, rule: Rule) -> bool {
        self.by & rule.bit() != 0
    }

    /// That one keeps it because it is the oldest, and the rule is not filled yet.
    pub fn as_oldest(self, rule: Rule) -> bool {
        self.as_oldest & rule.bit() != 0
    }

    fn add(&mut self, rule: Rule, oldest: bool) {
        self.by |= rule.bit();
        if oldest {
            self.as_oldest |= rule.bit();
        }
    }
}

/// Why a backup stays that no rule keeps, or may not be counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// It is annotated to be kept. The rules pass it by: whoever takes the annotation off, or the run away, leaves no gap.
    Annotated,
    /// A storage locks its object, or a legal hold on it was asked for.
    Locked,
    /// It is being restored, downloaded, copied, or cleaned up.
    InUse,
    /// The newest good one.
    Newest,
    /// The newest that was proved.
    Verified,
    /// It begins after now: a clock was wrong, or is. The rules pass it by.
    Future,
    /// `minSuccessful`.
    Least,
}

impl Needed {
    /// In words, after a name.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Annotated => "annotated keep",
            Self::Locked => "locked",
            Self::InUse => "in use",
            Self::Newest => "newest good",
            Self::Verified => "newest verified",
            Self::Future => "of the future",
            Self::Least => "minSuccessful",
        }
    }
}

/// A good backup, as the rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// When it began.
    pub at: Timestamp,
    /// Numbers of its hour, day, week, month and year, in the zone of the policy.
    periods: [i32; 5],
    /// It can be restored: nothing was written over it.
    pub there: bool,
    /// Why it stays in any case.
    pub needed: Option<Needed>,
}

/// What becomes of a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// The rules that keep it.
    pub rules: Rules,
    /// What keeps it otherwise.
    pub needed: Option<Needed>,
}

impl Fate {
    /// It is not removed.
    pub fn stays(self) -> bool {
        !self.rules.is_empty() || self.needed.is_some()
    }
}

/// `spec.retention`, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    counts: [u32; Rule::COUNTED],
    within: Option<Within>,
    zone: TimeZone,
    least: u32,
}

impl Policy {
    /// That of a schedule; none where it keeps by number.
    ///
    /// # Errors
    /// It cannot be read, and then nothing may be removed by it.
    pub fn of(schedule: &BackupSchedule) -> Result<Option<Self>, Vec<Fault>> {
        let Some(retention) = schedule.spec.retention.as_deref() else {
            return Ok(None);
        };
        let calendar = Calendar::parse(&schedule.spec.schedule, schedule.spec.time_zone.as_deref());
        let zone = match calendar {
            Ok(calendar) => calendar.zone(),
            Err(_) if retention.time_zone.is_some() => TimeZone::UTC,
            // Whose zone cannot be told, his days cannot.
            Err(error) => return Err(vec![Fault::new(error.field(), error.to_string())]),
        };
        Self::read(retention, zone).map(Some)
    }

    /// Reads it; days are those of `zone` where it names none.
    ///
    /// # Errors
    /// All faults, below `spec.retention`.
    pub fn read(retention: &Retention, zone: TimeZone) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let r = retention;
        let counts = [r.last, r.hourly, r.daily, r.weekly, r.monthly, r.yearly].map(Option::unwrap_or_default);
        let within = match retention.within.as_deref().map(Within::parse) {
            None => None,
            Some(Some(within)) => Some(within).filter(|within| !within.is_zero()),
            Some(None) => {
                let words = api::rules::RETENTION_WITHIN.words();
                faults.push(Fault::new("spec.retention.within", words));
                None
            }
        };
        if counts == [0; Rule::COUNTED] && within.is_none() && faults.is_empty() {
            let words = api::rules::RETENTION_SOMETHING.words();
            faults.push(Fault::new("spec.retention", words));
        }
        let zone = match retention.time_zone.as_deref().map(gotemplate::gotime::zone) {
            None => zone,
            Some(Ok(own)) => own,
            Some(Err(why)) => {
                faults.push(Fault::new("spec.retention.timeZone", why));
                zone
            }
        };
        if faults.is_empty() {
            let least = retention.min_successful.unwrap_or(1).max(1);
            Ok(Self {
                counts,
                within,
                zone,
                least,
            })
        } else {
            Err(faults)
        }
    }

    /// The zone in which days begin.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// How many a rule keeps; 0: it keeps none, or is `within`.
    pub fn count(&self, rule: Rule) -> u32 {
        self.counts.get(rule as usize).copied().unwrap_or(0)
    }

    /// How long `within` is.
    pub fn within(&self) -> Option<&Within> {
        self.within.as_ref()
    }

    /// `minSuccessful`.
    pub fn least(&self) -> u32 {
        self.least
    }

    /// A backup that began then and can be restored.
    pub fn backup(&self, at: Timestamp) -> Backup {
        let local = self.zone.to_datetime(at);
        let week = local.date().iso_week_date();
        let (year, month, day) = (
            i32::from(local.year()),
            i32::from(local.month()),
            i32::from(local.day()),
        );
        // As in restic: two hours of one name, where clocks are set back, are one.
        let date = (year * 12 + month) * 31 + day;
        Backup {
            at,
            periods: [
                date * 24 + i32::from(local.hour()),
                date,
                i32::from(week.year()) * 54 + i32::from(week.week()),
                year * 12 + month,
                year,
            ],
            there: true,
            needed: None,
        }
    }

    /// What becomes of backups, which come newest first.
    pub fn judge(&self, newest_first: &[Backup], now: Timestamp) -> Vec<Fate> {
        let counts = |b: &Backup| b.there && b.at <= now && b.needed != Some(Needed::Annotated);
        let mut fates: Vec<Fate> = newest_first
            .iter()
            .map(|b| Fate {
                rules: Rules::default(),
                needed: b.needed.or((b.at > now).then_some(Needed::Future)),
            })
            .collect();
        let kept = self.keep(newest_first.iter().filter(|b| counts(b)));
        let mut kept = kept.into_iter();
        for (backup, fate) in newest_first.iter().zip(&mut fates) {
            if counts(backup) {
                fate.rules = kept.next().unwrap_or_default();
            }
        }
        let stay = newest_first.iter().zip(&fates).filter(|(b, f)| counts(b) && f.stays());
        let missing = (self.least as usize).saturating_sub(stay.count());
        let gone = newest_first
            .iter()
            .zip(&mut fates)
            .filter(|(b, f)| counts(b) && !f.stays());
        for (_, fate) in gone.take(missing) {
            fate.needed = Some(Needed::Least);
        }
        fates
    }

    /// restic's `ApplyPolicy`.
    fn keep<'a>(&self, newest_first: impl Iterator<Item = &'a Backup>) -> Vec<Rules> {
        let all: Vec<&Backup> = newest_first.collect();
        let edge = all
            .first()
            .and_then(|newest| self.within.as_ref()?.before(newest.at, &self.zone));
        let mut left = self.counts;
        let mut before: [Option<i32>; Rule::COUNTED] = [None; Rule::COUNTED];
        let mut of = |nth: usize, backup: &Backup| {
            let mut rules = Rules::default();
            if self.within.is_some() && edge.is_none_or(|edge| backup.at > edge) {
                rules.add(Rule::Within, false);
            }
            let is_oldest = nth + 1 == all.len();
            // Each backup is a period of its own to `last`.
            let own = i32::try_from(nth).unwrap_or(i32::MAX);
            let periods = std::iter::once(own).chain(backup.periods);
            for (((rule, period), left), before) in Rule::ALL.into_iter().zip(periods).zip(&mut left).zip(&mut before) {
                let is_new = *before != Some(period);
                if *left > 0 && (is_new || is_oldest) {
                    rules.add(rule, !is_new);
                    *left -= 1;
                    *before = Some(period);
                }
            }
            rules
        };
        all.iter().enumerate().map(|(nth, backup)| of(nth, backup)).collect()
    }
}

#[cfg(test)]
mod tests;
