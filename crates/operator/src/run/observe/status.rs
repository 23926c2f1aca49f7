//! What the status of a Pod says, of its containers and of itself.
use k8s_openapi::api::core::v1::{
    Container, ContainerStateRunning, ContainerStateTerminated, ContainerStatus, Pod, PodCondition,
};
use planner::run::ending::Ending;

/// A container of a Pod.
#[derive(Clone, Copy)]
pub struct Member<'p> {
    /// What the kubelet says of it.
    pub status: &'p ContainerStatus,
    /// What the template says of it.
    pub spec: Option<&'p Container>,
    /// It stands among the init containers.
    pub init: bool,
}

impl<'p> Member<'p> {
    /// Those of a Pod: the init containers first, as they are started.
    pub fn all(pod: &'p Pod) -> impl Iterator<Item = Self> {
        let spec = pod.spec.as_ref();
        let status = pod.status.as_ref();
        let inits = status
            .and_then(|s| s.init_container_statuses.as_deref())
            .unwrap_or_default();
        let mains = status.and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
        let of = move |status: &'p ContainerStatus, init: bool| {
            let containers = spec.map_or(&[][..], |s| {
                if init {
                    s.init_containers.as_deref().unwrap_or_default()
                } else {
                    &s.containers
                }
            });
            Self {
                status,
                spec: containers.iter().find(|c| c.name == status.name),
                init,
            }
        };
        let inits = inits.iter().map(move |c| of(c, true));
        inits.chain(mains.iter().map(move |c| of(c, false)))
    }

    /// A native sidecar: the others start when it has started, and it runs beside them.
    pub fn is_sidecar(&self) -> bool {
        self.init && self.spec.is_some_and(|c| c.restart_policy.as_deref() == Some("Always"))
    }

    /// Why it does not run; empty where it does, or where nothing is said.
    pub fn waits_for(&self) -> &'p str {
        let waiting = self.status.state.as_ref().and_then(|s| s.waiting.as_ref());
        waiting.and_then(|w| w.reason.as_deref()).unwrap_or_default()
    }

    /// It runs, and since when.
    pub fn running(&self) -> Option<&'p ContainerStateRunning> {
        self.status.state.as_ref()?.running.as_ref()
    }

    /// How it ended before it was started again.
    pub fn ended_before(&self) -> Option<&'p ContainerStateTerminated> {
        self.status.last_state.as_ref()?.terminated.as_ref()
    }

    /// How it ended.
    pub fn ended(&self) -> Option<&'p ContainerStateTerminated> {
        self.status.state.as_ref()?.terminated.as_ref()
    }

    /// `container "db"`.
    pub fn title(&self) -> String {
        let kind = match (self.init, self.is_sidecar()) {
            (true, true) => "sidecar container",
            (true, false) => "init container",
            (false, _) => "container",
        };
        format!("{kind} {:?}", self.status.name)
    }
}

/// A condition of a Pod.
pub fn condition<'p>(pod: &'p Pod, type_: &str) -> Option<&'p PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_deref().unwrap_or_default();
    conditions.iter().find(|c| c.type_ == type_)
}

/// A condition's reason and message.
pub fn words(c: &PodCondition) -> String {
    said(c.reason.as_deref(), c.message.as_deref())
}

/// A reason and a message, as far as there are any.
pub fn said(reason: Option<&str>, message: Option<&str>) -> String {
    let all = [reason, message].into_iter().flatten().filter(|t| !t.is_empty());
    all.collect::<Vec<_>>().join(": ")
}

/// What a container waits for when nothing is wrong.
pub fn is_ordinary(reason: &str) -> bool {
    matches!(reason, "" | "PodInitializing" | "ContainerCreating")
}

/// What made a container end, as far as the kubelet says.
pub fn ending(ended: &ContainerStateTerminated) -> Ending {
    // 128 and the number of a signal, as shells count.
    let signals = 129..=159;
    match ended.reason.as_deref() {
        Some("StartError" | "ContainerCannotRun") => Ending::NotStarted,
        Some("OOMKilled") => Ending::Memory,
        _ if signals.contains(&ended.exit_code) => Ending::Signal,
        _ => Ending::ByItself,
    }
}
