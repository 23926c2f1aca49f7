//! Which requests by an annotation were taken up. An applier (GitOps) puts back what its manifest has, also after others have asked for something
//! else since: each of them has to be known, not the last one alone.
use std::collections::BTreeMap;

use crate::labels;
use crate::names::stable_hash;

/// So many are known.
pub const KEPT: usize = 16;

/// A run's annotations.
type Annotations = BTreeMap<String, String>;

/// What is asked for by an annotation, and where it is noted.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    /// The annotation that asks; it is taken off when it is taken up.
    pub asked: &'static str,
    /// What was taken up last, as it was asked, or what an applier keeps there. Alone it is all that a release before this one writes and reads: it
    /// stays, so that going back does nothing again.
    last: &'static str,
    /// Hashes of those that were taken up, newest last.
    known: &'static str,
}

/// Requests to restore.
pub const RESTORES: Requests = Requests {
    asked: labels::RESTORE,
    last: labels::RESTORE_TAKEN,
    known: labels::RESTORES_TAKEN,
};

/// Requests to rewrap.
pub const REWRAPS: Requests = Requests {
    asked: labels::REWRAP,
    last: labels::REWRAP_TAKEN,
    known: labels::REWRAPS_TAKEN,
};

impl Requests {
    /// Whether that was taken up before.
    pub fn has(&self, annotations: &Annotations, request: &str) -> bool {
        self.all(annotations).contains(&hash(request))
    }

    /// Something stands there that was not taken up before.
    pub fn is_asked(&self, annotations: &Annotations) -> bool {
        let asked = annotations.get(self.asked);
        asked.is_some_and(|asked| !self.has(annotations, asked))
    }

    /// Annotations that change when a request is taken up: None is taken off.
    pub fn taken(&self, annotations: &Annotations, request: &str) -> [(&'static str, Option<String>); 3] {
        [
            (self.asked, None),
            (self.last, Some(request.to_owned())),
            (self.known, Some(self.with(annotations, request))),
        ]
    }

    /// Annotations that change when the same words are to ask once more.
    pub fn forgotten(&self, annotations: &Annotations, request: &str) -> Vec<(&'static str, Option<String>)> {
        let mut all = self.all(annotations);
        all.retain(|one| *one != hash(request));
        let mut changed = vec![(self.known, (!all.is_empty()).then(|| all.join(" ")))];
        if annotations.get(self.last).is_some_and(|last| last == request) {
            changed.push((self.last, None));
        }
        changed
    }

    /// The annotations that change so that a request which an applier keeps on the run stays known, however many others ask meanwhile. First
    /// the list, which then has what the second one had.
    ///
    /// A release before this one holds what stands there against the last one alone: after a rollback it would take the applier's for a new one,
    /// and restore over what is there.
    pub fn renewed(&self, annotations: &Annotations, request: &str) -> Vec<(&'static str, String)> {
        let all = self.all(annotations);
        let Some(at) = all.iter().position(|one| *one == hash(request)) else {
            return Vec::new();
        };
        let is_last = annotations.get(self.last).is_some_and(|last| last == request);
        let mut changed = Vec::new();
        if !is_last || at + KEPT / 2 < all.len() {
            changed.push((self.known, self.with(annotations, request)));
        }
        if !is_last {
            changed.push((self.last, request.to_owned()));
        }
        changed
    }

    fn with(&self, annotations: &Annotations, request: &str) -> String {
        let (new, mut all) = (hash(request), self.all(annotations));
        all.retain(|one| *one != new);
        all.push(new);
        all.drain(..all.len().saturating_sub(KEPT));
        all.join(" ")
    }

    /// The last one is among them also where a release before this one has written it alone.
    fn all(&self, annotations: &Annotations) -> Vec<String> {
        let words = annotations.get(self.known).into_iter().flat_map(|all| all.split(' '));
        let mut all: Vec<String> = words.filter(|word| is_hash(word)).map(ToOwned::to_owned).collect();
        let last = annotations.get(self.last).map(|last| hash(last));
        all.extend(last.filter(|last| !all.contains(last)));
        all
    }
}

fn hash(request: &str) -> String {
    format!("{:016x}", stable_hash(request))
}

fn is_hash(word: &str) -> bool {
    word.len() == 16 && word.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(annotations: &mut Annotations, request: &str) {
        for (name, value) in RESTORES.taken(annotations, request) {
            match value {
                Some(value) => annotations.insert(name.into(), value),
                None => annotations.remove(name),
            };
        }
    }

    #[test]
    fn a_request_that_was_taken_up_is_known_after_fifteen_others_and_the_list_stays_short() {
        let mut annotations = Annotations::new();
        for n in 0..40 {
            take(&mut annotations, &format!("request {n}"));
        }
        let known = |n: usize| RESTORES.has(&annotations, &format!("request {n}"));
        assert!((24..40).all(known) && !(0..24).any(known));
        assert_eq!(annotations[labels::RESTORES_TAKEN].split(' ').count(), KEPT);
    }

    #[test]
    fn what_an_applier_keeps_stays_known_however_many_others_ask_also_to_a_release_before_this_one() {
        let (mut annotations, mut written) = (Annotations::new(), 0);
        take(&mut annotations, "from git");
        for n in 0..100 {
            take(&mut annotations, &format!("by hand {n}"));
            // The applier puts it back.
            assert!(RESTORES.has(&annotations, "from git"), "{n}");
            let renewed = RESTORES.renewed(&annotations, "from git");
            written += usize::from(!renewed.is_empty());
            annotations.extend(renewed.into_iter().map(|(name, value)| (name.into(), value)));
            assert!(RESTORES.has(&annotations, &format!("by hand {n}")), "{n}");
            // Which is all that a release before this one reads.
            assert_eq!(annotations[labels::RESTORE_TAKEN], "from git");
            assert_eq!(RESTORES.renewed(&annotations, "from git"), []);
        }
        assert_eq!(written, 100);
        assert_eq!(RESTORES.renewed(&annotations, "nobody asked"), []);
    }

    #[test]
    fn the_last_request_stands_as_it_was_asked_as_a_release_before_this_one_wrote_it_and_reads_it() {
        for last in [r#"{"add": ["age1x"], "remove": []}"#, "0123456789abcdef", "now"] {
            let mut annotations = Annotations::from([(labels::RESTORE_TAKEN.to_owned(), last.to_owned())]);
            assert!(RESTORES.has(&annotations, last) && !RESTORES.has(&annotations, "{}"));
            take(&mut annotations, "another");
            assert!(RESTORES.has(&annotations, last) && RESTORES.has(&annotations, "another"));
            assert_eq!(annotations[labels::RESTORE_TAKEN], "another");
        }
        assert!(!RESTORES.has(&Annotations::new(), ""));
    }

    #[test]
    fn a_request_is_forgotten_alone() {
        let mut annotations = Annotations::new();
        take(&mut annotations, "one");
        take(&mut annotations, "two");
        for (request, left) in [("two", true), ("one", false)] {
            for (name, value) in RESTORES.forgotten(&annotations, request) {
                match value {
                    Some(value) => annotations.insert(name.into(), value),
                    None => annotations.remove(name),
                };
            }
            assert!(!RESTORES.has(&annotations, request));
            assert_eq!(RESTORES.has(&annotations, "one"), left);
        }
        assert!(annotations.is_empty(), "{annotations:?}");
    }

    #[test]
    fn what_was_taken_up_asks_for_nothing() {
        let mut annotations = Annotations::from([(labels::RESTORE.to_owned(), "now".to_owned())]);
        assert!(RESTORES.is_asked(&annotations));
        take(&mut annotations, "now");
        assert!(!RESTORES.is_asked(&annotations));
        annotations.insert(labels::RESTORE.into(), "now".into());
        assert!(!RESTORES.is_asked(&annotations));
    }
}
