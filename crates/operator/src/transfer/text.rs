//! A stranger's text, made fit for a status, an Event and a terminal: bounded, and nothing in it that acts.

/// One line of at most so many characters.
pub fn line(text: &str, limit: usize) -> String {
    text.chars().filter(|c| shows(*c)).take(limit).collect()
}

/// The end of a text of lines, at most so many bytes.
pub fn tail(text: &str, limit: usize) -> String {
    let mut start = text.len().saturating_sub(limit);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let end = text.get(start..).unwrap_or_default();
    end.chars().filter(|c| shows(*c) || matches!(c, '\n' | '\t')).collect()
}

/// Neither a control character (a terminal obeys those) nor one that is not seen and changes how its neighbours are
/// read: marks of direction, separators of lines, spaces without width, tags.
fn shows(c: char) -> bool {
    let unseen = matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    // No characters at all (Unicode 23.7); the API server's reader of YAML refuses a status that has one.
    let none = u32::from(c) & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}');
    !c.is_control() && !unseen && !none
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_shown_does_nothing_to_a_terminal_or_its_neighbours() {
        for (text, shown) in [
            ("a\u{1b}[2Jb\u{7}", "a[2Jb"),
            ("a\u{9b}31mb\u{7f}\0", "a31mb"),
            ("a\r\nb\tc", "abc"),
            ("\u{202e}cba\u{2066}x\u{200b}", "cbax"),
            ("a\u{fffe}b\u{ffff}\u{1fffe}\u{fdd0}c", "abc"),
            ("a\u{2028}b\u{e0041}\u{feff}", "ab"),
            ("Zeit: 5 µs, 日本 😀", "Zeit: 5 µs, 日本 😀"),
        ] {
            assert_eq!(line(text, 100), shown);
        }
        assert_eq!(tail("a\r\n\tb\u{1b}\n", 100), "a\n\tb\n");
    }

    #[test]
    fn a_text_is_cut_at_a_character() {
        assert_eq!(line("äöü", 2), "äö");
        assert_eq!(tail("äöü", 3), "ü");
        assert_eq!(
            (tail("ä", 1), line("", 5), tail("", 5)),
            (String::new(), String::new(), String::new())
        );
        assert_eq!(tail(&"x".repeat(100_000), 4096).len(), 4096);
    }
}
