//! What all targets of libFuzzer have in common: the fuzz tests of the crates as they are, given libFuzzer's inputs.
#![forbid(unsafe_code)]

pub use fuzz::Served;
pub use libfuzzer_sys::fuzz_target;

/// The target of a fuzz test.
#[macro_export]
macro_rules! serve {
    ($test:path) => {
        static SERVED: std::sync::LazyLock<$crate::Served> = std::sync::LazyLock::new(|| $crate::Served::start($test));
        $crate::fuzz_target!(|bytes: &[u8]| SERVED.give(bytes));
    };
}
