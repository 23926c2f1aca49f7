//! Lines that end between words where a terminal ends; what is to be copied is left whole.
use std::io::IsTerminal;

use crate::plain::lines;
use textwrap::{Options, WordSeparator, WordSplitter, wrap};

/// Lines of that width at most; only words that are longer are broken.
pub fn fold(text: &str, width: usize) -> Vec<String> {
    let options = Options::new(width.max(1))
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    wrap(text, options).into_iter().map(Into::into).collect()
}

/// Text of several lines on a terminal of that width. Commands to try stay on one line each, which the terminal breaks and copies as one.
pub fn prose(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.into() };
    let each = text.lines().map(|line| match line.starts_with("try: ") {
        true => line.into(),
        false => fold(line, width).join("\n"),
    });
    each.collect::<Vec<_>>().join("\n")
}

/// `text` behind a name of so many columns, folded below itself.
pub fn behind(text: &str, column: usize, width: Option<usize>) -> String {
    let room = width.and_then(|width| width.checked_sub(column));
    match room.filter(|room| *room > column) {
        Some(room) => fold(text, room).join(&format!("\n{:column$}", "")),
        None => text.into(),
    }
}

/// Says it on standard error, as wide as that is.
pub fn say(text: &str) {
    let terminal = std::io::stderr().is_terminal();
    let width = terminal_size::terminal_size_of(std::io::stderr()).filter(|_| terminal);
    let text = lines(text);
    tell!("{}", prose(&text, width.map(|(columns, _)| columns.0.into())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words_and_commands_are_left_whole() {
        let text = "cannot do that: the store refused\ntry: kubectl backup describe nightly-1 -n shop";
        let wanted = "cannot do that: the\nstore refused\ntry: kubectl backup describe nightly-1 -n shop";
        assert_eq!(prose(text, Some(20)), wanted);
        assert_eq!(prose(text, None), text);
        assert_eq!(fold("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(fold("--no-owner a", 6), ["--no-o", "wner a"]);
        assert_eq!(fold("a --no-owner", 10), ["a", "--no-owner"], "a flag is one word");
    }

    #[test]
    fn what_stands_behind_a_name_is_folded_below_itself() {
        let command = "psql -h postgresql shop";
        assert_eq!(behind(command, 6, Some(20)), "psql -h\n      postgresql\n      shop");
        assert_eq!(behind(command, 13, Some(20)), command, "no room to read in");
        assert_eq!(behind(command, 2, None), command);
    }
}
