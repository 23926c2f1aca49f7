//! One input at a time, from another fuzzer that has a loop of its own and calls us, as libFuzzer does. [`Target::run`](crate::Target::run)
//! has one, too: so the test runs on a thread of its own, and waits there for each input.
use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::Target;

thread_local! {
    static CALLER: RefCell<Option<Caller>> = const { RefCell::new(None) };
}

/// Who gives the inputs of the test on this thread.
struct Caller {
    inputs: Receiver<Vec<u8>>,
    done: Sender<()>,
}

/// A fuzz test that is given its inputs.
pub struct Served(Mutex<(Sender<Vec<u8>>, Receiver<()>)>);

impl Served {
    /// Begins the test, whose [`Target::run`](crate::Target::run) will wait for inputs.
    pub fn start(test: fn()) -> Self {
        let (give, inputs) = channel();
        let (done, answers) = channel();
        thread::spawn(move || {
            CALLER.set(Some(Caller { inputs, done }));
            test();
        });
        Self(Mutex::new((give, answers)))
    }

    /// Gives it one input, and waits for the end of it.
    ///
    /// # Panics
    /// When the test has panicked.
    pub fn give(&self, input: &[u8]) {
        let ends = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (give, answers) = &*ends;
        let taken = give.send(input.to_vec()).is_ok() && answers.recv().is_ok();
        assert!(taken, "the test has ended: its panic is above");
    }
}

/// Whether this thread's test is given its inputs; if so, that is done here until nobody gives any more.
pub(crate) fn serve(target: &Target<'_>, mut parse: impl FnMut(&[u8])) -> bool {
    let Some(caller) = CALLER.take() else {
        return false;
    };
    if let Ok(folder) = std::env::var("FUZZ_SEEDS") {
        write(target, Path::new(&folder))
            .unwrap_or_else(|e| panic!("{}: cannot write into {folder}: {e}", target.name));
    }
    while let Ok(input) = caller.inputs.recv() {
        parse(&input);
        if caller.done.send(()).is_err() {
            break;
        }
    }
    true
}

/// What the target begins with, as libFuzzer reads it: a file a seed, and a dictionary.
fn write(target: &Target<'_>, folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder.join("seeds"))?;
    for (number, seed) in target.seeds.iter().enumerate() {
        fs::write(folder.join(format!("seeds/{number}")), seed)?;
    }
    let mut dictionary = String::new();
    for word in target.words {
        let bytes = word.bytes().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "\\x{byte:02x}");
            text
        });
        let _ = writeln!(dictionary, "\"{bytes}\"");
    }
    fs::write(folder.join("words"), dictionary)
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn no_sevens() {
        Target {
            name: "no sevens",
            seeds: &[b"7"],
            words: &[],
        }
        .run(|input| assert!(!input.contains(&b'7')));
    }

    #[test]
    fn a_test_that_is_served_sees_the_inputs_given_and_no_other_and_its_panic_is_the_givers() {
        let served = Served::start(no_sevens);
        // Its own seed would end it before.
        served.give(b"1");
        served.give(b"");
        assert!(catch_unwind(|| served.give(b"17")).is_err());
        assert!(catch_unwind(|| served.give(b"1")).is_err());
    }

    #[test]
    fn seeds_and_words_are_written_as_lib_fuzzer_reads_them() {
        let folder = std::env::temp_dir().join(format!("fuzz-seeds-{}", std::process::id()));
        let target = Target {
            name: "any",
            seeds: &[b"a", b"\0"],
            words: &["\"\n"],
        };
        write(&target, &folder).unwrap();
        assert_eq!(fs::read(folder.join("seeds/1")).unwrap(), b"\0");
        assert_eq!(fs::read_to_string(folder.join("words")).unwrap(), "\"\\x22\\x0a\"\n");
        fs::remove_dir_all(folder).unwrap();
    }
}
