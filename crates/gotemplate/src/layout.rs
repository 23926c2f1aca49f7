//! Go's time layouts: the reference time `Mon Jan 2 15:04:05 MST 2006` as a picture of the format.
use jiff::Zoned;

/// What a piece of a layout stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekDay,
    WeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    Pm,
    LowerPm,
    ZoneName,
    Offset {
        z_for_utc: bool,
        minutes: bool,
        seconds: bool,
        colons: bool,
    },
    Fraction {
        digits: usize,
        comma: bool,
        trim: bool,
    },
}

use Field::*;

const fn offset(z_for_utc: bool, minutes: bool, seconds: bool, colons: bool) -> Field {
    Offset {
        z_for_utc,
        minutes,
        seconds,
        colons,
    }
}

/// Pictures that stand for a field wherever they are, the longer before its own beginning.
const FIXED: &[(&str, Field)] = &[
    ("January", LongMonth),
    ("Monday", LongWeekDay),
    ("MST", ZoneName),
    ("002", ZeroYearDay),
    ("01", ZeroMonth),
    ("02", ZeroDay),
    ("03", ZeroHour12),
    ("04", ZeroMinute),
    ("05", ZeroSecond),
    ("06", Year),
    ("15", Hour),
    ("1", NumMonth),
    ("2006", LongYear),
    ("2", Day),
    ("__2", UnderYearDay),
    ("_2", UnderDay),
    ("3", Hour12),
    ("4", Minute),
    ("5", Second),
    ("PM", Pm),
    ("pm", LowerPm),
    ("-070000", offset(false, true, true, false)),
    ("-07:00:00", offset(false, true, true, true)),
    ("-0700", offset(false, true, false, false)),
    ("-07:00", offset(false, true, false, true)),
    ("-07", offset(false, false, false, false)),
    ("Z070000", offset(true, true, true, false)),
    ("Z07:00:00", offset(true, true, true, true)),
    ("Z0700", offset(true, true, false, false)),
    ("Z07:00", offset(true, true, false, true)),
    ("Z07", offset(true, false, false, false)),
];

/// The field at the front of a layout and its length.
pub fn field(layout: &str) -> Option<(Field, usize)> {
    // `_2006` is an underscore and the year.
    if layout.starts_with("_2006") {
        return None;
    }
    if let Some(&(picture, field)) = FIXED.iter().find(|(picture, _)| layout.starts_with(picture)) {
        return Some((field, picture.len()));
    }
    // `Jan` and `Mon`, but not in `Janet` or `Month`.
    for (picture, field) in [("Jan", Month), ("Mon", WeekDay)] {
        if let Some(rest) = layout.strip_prefix(picture)
            && !rest.starts_with(|c: char| c.is_ascii_lowercase())
        {
            return Some((field, picture.len()));
        }
    }
    let rest = layout.strip_prefix(['.', ','])?;
    let digit = rest.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let digits = rest.len() - rest.trim_start_matches(digit).len();
    let ends = !rest
        .get(digits..)
        .is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    ends.then_some((
        Fraction {
            digits,
            comma: layout.starts_with(','),
            trim: digit == '9',
        },
        digits + 1,
    ))
}

/// Formats a time by a layout.
pub fn format(time: &Zoned, layout: &str) -> String {
    let mut out = String::with_capacity(layout.len() + 10);
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        let length = match field(rest) {
            Some((field, length)) => {
                write(&mut out, time, field);
                length
            }
            None => {
                out.push(c);
                c.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

/// The names of the months.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// The names of the days of the week.
pub const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// The name of a month, from 1.
pub fn month_name(month: i8) -> &'static str {
    usize::try_from(month - 1)
        .ok()
        .and_then(|i| MONTHS.get(i))
        .copied()
        .unwrap_or_default()
}

/// The name of a day of the week, from Sunday, 0.
pub fn day_name(day: i8) -> &'static str {
    usize::try_from(day)
        .ok()
        .and_then(|i| DAYS.get(i))
        .copied()
        .unwrap_or_default()
}

fn write(out: &mut String, time: &Zoned, field: Field) {
    let short = |name: &'static str| name.get(..3).unwrap_or(name).to_string();
    let hour12 = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let afternoon = time.hour() >= 12;
    let year = i64::from(time.year());
    let weekday = time.weekday().to_sunday_zero_offset();
    let piece = match field {
        LongMonth => month_name(time.month()).to_string(),
        Month => short(month_name(time.month())),
        NumMonth => time.month().to_string(),
        ZeroMonth => format!("{:02}", time.month()),
        LongWeekDay => day_name(weekday).to_string(),
        WeekDay => short(day_name(weekday)),
        Day => time.day().to_string(),
        UnderDay => format!("{:2}", time.day()),
        ZeroDay => format!("{:02}", time.day()),
        UnderYearDay => format!("{:3}", time.day_of_year()),
        ZeroYearDay => format!("{:03}", time.day_of_year()),
        Hour => format!("{:02}", time.hour()),
        Hour12 => hour12.to_string(),
        ZeroHour12 => format!("{hour12:02}"),
        Minute => time.minute().to_string(),
        ZeroMinute => format!("{:02}", time.minute()),
        Second => time.second().to_string(),
        ZeroSecond => format!("{:02}", time.second()),
        LongYear if year < 0 => format!("-{:04}", -year),
        LongYear => format!("{year:04}"),
        Year => format!("{:02}", year.abs() % 100),
        Pm => if afternoon { "PM" } else { "AM" }.to_string(),
        LowerPm => if afternoon { "pm" } else { "am" }.to_string(),
        ZoneName => zone_name(time),
        Offset { z_for_utc: true, .. } if time.offset().seconds() == 0 => "Z".to_string(),
        Offset {
            minutes,
            seconds,
            colons,
            ..
        } => zone_offset(time.offset().seconds(), minutes, seconds, colons),
        Fraction { digits, comma, trim } => fraction(time.subsec_nanosecond(), digits, comma, trim),
    };
    out.push_str(&piece);
}

/// The zone's abbreviation at that time, or its offset where it has none.
pub fn zone_name(time: &Zoned) -> String {
    let info = time.time_zone().to_offset_info(time.timestamp());
    let name = info.abbreviation();
    // A bare offset, such as a parsed time has, has no name in Go.
    let bare = time.time_zone().to_fixed_offset().is_ok() && *time.time_zone() != jiff::tz::TimeZone::UTC;
    if !name.is_empty() && !bare {
        return name.to_string();
    }
    zone_offset(time.offset().seconds(), true, false, false)
}

fn zone_offset(seconds: i32, minutes: bool, with_seconds: bool, colons: bool) -> String {
    // Go takes the sign from the offset in whole minutes.
    let sign = if seconds / 60 < 0 { '-' } else { '+' };
    let total = (seconds / 60).abs();
    let colon = if colons { ":" } else { "" };
    let mut out = format!("{sign}{:02}", total / 60);
    if minutes {
        out.push_str(&format!("{colon}{:02}", total % 60));
    }
    if with_seconds {
        out.push_str(&format!("{colon}{:02}", (seconds % 60).abs()));
    }
    out
}

fn fraction(nanoseconds: i32, digits: usize, comma: bool, trim: bool) -> String {
    let all = format!("{nanoseconds:09}");
    let kept = all.get(..digits.min(9)).unwrap_or(&all);
    let kept = if trim { kept.trim_end_matches('0') } else { kept };
    if kept.is_empty() && trim {
        return String::new();
    }
    format!("{}{kept}", if comma { ',' } else { '.' })
}
