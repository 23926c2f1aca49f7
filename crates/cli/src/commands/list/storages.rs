//! Storages in a list.
use api::storage::is_ready;
use api::{BackupStorage, BackupStorageStatus, condition};
use jiff::Timestamp;
use kube::ResourceExt;

use super::rows::{Row, View};
use crate::show::style::Tone;
use crate::show::table::Cell;
use crate::show::time::ago;

impl Row for BackupStorage {
    fn cells(&self, view: View, now: Timestamp) -> Vec<(&'static str, Cell)> {
        let none = BackupStorageStatus::default();
        let told = self.status.as_ref().unwrap_or(&none);
        let number = |n: Option<u32>| Cell::from(n.map(|n| n.to_string()).unwrap_or_default());
        let since = |at: Option<Timestamp>| Cell::from(at.map(|at| ago(at, now)).unwrap_or_default());
        let said = condition::find(&told.conditions, condition::READY);
        let tone = match said {
            Some(said) if said.status == "True" => Tone::Good,
            Some(_) => Tone::Bad,
            None => Tone::Plain,
        };
        let parameters = self.spec.parameters.clone().unwrap_or_default();
        let parameter = |name: &str| Cell::from(parameters.get(name).map(String::as_str).unwrap_or_default());
        let mut cells = vec![
            ("name", self.name_any().into()),
            (
                "ready",
                Cell::new(said.map(|s| s.status.as_str()).unwrap_or_default(), tone),
            ),
            (
                "reason",
                Cell::new(said.map(|s| s.reason.as_str()).unwrap_or_default(), tone),
            ),
            ("schedules", number(told.schedules)),
            ("runs", number(told.runs)),
            ("size", told.size.as_deref().unwrap_or_default().into()),
            ("probed", since(told.last_probe_time.as_ref().map(|t| t.0))),
        ];
        if view.wide {
            let left = (!told.left_behind.is_empty()).then(|| told.left_behind.len().to_string());
            cells.extend([
                (
                    "bucket",
                    parameter(if self.spec.type_.name() == "azure" {
                        "container"
                    } else {
                        "bucket"
                    }),
                ),
                ("endpoint", parameter("endpoint")),
                ("left behind", Cell::new(left.unwrap_or_default(), Tone::Warn)),
                ("age", since(self.creation_timestamp().map(|t| t.0))),
                ("message", said.map(|s| s.message.as_str()).unwrap_or_default().into()),
            ]);
        }
        cells
    }

    fn has_failed(&self, _: Timestamp) -> bool {
        !is_ready(self)
    }

    fn place(&self) -> (String, Timestamp, String) {
        (String::new(), Timestamp::UNIX_EPOCH, self.name_any())
    }
}
