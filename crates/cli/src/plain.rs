//! A stranger's text for a person's terminal: without what a terminal would act on, and without what changes how its neighbours are read.

/// One line.
pub fn clean(text: &str) -> String {
    let shown: String = text.chars().map(|c| if acts(c) { ' ' } else { c }).collect();
    shown.trim_end().into()
}

/// The same, of several lines.
pub fn lines(text: &str) -> String {
    text.chars()
        .map(|c| if c != '\n' && acts(c) { ' ' } else { c })
        .collect()
}

/// A control character (also those of 8 bits), or a mark of direction (UAX 9): `tfosorciM` is not what a command is called.
pub fn acts(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_and_what_turns_a_text_around_is_not_shown() {
        for (text, one, many) in [
            ("a\u{1b}[1mb\n", "a [1mb", "a [1mb\n"),
            ("a\u{9b}1mb", "a 1mb", "a 1mb"),
            ("rm \u{202e}fr- /\u{2066}", "rm  fr- /", "rm  fr- / "),
            ("a\u{2028}b", "a b", "a b"),
            ("größe 日本 😀", "größe 日本 😀", "größe 日本 😀"),
        ] {
            assert_eq!((clean(text).as_str(), lines(text).as_str()), (one, many));
        }
    }
}
