//! The log: where it goes, what it says of a run in every line about it, and what is logged.
#[cfg(test)]
pub mod captured;
mod level;

use kube::ResourceExt;

pub use level::Level;

/// Logs from now on.
///
/// # Errors
/// The filter means nothing; in words.
pub fn start(filter: &str, json: bool) -> Result<Level, String> {
    let log = tracing_subscriber::fmt()
        .with_env_filter(level::parse(filter)?)
        .with_target(false);
    // Two types of builder, of which each has its own handle.
    if json {
        let log = log.json().with_filter_reloading();
        let handle = log.reload_handle();
        log.init();
        Ok(Level::new(filter, move |filter| {
            handle.reload(filter).map_err(|e| e.to_string())
        }))
    } else {
        let log = log.with_ansi(false).with_filter_reloading();
        let handle = log.reload_handle();
        log.init();
        Ok(Level::new(filter, move |filter| {
            handle.reload(filter).map_err(|e| e.to_string())
        }))
    }
}

/// The same id in every line about one object: its UID in the form of a trace's id (W3C), and nothing to be kept for it.
pub fn trace(uid: Option<&str>) -> Option<String> {
    uid.map(|uid| uid.replace('-', ""))
}

/// That of a run.
pub fn trace_of(run: &impl ResourceExt) -> Option<String> {
    trace(run.meta().uid.as_deref())
}

/// A line about a run: which one it is comes first, the same in all of them.
macro_rules! about_run {
    ($level:ident, $run:expr, $($rest:tt)+) => {
        tracing::$level!(
            namespace = kube::ResourceExt::namespace($run),
            run = kube::ResourceExt::name_any($run),
            trace = $crate::log::trace_of($run),
            $($rest)+
        )
    };
}
pub(crate) use about_run;
