//! Where a course is shown: a bar that is drawn again on a terminal, and lines that stay.
use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::follow::estimate::Far;
use crate::plain::clean;
use crate::show::style::{Style, Tone};

/// How often the bar moves while nothing is known to.
const TICK: Duration = Duration::from_millis(120);

/// Lines, and below them on a terminal a bar.
pub struct Screen<'o> {
    out: &'o mut dyn Write,
    style: Style,
    bar: Option<ProgressBar>,
}

impl<'o> Screen<'o> {
    /// With a bar where both streams are a terminal that can move its cursor.
    pub fn new(out: &'o mut dyn Write) -> Self {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal() && !dumb;
        let bar = terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style("{spinner} {wide_msg}"));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self {
            out,
            style: Style::of_output(),
            bar,
        }
    }

    /// One that says lines only.
    #[cfg(test)]
    pub fn plain(out: &'o mut dyn Write) -> Self {
        Self {
            out,
            style: Style::PLAIN,
            bar: None,
        }
    }

    /// A line that stays. Whoever read has gone: it goes nowhere.
    pub fn line(&mut self, text: &str, tone: Tone) {
        let text = self.style.paint(tone, &clean(text));
        let out = &mut self.out;
        let mut say = || {
            let _ = writeln!(out, "{text}");
            let _ = out.flush();
        };
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// How far it has come. Says whether the bar shows it: otherwise a line is to, now and then.
    pub fn far(&self, far: &Far) -> bool {
        let Some(bar) = &self.bar else { return false };
        if let Some(percent) = far.percent {
            bar.set_length(100);
            bar.set_position(percent.into());
            bar.set_style(style("[{bar:24}] {wide_msg}"));
        } else {
            bar.set_style(style("{spinner} {wide_msg}"));
        }
        bar.set_message(clean(&far.words()));
        true
    }

    /// What it does, below the lines.
    pub fn does(&self, words: &str) {
        if let Some(bar) = &self.bar {
            bar.set_style(style("{spinner} {wide_msg}"));
            bar.set_message(clean(words));
        }
    }

    /// Nothing below the lines any more, for a question or the end.
    pub fn still(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        self.still();
    }
}

/// A template of ours is right, and without it there is another.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .progress_chars("=> ")
}
