//! A check in another container than the restore's command: somebody has to stand by there, whom a short exec begins.
use std::future::Future;
use std::time::Duration;

use kube::ResourceExt;
use planner::run::pod;
use tokio::time::timeout;

use super::Session;
use crate::transfer::link::{Incoming, Link, LinkError, Target};

/// How long `agent stand-by` may take; it gives up after 5 s by itself.
const ANSWER: Duration = Duration::from_secs(30);

impl Session {
    /// Has somebody stand by, where a check asks for it. One that does so already stays. It is nothing of this session's, which
    /// may go on meanwhile.
    ///
    /// # Errors
    /// Why nobody does, in words.
    pub(super) fn stand_by(&self) -> Option<impl Future<Output = Result<(), String>> + Send + 'static> {
        let restores = self.order.action == api::names::Action::Restore;
        let container = pod::check_container(&self.run, &self.order.container).filter(|_| restores)?;
        let uid = self.run.uid().unwrap_or_default();
        let command = [
            pod::AGENT,
            "stand-by",
            "--run",
            &uid,
            "--attempt",
            &self.order.attempt,
            "--dir",
            pod::SOCKETS,
        ];
        let target = Target {
            namespace: self.run.namespace().unwrap_or_default(),
            pod: self.order.pod.clone(),
            container: container.into(),
            command: command.map(ToString::to_string).to_vec(),
        };
        let (context, exec) = (self.keys.context.clone(), self.exec.clone());
        Some(async move {
            let share = context.budget.share(&target.namespace);
            let turn = context.trickle.turn().await;
            let words = match turn.open(Link::open(&exec, &target, share)).await {
                Ok(mut link) => match timeout(ANSWER, link.next()).await {
                    Ok(Incoming::Closed { words }) => words,
                    Ok(_) => "the agent spoke out of turn".into(),
                    Err(_) => format!("no answer within {} s", ANSWER.as_secs()),
                },
                Err(LinkError::Refused(error)) => crate::events::causes(&error),
                Err(error) => error.to_string(),
            };
            stands_by(&target.container, &words)
        })
    }
}

/// A stream that broke is no answer: only the word for it is.
fn stands_by(container: &str, words: &str) -> Result<(), String> {
    if words == protocol::STANDS_BY {
        return Ok(());
    }
    let words = if words.is_empty() {
        "the connection broke"
    } else {
        words
    };
    Err(format!(
        "nobody stands by in container {container}, which spec.restore.check.container names: {words}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_for_it_is_taken_for_somebody_who_stands_by() {
        assert_eq!(stands_by("scratch", protocol::STANDS_BY), Ok(()));
        for (words, told) in [
            ("", "the connection broke"),
            ("container not found", "container not found"),
        ] {
            let told =
                format!("nobody stands by in container scratch, which spec.restore.check.container names: {told}");
            assert_eq!(stands_by("scratch", words), Err(told));
        }
    }
}
