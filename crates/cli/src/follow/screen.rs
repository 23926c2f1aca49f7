//! Where a course is shown: a bar that is drawn again on a terminal, and lines that stay.
use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::follow::estimate::Far;
use crate::follow::terminal::{Narrower, TYPED};
use crate::plain::clean;
use crate::show::fold::{fold, prose};
use crate::show::style::{Style, Tone};

/// How often the bar moves while nothing is known to.
const TICK: Duration = Duration::from_millis(120);

/// Columns of the bar itself.
const BAR: usize = 16;
/// Columns of a terminal whose size is not known.
const COLUMNS: usize = 80;

/// Lines, and below them on a terminal a bar.
pub struct Screen<'o> {
    out: &'o mut dyn Write,
    style: Style,
    moves: bool,
    below: Below,
    bar: Option<ProgressBar>,
}

/// What stands below the lines.
enum Below {
    Nothing,
    Words(String),
    Far(Far),
}

impl<'o> Screen<'o> {
    /// With a bar where both streams are a terminal that can move its cursor.
    pub fn new(out: &'o mut dyn Write) -> Self {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        Self {
            out,
            style: Style::of_output(),
            moves: std::io::stdout().is_terminal() && std::io::stderr().is_terminal() && !dumb,
            below: Below::Nothing,
            bar: None,
        }
    }

    /// One that says lines only.
    #[cfg(test)]
    pub fn plain(out: &'o mut dyn Write) -> Self {
        Self {
            out,
            style: Style::PLAIN,
            moves: false,
            below: Below::Nothing,
            bar: None,
        }
    }

    /// Words that stay, in lines that end where the terminal does. Whoever read has gone: they go nowhere.
    pub fn line(&mut self, text: &str, tone: Tone) {
        self.stays(&prose(&clean(text), self.style.width()), tone);
    }

    /// A line of the command's own, as it is.
    pub fn quote(&mut self, line: &str) {
        self.stays(&format!("  | {}", clean(line)), Tone::Dim);
    }

    fn stays(&mut self, text: &str, tone: Tone) {
        let text = self.style.paint(tone, text);
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
    pub fn far(&mut self, far: &Far) -> bool {
        self.below = Below::Far(far.clone());
        self.show();
        self.moves
    }

    /// What it does, below the lines.
    pub fn does(&mut self, words: &str) {
        self.below = Below::Words(clean(words));
        self.show();
    }

    /// Nothing below the lines, for a question or the end. Says whether there was something, which has taken an echoed Ctrl-C along.
    pub fn still(&mut self) -> bool {
        let bar = self.bar.take();
        bar.iter().for_each(ProgressBar::finish_and_clear);
        bar.is_some()
    }

    /// What was below the lines, after a question.
    pub fn show(&mut self) {
        if !self.moves {
            return;
        }
        let room = self.style.width().unwrap_or(COLUMNS).saturating_sub(TYPED.into());
        let (percent, words) = match &self.below {
            Below::Nothing => return,
            Below::Words(words) => (None, words.clone()),
            Below::Far(far) => (far.percent, clean(&far.brief(room.saturating_sub(BAR + 3)))),
        };
        let bar = self.bar.get_or_insert_with(|| {
            let target = ProgressDrawTarget::term_like(Box::new(Narrower::stderr()));
            let bar = ProgressBar::with_draw_target(None, target);
            bar.enable_steady_tick(TICK);
            bar
        });
        if let Some(percent) = percent {
            bar.set_length(100);
            bar.set_position(percent.into());
            bar.set_style(style(&format!("[{{bar:{BAR}}}] {{msg}}")));
        } else {
            bar.set_style(style("{spinner} {msg}"));
        }
        let first = fold(&words, room.saturating_sub(2)).into_iter().next();
        bar.set_message(first.unwrap_or_default());
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
