//! Ticks of a cron expression.
use jiff::Timestamp;
use jiff::tz::TimeZone;
use planner::schedule::cron::Calendar;

/// A schedule, and the zone to show it in.
pub struct Schedule {
    calendar: Calendar,
    zone: TimeZone,
}

impl Schedule {
    /// Parses it as the operator does; a refusal has a caret where there is a place.
    pub fn parse(expression: &str, time_zone: Option<&str>) -> Result<Self, String> {
        let calendar = Calendar::parse(expression, time_zone).map_err(|error| match error.field() {
            "spec.timeZone" => format!("time zone: {error}"),
            _ => format!(
                "schedule: {error}\n{}",
                super::caret(expression, error.place(expression))
            ),
        })?;
        let zone = calendar.zone();
        Ok(Self { calendar, zone })
    }

    /// Those after a moment.
    pub fn ticks(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.calendar.next(after), |tick| self.calendar.next(*tick))
    }

    /// RFC 3339 with the zone's offset.
    pub fn show(&self, tick: Timestamp) -> String {
        let text = tick
            .to_zoned(self.zone.clone())
            .strftime("%Y-%m-%dT%H:%M:%S%:z")
            .to_string();
        match text.strip_suffix("+00:00") {
            Some(head) => format!("{head}Z"),
            None => text,
        }
    }
}
