//! What a copy under way tells, and is told: its upload, that this stands in the status, that it is to stop.
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Until the status names an upload. Where it does not, the copy goes on: what a crash leaves then is the store's to forget.
const NOTED: Duration = Duration::from_secs(30);

/// Shared by the copy and by who looks at it.
#[derive(Clone)]
pub struct Begun(watch::Sender<Told>);

#[derive(Clone, Debug, Default)]
struct Told {
    upload: Option<String>,
    noted: bool,
    stop: bool,
}

impl Default for Begun {
    fn default() -> Self {
        Self(watch::Sender::new(Told::default()))
    }
}

impl Begun {
    /// The upload, once there is one.
    pub fn get(&self) -> Option<String> {
        self.0.borrow().upload.clone()
    }

    pub(super) fn set(&self, upload: String) {
        self.0.send_modify(|told| told.upload = Some(upload));
    }

    /// The status names it.
    pub fn note(&self) {
        self.0.send_modify(|told| told.noted = true);
    }

    /// The copy is to end, and to leave nothing.
    pub fn stop(&self) {
        self.0.send_modify(|told| told.stop = true);
    }

    pub(super) async fn noted(&self) {
        let mut told = self.0.subscribe();
        let _ = timeout(NOTED, told.wait_for(|told| told.noted)).await;
    }

    pub(super) async fn stopped(&self) {
        let mut told = self.0.subscribe();
        let _ = told.wait_for(|told| told.stop).await;
    }
}
