//! `time.ParseInLocation`: reads a time by a layout.
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::gotime;
use crate::layout::{DAYS, Field, MONTHS, field};
use crate::moment::Moment;

/// What was read so far.
#[derive(Debug, Default)]
struct Fields {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i32,
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i32>,
    zone: Option<String>,
}

/// Reads a time; what the text does not say is taken from the year 0 and the zone.
///
/// # Errors
/// The text is not what the layout says, or no such time exists.
pub fn parse(layout: &str, text: &str, local: &TimeZone) -> Result<Moment, String> {
    let mut fields = Fields::default();
    let mut rest = text;
    let mut layout_rest = layout;
    loop {
        let (prefix, found, behind) = chunk(layout_rest);
        rest = skip(rest, prefix).ok_or_else(|| format!("{text:?} is not a time as {layout:?}: at {rest:?}"))?;
        let Some(found) = found else {
            if rest.is_empty() {
                break;
            }
            return Err(format!("{text:?} has more than {layout:?} says: {rest:?}"));
        };
        layout_rest = behind;
        rest = read(found, rest, layout_rest, &mut fields)
            .map_err(|why| format!("{text:?} is not a time as {layout:?}: {why} at {rest:?}"))?;
    }
    finish(fields, local).map_err(|why| format!("{text:?}: {why}"))
}

/// Text up to the next field, the field, and what follows.
fn chunk(layout: &str) -> (&str, Option<Field>, &str) {
    for (index, _) in layout.char_indices() {
        let rest = layout.get(index..).unwrap_or_default();
        // An underscore before the year is text.
        if let Some((found, length)) = field(rest) {
            let prefix = layout.get(..index).unwrap_or_default();
            return (prefix, Some(found), rest.get(length..).unwrap_or_default());
        }
    }
    (layout, None, "")
}

/// Takes the layout's own text off; runs of spaces count as one.
fn skip<'t>(mut text: &'t str, mut prefix: &str) -> Option<&'t str> {
    while let Some(c) = prefix.chars().next() {
        if c == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            prefix = prefix.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
            continue;
        }
        text = text.strip_prefix(c)?;
        prefix = prefix.strip_prefix(c)?;
    }
    Some(text)
}

/// One to `most` digits; `fixed`: exactly so many.
fn number(text: &str, most: usize, fixed: bool) -> Option<(i64, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count == 0 || (fixed && count != most) {
        return None;
    }
    let (digits, rest) = text.split_at_checked(count)?;
    Some((digits.parse().ok()?, rest))
}

/// The place of a name in a list, without regard to case.
fn name<'t>(text: &'t str, names: &[&str], length: Option<usize>) -> Option<(i64, &'t str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = length.and_then(|l| name.get(..l)).unwrap_or(name);
        let (start, rest) = text.split_at_checked(name.len())?;
        start
            .eq_ignore_ascii_case(name)
            .then_some((i64::try_from(index).ok()?, rest))
    })
}

const BAD: &str = "something else is wanted";

fn within(value: i64, range: std::ops::Range<i64>, what: &str) -> Result<i64, String> {
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(format!("{what} out of range"))
    }
}

fn read<'t>(found: Field, text: &'t str, layout: &str, fields: &mut Fields) -> Result<&'t str, String> {
    let num = |fixed: bool| number(text, 2, fixed).ok_or(BAD);
    let unpadded = || text.strip_prefix(' ').unwrap_or(text);
    let rest = match found {
        Field::Year => {
            let (year, rest) = number(text, 2, true).ok_or(BAD)?;
            fields.year = year + if year >= 69 { 1900 } else { 2000 };
            rest
        }
        Field::LongYear => {
            let (year, rest) = number(text, 4, true).ok_or(BAD)?;
            fields.year = year;
            rest
        }
        Field::Month | Field::LongMonth => {
            let length = (found == Field::Month).then_some(3);
            let (month, rest) = name(text, &MONTHS, length).ok_or(BAD)?;
            fields.month = Some(month + 1);
            rest
        }
        Field::NumMonth | Field::ZeroMonth => {
            let (month, rest) = num(found == Field::ZeroMonth)?;
            fields.month = Some(within(month, 1..13, "month")?);
            rest
        }
        Field::WeekDay => name(text, &DAYS, Some(3)).ok_or(BAD)?.1,
        Field::LongWeekDay => name(text, &DAYS, None).ok_or(BAD)?.1,
        Field::Day | Field::UnderDay | Field::ZeroDay => {
            let text = if found == Field::UnderDay { unpadded() } else { text };
            let (day, rest) = number(text, 2, found == Field::ZeroDay).ok_or(BAD)?;
            fields.day = Some(day);
            rest
        }
        Field::UnderYearDay | Field::ZeroYearDay => {
            let text = if found == Field::UnderYearDay {
                let once = unpadded();
                once.strip_prefix(' ').unwrap_or(once)
            } else {
                text
            };
            let (day, rest) = number(text, 3, found == Field::ZeroYearDay).ok_or(BAD)?;
            fields.day_of_year = Some(day);
            rest
        }
        Field::Hour => {
            let (hour, rest) = num(false)?;
            fields.hour = within(hour, 0..24, "hour")?;
            rest
        }
        Field::Hour12 | Field::ZeroHour12 => {
            let (hour, rest) = num(found == Field::ZeroHour12)?;
            fields.hour = within(hour, 0..13, "hour")?;
            rest
        }
        Field::Minute | Field::ZeroMinute => {
            let (minute, rest) = num(found == Field::ZeroMinute)?;
            fields.minute = within(minute, 0..60, "minute")?;
            rest
        }
        Field::Second | Field::ZeroSecond => {
            let (second, rest) = num(found == Field::ZeroSecond)?;
            fields.second = within(second, 0..60, "second")?;
            // A fraction is read too, unless the layout has one of its own.
            if matches!(chunk(layout).1, Some(Field::Fraction { .. })) {
                rest
            } else {
                fraction(rest, None, fields).unwrap_or(rest)
            }
        }
        Field::Pm | Field::LowerPm => {
            let (word, rest) = text.split_at_checked(2).ok_or(BAD)?;
            let (morning, afternoon) = if found == Field::Pm { ("AM", "PM") } else { ("am", "pm") };
            fields.afternoon = Some(word == afternoon);
            if word != morning && word != afternoon {
                return Err(BAD.into());
            }
            rest
        }
        Field::Offset { z_for_utc: true, .. } if text.starts_with('Z') => {
            fields.utc = true;
            text.get(1..).unwrap_or_default()
        }
        Field::Offset {
            minutes,
            seconds,
            colons,
            ..
        } => offset(text, minutes, seconds, colons, fields)?,
        Field::ZoneName => match text.strip_prefix("UTC") {
            Some(rest) => {
                fields.utc = true;
                rest
            }
            None => {
                let length = zone_length(text).ok_or(BAD)?;
                let (zone, rest) = text.split_at_checked(length).ok_or(BAD)?;
                fields.zone = Some(zone.into());
                rest
            }
        },
        Field::Fraction {
            digits, trim: false, ..
        } => fraction(text, Some(digits), fields).ok_or(BAD)?,
        Field::Fraction { .. } => fraction(text, None, fields).unwrap_or(text),
    };
    Ok(rest)
}

/// `.5` or `,5`: all digits that are there, or exactly so many.
fn fraction<'t>(text: &'t str, exactly: Option<usize>, fields: &mut Fields) -> Option<&'t str> {
    let digits = text.strip_prefix(['.', ','])?;
    let there = digits.bytes().take_while(u8::is_ascii_digit).count();
    let count = exactly.unwrap_or(there);
    if count == 0 || count > there {
        return None;
    }
    let (digits, rest) = digits.split_at_checked(count)?;
    let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
    fields.nanosecond = nine.parse().ok()?;
    Some(rest)
}

fn offset<'t>(
    text: &'t str,
    minutes: bool,
    seconds: bool,
    colons: bool,
    fields: &mut Fields,
) -> Result<&'t str, String> {
    let negative = match text.chars().next() {
        Some('+') => false,
        Some('-') => true,
        _ => return Err(BAD.into()),
    };
    let mut rest = text.get(1..).unwrap_or_default();
    let mut part = |first: bool| -> Result<i32, String> {
        if colons && !first {
            rest = rest.strip_prefix(':').ok_or(BAD)?;
        }
        let (value, after) = number(rest, 2, true).ok_or(BAD)?;
        rest = after;
        i32::try_from(value).map_err(|_| BAD.into())
    };
    let hour = part(true)?;
    let minute = if minutes { part(false)? } else { 0 };
    let second = if seconds { part(false)? } else { 0 };
    if hour > 24 || minute > 60 || second > 60 {
        return Err("time zone offset out of range".into());
    }
    let total = (hour * 60 + minute) * 60 + second;
    fields.offset = Some(if negative { -total } else { total });
    Ok(rest)
}

/// How long a zone's abbreviation is at the front.
fn zone_length(text: &str) -> Option<usize> {
    if text.starts_with("ChST") || text.starts_with("MeST") {
        return Some(4);
    }
    // GMT with an offset, and bare offsets, stand for zones without a name: not available.
    let upper = text.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
    match upper {
        3 => Some(3),
        4 if text.as_bytes().get(3) == Some(&b'T') || text.starts_with("WITA") => Some(4),
        5 if text.as_bytes().get(4) == Some(&b'T') => Some(5),
        _ => None,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn finish(mut fields: Fields, local: &TimeZone) -> Result<Moment, String> {
    match fields.afternoon {
        Some(true) if fields.hour < 12 => fields.hour += 12,
        Some(false) if fields.hour == 12 => fields.hour = 0,
        _ => {}
    }
    if let Some(of_year) = fields.day_of_year {
        let days = if is_leap(fields.year) { 366 } else { 365 };
        within(of_year, 1..days + 1, "day-of-year")?;
        let (mut month, mut day) = (1, of_year);
        while day > days_in(month, fields.year) {
            day -= days_in(month, fields.year);
            month += 1;
        }
        if fields.month.is_some_and(|m| m != month) || fields.day.is_some_and(|d| d != day) {
            return Err("day-of-year does not match the month or the day".into());
        }
        (fields.month, fields.day) = (Some(month), Some(day));
    }
    let (month, day) = (fields.month.unwrap_or(1), fields.day.unwrap_or(1));
    within(day, 1..days_in(month, fields.year) + 1, "day")?;
    let second = (fields.hour * 60 + fields.minute) * 60 + fields.second;
    let at = |zone: &TimeZone, less: i64| {
        let instant = gotime::date(fields.year, month, day, second, zone)
            .and_then(|s| Timestamp::new(s - less, fields.nanosecond).ok());
        instant.ok_or("the time is out of range".to_string())
    };
    if fields.utc {
        return Ok(Moment::new(at(&TimeZone::UTC, 0)?, TimeZone::UTC));
    }
    if let Some(offset) = fields.offset {
        let instant = at(&TimeZone::UTC, i64::from(offset))?;
        let info = local.to_offset_info(instant);
        let named = fields.zone.as_deref();
        if info.offset().seconds() == offset && named.is_none_or(|n| n == info.abbreviation()) {
            return Ok(Moment::new(instant, local.clone()));
        }
        if let Some(name) = named {
            return Err(format!(
                "the zone {name:?} is not the one of the operator; leave its name out"
            ));
        }
        let offset = Offset::from_seconds(offset).map_err(|_| "the offset is out of range")?;
        // Go prints a zone made of the offset 0 as +0000, which is none that we have.
        if offset == Offset::UTC {
            return Err("the offset 0 beside a zone of its own is not available; write Z".into());
        }
        return Ok(Moment::new(instant, TimeZone::fixed(offset)));
    }
    if let Some(name) = fields.zone {
        let instant = at(local, 0)?;
        if local.to_offset_info(instant).abbreviation() == name {
            return Ok(Moment::new(instant, local.clone()));
        }
        return Err(format!(
            "the zone {name:?} says too little; write an offset such as +02:00"
        ));
    }
    Ok(Moment::new(at(local, 0)?, local.clone()))
}
