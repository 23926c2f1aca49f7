//! Does one case, so that valgrind can count the instructions that it takes: `tests/budgets.rs` holds them to `instructions.txt`.
//!
//!     budgets list          prints the names of all cases
//!     budgets case NAME     does one of them: once so that what is made once in a process is there, and once counted
#![forbid(unsafe_code)]
// Only a test uses it: what fails here ends it, and says why.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod cases;
mod samples;

use std::any::Any;
use std::hint::black_box;

use cases::Work;

/// Callgrind knows by this name where to count.
#[inline(never)]
fn counted_from_here(work: Work) -> Box<dyn Any> {
    // Something is left to do after it, so that this function is not left before.
    black_box(work())
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => cases::all().for_each(|case| println!("{}", case.name)),
        ["case", name] => {
            let case = cases::all()
                .find(|case| case.name == *name)
                .unwrap_or_else(|| panic!("no case is called {name}"));
            let before = (case.prepare)()();
            let counted = counted_from_here((case.prepare)());
            drop((before, counted));
        }
        _ => panic!("expected `list` or `case NAME`"),
    }
}
