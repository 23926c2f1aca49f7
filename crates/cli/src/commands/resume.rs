//! `resume`: a paused schedule or drill makes runs on its ticks again.
use std::io::Write;

use crate::commands::pause::{Args, suspend};
use crate::read::fault::Fault;

/// Resumes it.
///
/// # Errors
/// There is no such schedule, or the API server refused.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    suspend(args, "resume", false, out)
}
