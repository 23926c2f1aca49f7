//! Words of identifiers, by the rules of xstrings 1.5.
use crate::go::unicode::{Case, Property, is, is_space, to};

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || is_space(c)
}

/// A letter of a script with upper and lower case, about: no Chinese, Japanese or Korean one.
fn is_alphabet(c: char) -> bool {
    is(Property::Letter, c)
        && !matches!(c, '\u{4E00}'..='\u{9FCC}' | '\u{3400}'..='\u{4D85}' | '\u{20000}'..='\u{2B81D}')
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// No text is left.
    Invalid,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punct,
    Other,
}

/// The word at the front, its kind and what follows.
fn next_word(text: &str) -> (Kind, &str, &str) {
    let Some(first) = text.chars().next() else {
        return (Kind::Invalid, "", "");
    };
    let run = |from: usize, belongs: fn(char) -> bool| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.find(|c| !belongs(c)).unwrap_or(rest.len())
    };
    let small = |c: char| is_alphabet(c) && !is(Property::Upper, c);
    let (kind, length) = if is_connector(first) {
        (Kind::Connector, run(0, is_connector))
    } else if is(Property::Punct, first) {
        (Kind::Punct, run(0, |c| is(Property::Punct, c)))
    } else if is(Property::Upper, first) {
        let second = first.len_utf8();
        match text.get(second..).and_then(|t| t.chars().next()) {
            Some(c) if is(Property::Upper, c) => {
                let end = run(0, |c| is(Property::Upper, c));
                let behind = text.get(end..).unwrap_or_default().chars().next();
                // Of "HTTPStatus" the S belongs to what follows.
                let last = text
                    .get(..end)
                    .and_then(|t| t.chars().next_back())
                    .map_or(0, char::len_utf8);
                let length = if behind.is_some_and(is_alphabet) {
                    end - last
                } else {
                    end
                };
                (Kind::Upper, length)
            }
            Some(c) if is_alphabet(c) => (Kind::Upper, run(second, small)),
            _ => (Kind::Upper, second),
        }
    } else if is_alphabet(first) {
        (Kind::Alphabet, run(0, small))
    } else if is(Property::Number, first) {
        (Kind::Number, run(0, |c| is(Property::Number, c)))
    } else {
        let other = |c: char| !(is_connector(c) || is_alphabet(c) || is(Property::Number, c) || is(Property::Punct, c));
        (Kind::Other, run(first.len_utf8(), other))
    };
    let (word, rest) = text.split_at_checked(length).unwrap_or((text, ""));
    (kind, word, rest)
}

fn push_lower(out: &mut String, kind: Kind, word: &str, connector: char) {
    if !matches!(kind, Kind::Upper | Kind::Connector) {
        out.push_str(word);
        return;
    }
    out.extend(word.chars().map(|c| {
        if is_connector(c) {
            connector
        } else if is(Property::Upper, c) {
            to(Case::Lower, c)
        } else {
            c
        }
    }));
}

/// Words in lower case with a connector between them.
pub fn lower(text: &str, connector: char) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let ends = |kind: Kind| matches!(kind, Kind::Connector | Kind::Punct);
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Kind::Connector {
            push_lower(&mut out, kind, word, connector);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            Kind::Number => {
                while matches!(kind, Kind::Alphabet | Kind::Number) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if kind != Kind::Invalid && !ends(kind) {
                    out.push(connector);
                }
            }
            Kind::Connector => push_lower(&mut out, before, last, connector),
            Kind::Punct => {}
            _ if kind != Kind::Number => {
                if !ends(kind) {
                    out.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                // A number belongs to the word before it: "Bld4Floor" is "bld4_floor".
                if kind != Kind::Alphabet {
                    push_lower(&mut out, Kind::Number, number, connector);
                    if !ends(kind) {
                        out.push(connector);
                    }
                    continue;
                }
                // With small letters behind it, it begins a word: "HTTP2xx" is "http_2xx".
                out.push(connector);
                push_lower(&mut out, Kind::Number, number, connector);
                while matches!(kind, Kind::Alphabet | Kind::Number) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if kind != Kind::Invalid && !ends(kind) {
                    out.push(connector);
                }
            }
        }
    }
    push_lower(&mut out, kind, word, connector);
    out
}

/// Words joined, each with its first letter in upper case.
pub fn pascal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    // Connectors at the beginning stay.
    let first = loop {
        match chars.next() {
            // The last of nothing but connectors comes twice.
            None => {
                out.extend(text.chars().next_back());
                return out;
            }
            Some(c) if is_connector(c) => out.push(c),
            Some(c) => break c,
        }
    };
    let mut upper_run = is(Property::Upper, first);
    let mut current = to(Case::Upper, first);
    for c in chars {
        let before = std::mem::replace(&mut current, c);
        if is_connector(c) && is_connector(before) {
            out.push(before);
            continue;
        }
        if is_connector(before) {
            upper_run = is(Property::Upper, c);
            current = to(Case::Upper, c);
            continue;
        }
        if upper_run {
            if is(Property::Upper, c) {
                current = to(Case::Lower, c);
            } else {
                upper_run = false;
            }
        }
        out.push(before);
    }
    out.push(current);
    out
}
