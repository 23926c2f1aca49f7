//! How a Pod ended before its command could start, and what would cure it.

/// What made it end: the cure depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// An init container failed: the others never started.
    Init,
    /// The container ended by itself.
    ByItself,
    /// A container could not be started.
    NotStarted,
    /// Its livenessProbe or startupProbe failed, and it was killed for that.
    Probe,
    /// Its postStart failed, and it was killed for that.
    Hook,
    /// It needed more memory than it may have.
    Memory,
    /// A signal killed it, and nobody says whose.
    Signal,
    /// The Pod as a whole was ended: evicted, preempted, not taken by its node.
    Pod,
}

impl Ending {
    /// What would be right; nothing where the Pod's own words say it all.
    pub fn cure(self) -> Option<&'static str> {
        match self {
            Self::Init => Some("The other containers start only when it ends with status 0"),
            Self::ByItself => Some("Its container has to stay alive, for example with the command `sleep infinity`"),
            Self::NotStarted => {
                Some("Its command has to be a program that its image has, and its workingDir and mounts have to fit it")
            }
            Self::Probe => Some("The probe has to pass, or to be left out of spec.template"),
            Self::Hook => Some("The postStart has to end with status 0"),
            Self::Memory => Some("Its memory limit has to be higher"),
            Self::Signal => {
                Some("It was killed: by the kernel for want of memory, or by something in the Pod or on its node")
            }
            Self::Pod => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_container_that_ended_by_itself_is_told_to_stay_alive() {
        for ending in [
            Ending::Init,
            Ending::ByItself,
            Ending::NotStarted,
            Ending::Probe,
            Ending::Hook,
            Ending::Memory,
            Ending::Signal,
            Ending::Pod,
        ] {
            let told = ending.cure().is_some_and(|cure| cure.contains("sleep infinity"));
            assert_eq!(told, ending == Ending::ByItself, "{ending:?}");
        }
        assert!(Ending::Init.cure().unwrap().ends_with("ends with status 0"));
    }
}
