//! Go's ways with time that others share: zones by name, durations, and local dates made into instants.
pub mod duration;

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};

// The data that are built in: the same everywhere, whatever the machine has.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The IANA zone of that name, `UTC` included. Names are taken as they are written, as Go does on most systems.
///
/// # Errors
/// No zone has that name; the message names a likely one.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let unknown = || format!("unknown time zone {name:?}; an IANA name such as Europe/Berlin is wanted");
    let zone = ZONES.get(name).map_err(|_| unknown())?;
    match zone.iana_name() {
        Some("Etc/Unknown") | None => Err(unknown()),
        Some(right) if right != name => Err(format!("unknown time zone {name:?}; did you mean {right:?}?")),
        Some(_) => Ok(zone),
    }
}

/// The instant of a local date and time, in seconds since 1970, as Go's `time.Date` finds it: months and days out of
/// their range carry over, and a time that a change of the clocks skips or repeats is taken at the offset that holds
/// around it.
///
/// Months count from 1, days from 1, seconds from midnight. None: outside of years -9999 to 9999.
pub fn date(year: i64, month: i64, day: i64, second_of_day: i64, zone: &TimeZone) -> Option<i64> {
    let months = year.checked_mul(12)?.checked_add(month.checked_sub(1)?)?;
    let first = civil::Date::new(
        i16::try_from(months.div_euclid(12)).ok()?,
        i8::try_from(months.rem_euclid(12) + 1).ok()?,
        1,
    )
    .ok()?;
    let epoch = civil::Date::constant(1970, 1, 1);
    let days = i64::from(epoch.until(first).ok()?.get_days()).checked_add(day.checked_sub(1)?)?;
    let wall = days.checked_mul(86_400)?.checked_add(second_of_day)?;
    let offset = |at: i64| Some(i64::from(zone.to_offset(Timestamp::from_second(at).ok()?).seconds()));
    let guess = offset(wall)?;
    if guess == 0 {
        return Some(wall);
    }
    let instant = wall.checked_sub(offset(wall.checked_sub(guess)?)?)?;
    Timestamp::from_second(instant).ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_by_their_exact_names() {
        assert!(zone("Europe/Berlin").is_ok() && zone("UTC").is_ok() && zone("Etc/UTC").is_ok());
        assert!(
            zone("europe/berlin")
                .unwrap_err()
                .contains("did you mean \"Europe/Berlin\"?")
        );
        // The last three are in the folder of most machines, or name the machine's own.
        for bad in [
            "",
            "Local",
            "Mars/Base",
            "../etc/passwd",
            "Etc/Unknown",
            "+02:00",
            "posixrules",
            "localtime",
            "posix/Europe/Berlin",
        ] {
            assert!(zone(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn dates_carry_over() {
        let utc = TimeZone::UTC;
        assert_eq!(date(1970, 1, 1, 0, &utc), Some(0));
        assert_eq!(date(2024, 14, 0, 0, &utc), date(2025, 1, 31, 0, &utc));
        assert_eq!(date(2024, 2, 30, 0, &utc), date(2024, 3, 1, 0, &utc));
        assert_eq!(date(2024, 1, 1, -1, &utc), date(2023, 12, 31, 86_399, &utc));
        assert_eq!(date(i64::MAX, 1, 1, 0, &utc), None);
        assert_eq!(date(9999, 12, 40, 0, &utc), None);
    }
}
