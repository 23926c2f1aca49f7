//! The cases: what is prepared for each, and what of it is counted.
mod calendars;
mod frames;
mod runs;
mod schedules;
mod scrapes;
mod templates;

use std::any::Any;

/// What is counted. What it makes is dropped afterwards, uncounted.
pub type Work = Box<dyn FnOnce() -> Box<dyn Any>>;

/// Something whose instructions are counted.
pub struct Case {
    /// As the file has it.
    pub name: &'static str,
    /// Makes what it works on, uncounted.
    pub prepare: fn() -> Work,
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [
        frames::CASES,
        runs::CASES,
        schedules::CASES,
        scrapes::CASES,
        templates::CASES,
        calendars::CASES,
    ]
    .into_iter()
    .flatten()
}

fn work<T: 'static>(work: impl FnOnce() -> T + 'static) -> Work {
    Box::new(move || Box::new(work()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_cases_have_one_name_and_each_can_be_done() {
        let names: BTreeSet<_> = all().map(|case| case.name).collect();
        assert_eq!(names.len(), all().count());
        for case in all() {
            (case.prepare)()();
        }
    }
}
