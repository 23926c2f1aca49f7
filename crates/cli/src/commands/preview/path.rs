//! Paths of backups.
use gotemplate::{Context, Template};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use planner::validate::run::check_path;

/// The longest text that `--raw` shows, bytes.
const RAW: usize = 1 << 20;

/// How paths are shown.
#[derive(clap::Args)]
pub struct How {
    /// Show what the template renders to, whether or not it can be a path.
    #[arg(long, conflicts_with = "file")]
    pub raw: bool,
}

/// A path template that parsed.
pub struct Path {
    template: Template,
    raw: bool,
}

impl Path {
    /// Parses it as the operator does; a refusal has a caret.
    pub fn parse(text: &str, how: &How) -> Result<Self, String> {
        let template = Template::parse(text).map_err(|error| format!("path: {error}"))?;
        Ok(Self { template, raw: how.raw })
    }

    /// Renders it at a moment.
    pub fn render(&self, now: Timestamp, zone: &TimeZone) -> Result<String, String> {
        let context = Context {
            now,
            zone: zone.clone(),
        };
        let text = self
            .template
            .render(&context, RAW)
            .map_err(|error| format!("path: {error}"))?;
        if self.raw {
            return Ok(text);
        }
        check_path(&text).map_err(|why| format!("path: {why}"))
    }
}
