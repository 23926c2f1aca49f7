//! Characters as Go knows them: its tables, recorded from Go itself (`unicode.txt`), because each language is at another
//! version of Unicode and Rust maps one letter to several where Go maps it to one.
use std::sync::LazyLock;

/// A property that Go asks characters for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// `unicode.IsLetter`.
    Letter,
    /// `unicode.IsUpper`.
    Upper,
    /// `unicode.IsLower`.
    Lower,
    /// `unicode.IsTitle`.
    Title,
    /// `unicode.IsDigit`.
    Digit,
    /// `unicode.IsNumber`.
    Number,
    /// `unicode.IsPunct`.
    Punct,
    /// `strconv.IsPrint`.
    Print,
}

const NAMES: [(&str, Property); 8] = [
    ("letter", Property::Letter),
    ("upper", Property::Upper),
    ("lower", Property::Lower),
    ("title", Property::Title),
    ("digit", Property::Digit),
    ("number", Property::Number),
    ("punct", Property::Punct),
    ("print", Property::Print),
];

/// A case to map to; its place among the columns of `case`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Upper case.
    Upper = 0,
    /// Lower case.
    Lower = 1,
    /// Title case.
    Title = 2,
}

struct CaseRange {
    low: u32,
    high: u32,
    /// None: letters alternate, the upper case first.
    add: Option<[i32; 3]>,
}

struct Tables {
    ranges: Vec<(Property, Vec<(u32, u32)>)>,
    cases: Vec<CaseRange>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| read(include_str!("../unicode.txt")));

fn read(text: &str) -> Tables {
    let mut tables = Tables {
        ranges: Vec::new(),
        cases: Vec::new(),
    };
    for line in text.lines() {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        if name == "case" {
            tables.cases.extend(words.next().and_then(range).map(|(low, high)| {
                let mut add = [0; 3];
                let mut alternating = false;
                for (slot, word) in add.iter_mut().zip(words) {
                    alternating |= word == "~";
                    *slot = word.parse().unwrap_or(0);
                }
                CaseRange {
                    low,
                    high,
                    add: (!alternating).then_some(add),
                }
            }));
        } else if let Some((_, property)) = NAMES.iter().find(|(n, _)| *n == name) {
            tables.ranges.push((*property, words.filter_map(range).collect()));
        }
    }
    tables
}

fn range(word: &str) -> Option<(u32, u32)> {
    let (low, high) = word.split_once('-').unwrap_or((word, word));
    Some((u32::from_str_radix(low, 16).ok()?, u32::from_str_radix(high, 16).ok()?))
}

/// The ranges of a property, in order.
pub fn ranges(property: Property) -> &'static [(u32, u32)] {
    TABLES
        .ranges
        .iter()
        .find(|(p, _)| *p == property)
        .map_or(&[], |(_, ranges)| ranges.as_slice())
}

/// Whether a character has a property.
pub fn is(property: Property, c: char) -> bool {
    let code = u32::from(c);
    let ranges = ranges(property);
    let after = ranges.partition_point(|(low, _)| *low <= code);
    after
        .checked_sub(1)
        .and_then(|i| ranges.get(i))
        .is_some_and(|(_, high)| code <= *high)
}

/// `unicode.IsSpace`: the White_Space property, the same in all versions.
pub fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// `unicode.ToUpper`, `ToLower`, `ToTitle`: one character to one.
pub fn to(case: Case, c: char) -> char {
    let code = u32::from(c);
    let cases = &TABLES.cases;
    let after = cases.partition_point(|range| range.low <= code);
    let Some(range) = after
        .checked_sub(1)
        .and_then(|i| cases.get(i))
        .filter(|r| code <= r.high)
    else {
        return c;
    };
    let mapped = match range.add {
        // The lower letter of a pair is the odd one, counted from the range's beginning.
        None => {
            let pair = (code - range.low) & !1;
            Some(range.low + pair + u32::from(case == Case::Lower))
        }
        Some([upper, lower, title]) => code.checked_add_signed(match case {
            Case::Upper => upper,
            Case::Lower => lower,
            Case::Title => title,
        }),
    };
    mapped.and_then(char::from_u32).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_mapped_one_to_one() {
        for (c, upper, lower) in [
            ('a', 'A', 'a'),
            ('ß', 'ß', 'ß'),
            ('İ', 'İ', 'i'),
            ('ā', 'Ā', 'ā'),
            ('ǆ', 'Ǆ', 'ǆ'),
            ('ÿ', 'Ÿ', 'ÿ'),
            ('1', '1', '1'),
        ] {
            assert_eq!((to(Case::Upper, c), to(Case::Lower, c)), (upper, lower), "{c}");
        }
        assert_eq!(to(Case::Title, 'ǆ'), 'ǅ');
    }

    #[test]
    fn properties_are_gos() {
        assert!(is(Property::Letter, 'ä') && !is(Property::Letter, '\u{345}') && !is(Property::Letter, '1'));
        assert!(is(Property::Print, ' ') && !is(Property::Print, '\u{a0}') && is(Property::Print, '😀'));
        assert!(is(Property::Digit, '٣') && !is(Property::Digit, '½') && is(Property::Number, '½'));
        assert!(is(Property::Title, 'ǅ') && is(Property::Punct, '_') && !is(Property::Punct, '+'));
    }
}
