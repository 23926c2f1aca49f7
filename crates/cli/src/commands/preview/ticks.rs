//! Ticks of a cron expression.
use jiff::Timestamp;
use jiff::tz::TimeZone;
use planner::schedule::cron::Calendar;
use planner::schedule::shifts;

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
        shifts::show(tick, &self.zone)
    }

    /// What the zone's clocks do to it after a moment.
    pub fn shifts(&self, after: Timestamp) -> Option<String> {
        shifts::told(&self.calendar, after)
    }
}
