//! Cron: when a schedule ticks next.
use planner::schedule::cron::Calendar;

use super::{Case, Work, work};

pub const CASES: &[Case] = &[
    Case {
        name: "cron: parse an expression with a zone",
        prepare: || work(|| Calendar::parse("*/15 0-6,22 * JAN-NOV mon-fri", Some("Europe/Berlin")).unwrap()),
    },
    Case {
        name: "cron: next tick of a daily schedule",
        prepare: || next("0 3 * * *", None, "2026-01-01T10:30:00Z"),
    },
    Case {
        name: "cron: next tick behind the change of the clock in a zone",
        prepare: || next("30 2 * * *", Some("Europe/Berlin"), "2026-03-28T02:00:00Z"),
    },
    Case {
        name: "cron: next 29 February",
        prepare: || next("0 0 29 2 *", None, "2028-03-01T00:00:00Z"),
    },
    Case {
        name: "cron: an expression that never ticks",
        prepare: || next("0 0 31 2 *", None, "2026-01-01T00:00:00Z"),
    },
];

fn next(expression: &str, zone: Option<&str>, after: &str) -> Work {
    let calendar = Calendar::parse(expression, zone).unwrap();
    let after = after.parse().unwrap();
    work(move || calendar.next(after))
}
