//! Every expression recorded from robfig/cron v3 (`dev/cron-cases`) ticks the same here, or is refused.
use jiff::Timestamp;
use planner::schedule::cron::Calendar;

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    schedule: String,
    time_zone: Option<String>,
    after: Timestamp,
    ticks: Vec<Timestamp>,
    error: Option<String>,
    #[serde(default)]
    hangs: bool,
    #[serde(default)]
    refused: bool,
}

fn three_ticks(case: &Case) -> Result<Vec<Timestamp>, String> {
    let calendar = Calendar::parse(&case.schedule, case.time_zone.as_deref()).map_err(|e| e.to_string())?;
    Ok(std::iter::successors(calendar.next(case.after), |t| calendar.next(*t))
        .take(3)
        .collect())
}

#[test]
fn expressions_tick_as_robfigs_do_or_are_refused() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases/cron.json")).unwrap();
    assert!(cases.len() > 600, "the recording is there");
    let mut wrong = Vec::new();
    for case in &cases {
        let ours = three_ticks(case);
        let good = match &ours {
            // Where the original never answers, here it does, and goes forward.
            Ok(ticks) if case.hangs => ticks.len() == 3 && ticks.is_sorted() && ticks.first() > Some(&case.after),
            Ok(ticks) => *ticks == case.ticks && case.error.is_none() && !case.refused,
            Err(_) => case.error.is_some() || case.refused,
        };
        if !good {
            let text = |ticks: &[Timestamp]| ticks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            let got = ours.map(|t| text(&t));
            wrong.push(format!(
                "{:?} {:?} after {}: {} {:?}, got {got:?}",
                case.schedule,
                case.time_zone,
                case.after,
                text(&case.ticks),
                case.error
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
