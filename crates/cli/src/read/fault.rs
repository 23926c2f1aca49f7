//! Why the cluster did not do what was asked, in words that end with the next command to try.
use std::fmt;

/// What went wrong.
#[derive(Debug)]
pub struct Fault {
    /// What was asked: `list runs in namespace shop`.
    asked: String,
    /// Why it was not had.
    why: String,
    /// The command to try next.
    next: String,
    /// The API server's answer, as HTTP has it.
    code: Option<u16>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}\ntry: {}", self.asked, self.why, self.next)
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// One whose cause and cure the caller knows.
    pub fn new(asked: impl Into<String>, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            asked: asked.into(),
            why: why.into(),
            next: next.into(),
            code: None,
        }
    }

    /// The same, as if HTTP had said it: 404 of what is not there, 412 of what is another.
    #[must_use]
    pub fn coded(self, code: u16) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// Whether it is another than the one that was meant.
    pub fn is_another(&self) -> bool {
        self.code == Some(412)
    }

    /// Whether it is a right that is missing.
    pub fn is_forbidden(&self) -> bool {
        self.code == Some(403)
    }

    /// Whether there is no such thing.
    pub fn is_missing(&self) -> bool {
        self.code == Some(404)
    }

    /// Whether the cluster does not even know the kind.
    pub fn is_unknown(&self) -> bool {
        self.is_missing() && is_of_a_kind(&self.why)
    }

    /// The same with another command to try next.
    #[must_use]
    pub fn with_next(self, next: impl Into<String>) -> Self {
        Self {
            next: next.into(),
            ..self
        }
    }

    /// The same, with another command to try.
    pub fn instead(self, next: impl Into<String>) -> Self {
        Self {
            next: next.into(),
            ..self
        }
    }

    /// No answer within the time.
    pub fn late(asked: &str, seconds: u64) -> Self {
        Self::new(
            asked,
            format!("the API server did not answer within {seconds} s"),
            "kubectl cluster-info, or a longer --request-timeout",
        )
    }

    /// The client's error.
    pub fn of(asked: &str, error: &kube::Error) -> Self {
        let (why, next) = explain(error);
        let code = match error {
            kube::Error::Api(status) => Some(status.code),
            _ => None,
        };
        Self {
            code,
            ..Self::new(asked, why, next)
        }
    }
}

/// Why, and what to try.
fn explain(error: &kube::Error) -> (String, String) {
    match error {
        kube::Error::Api(status) => {
            let next = match (status.code, status.message.as_str()) {
                (401, _) => "kubectl auth whoami",
                (403, _) => "kubectl auth can-i --list, and ask whoever may give the right that is named above",
                // A kind that the API server does not know has no message of its own.
                (404, m) if is_of_a_kind(m) => {
                    "kubectl get crd backupruns.backup-operator.io (the operator's kinds are not installed in this cluster)"
                }
                (404, _) => "kubectl backup list",
                (409, _) => "the same command again: the object was changed meanwhile",
                (422 | 400, _) => "the same command with what is named above corrected",
                _ => "kubectl backup version",
            };
            (status.message.clone(), next.into())
        }
        other => (
            planner::mask::masked(&with_causes(other)),
            "kubectl cluster-info".to_string(),
        ),
    }
}

/// Whether "not found" is said of the kind, not of an object of it.
fn is_of_a_kind(message: &str) -> bool {
    message.contains("the server could not find the requested resource") || message.contains("page not found")
}

/// An error and what caused it, each once, in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = next.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    #[test]
    fn each_refusal_ends_with_the_command_to_try_next() {
        let api = |code: u16, message: &str| {
            kube::Error::Api(Box::new(Status {
                code,
                message: message.into(),
                ..Status::default()
            }))
        };
        for (error, wanted) in [
            (api(401, "Unauthorized"), "try: kubectl auth whoami"),
            (
                api(403, "backupruns is forbidden: User x cannot list"),
                "try: kubectl auth can-i --list",
            ),
            (api(404, "404 page not found"), "kinds are not installed"),
            (
                api(404, "backupruns.backup-operator.io \"x\" not found"),
                "try: kubectl backup list",
            ),
            (api(409, "changed"), "again"),
        ] {
            let text = Fault::of("list runs", &error).to_string();
            assert!(
                text.starts_with("cannot list runs: ") && text.contains(wanted),
                "{text}"
            );
        }
        assert!(Fault::late("list runs", 50).to_string().contains("50 s"));
    }
}
