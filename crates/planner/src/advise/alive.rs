//! Whether the Pod stays for as long as its command may take: a container that sleeps too short, a node that is scaled away.
use api::BackupRunSpec;

use super::say;
use crate::validate::Fault;

/// From here on a backup is long enough to meet a node that is scaled away, seconds.
const LONG: u64 = 2 * 3600;
/// What a container that sleeps shorter than this is told where its command has no deadline, seconds.
const DAY: u64 = 86_400;
/// What keeps Karpenter and the cluster autoscaler from ending a Pod, and the value that does.
const STAYS: [(&str, &str); 2] = [
    ("karpenter.sh/do-not-disrupt", "true"),
    ("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
];

pub(super) fn advise(spec: &BackupRunSpec, field: &str, said: &mut Vec<Fault>) {
    let actions = [
        spec.backup
            .as_ref()
            .map(|a| ("backup", a.container.as_deref(), a.deadline_seconds)),
        spec.restore
            .as_ref()
            .map(|a| ("restore", a.container.as_deref(), a.deadline_seconds)),
    ];
    for (action, container, deadline) in actions.into_iter().flatten() {
        sleeps(spec, field, action, container, deadline, said);
    }
    let longest = actions_deadline(spec);
    let annotations = spec.template.metadata.as_ref().and_then(|m| m.annotations.as_ref());
    let stays = |(name, value): &(&str, &str)| annotations.and_then(|all| all.get(*name)).is_some_and(|v| v == value);
    if longest.is_some_and(|seconds| seconds >= LONG) && !STAYS.iter().any(stays) {
        say(
            said,
            &format!("{field}.template.metadata.annotations"),
            format!(
                "a command that may run for {} h meets nodes that are scaled away, where Karpenter or the cluster autoscaler do so: {}: \"{}\" or {}: \"{}\" keeps them off its Pod",
                longest.unwrap_or_default() / 3600,
                STAYS[0].0,
                STAYS[0].1,
                STAYS[1].0,
                STAYS[1].1
            ),
        );
    }
}

fn actions_deadline(spec: &BackupRunSpec) -> Option<u64> {
    let backup = spec.backup.as_ref().and_then(|a| a.deadline_seconds);
    backup.max(spec.restore.as_ref().and_then(|a| a.deadline_seconds))
}

fn sleeps(
    spec: &BackupRunSpec,
    field: &str,
    action: &str,
    container: Option<&str>,
    deadline: Option<u64>,
    said: &mut Vec<Fault>,
) {
    let all = &spec.template.spec.containers;
    let found = match container {
        Some(name) => all.iter().position(|c| c.name == name),
        None => (!all.is_empty()).then_some(0),
    };
    let Some((at, container)) = found.and_then(|at| Some((at, all.get(at)?))) else {
        return;
    };
    let (command, args) = (container.command.iter().flatten(), container.args.iter().flatten());
    let words: Vec<_> = command.chain(args).map(String::as_str).collect();
    let Some(seconds) = sleeping(&words) else { return };
    // The container starts before the command: where both have as long, it ends first.
    if deadline.map_or(seconds >= DAY, |deadline| seconds > deadline) {
        return;
    }
    let until = match deadline {
        Some(deadline) => format!("{action}.deadlineSeconds is {deadline}"),
        None => format!("{action} has no deadline"),
    };
    say(
        said,
        &format!("{field}.template.spec.containers[{at}].command"),
        format!(
            "the container ends {seconds} s after its start, and the command in it with it, while {until}: let it sleep infinity; its Pod is removed when the command has ended"
        ),
    );
}

/// How long a container lives that does nothing but sleep, or is ended after a time: `sleep N`, by itself, as a shell's whole script, or below
/// what starts it. None: nobody can say, or it does not end.
fn sleeping(words: &[&str]) -> Option<u64> {
    let (first, rest) = words.split_first()?;
    match first.rsplit('/').next().unwrap_or_default() {
        "sleep" if !rest.is_empty() => rest.iter().map(|time| seconds(time)).sum::<Option<f64>>().map(whole),
        "sh" | "bash" | "ash" | "dash" => match rest {
            ["-c" | "-ec", script] => sleeping(&script.split_ascii_whitespace().collect::<Vec<_>>()),
            _ => None,
        },
        "exec" | "nohup" | "busybox" | "toybox" => sleeping(rest),
        "tini" | "tini-static" | "dumb-init" | "catatonit" => sleeping(without_options(rest)),
        "timeout" => {
            let (limit, command) = without_options(rest).split_first()?;
            let below = sleeping(command);
            match seconds(limit).map(whole)? {
                // Off.
                0 => below,
                limit => Some(below.map_or(limit, |below| below.min(limit))),
            }
        }
        _ => None,
    }
}

/// Behind the options of what starts a command.
fn without_options<'w>(words: &'w [&'w str]) -> &'w [&'w str] {
    let mut left = words;
    while let Some((first, rest)) = left.split_first() {
        left = match *first {
            "--" => return rest,
            // These have a value of their own.
            "-k" | "-s" | "-p" => rest.get(1..).unwrap_or_default(),
            option if option.starts_with('-') => rest,
            _ => break,
        };
    }
    left
}

/// A time as sleep takes it; None for what never ends, and for what it would not take.
fn seconds(time: &str) -> Option<f64> {
    let number = time.trim_end_matches(['s', 'm', 'h', 'd']);
    let factor = match time.strip_prefix(number)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number = number.parse::<f64>().ok().filter(|_| plain)?;
    Some(number * f64::from(factor)).filter(|seconds| *seconds < 1e15)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is neither negative nor large.
fn whole(seconds: f64) -> u64 {
    seconds as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_only_sleeps_lives_that_long() {
        for (words, expected) in [
            (&["sleep", "1d"][..], Some(86_400)),
            (&["/bin/sleep", "90"], Some(90)),
            (&["sleep", "1h", "30m"], Some(5400)),
            (&["sh", "-c", "sleep 3600"], Some(3600)),
            (&["/bin/bash", "-c", " exec sleep 10m "], Some(600)),
            (&["sleep", "infinity"], None),
            (&["sleep", "0.5h"], Some(1800)),
            (&["sleep", "1e3"], None),
            (&["busybox", "sleep", "60"], Some(60)),
            (&["/sbin/tini", "--", "sleep", "60"], Some(60)),
            (&["tini", "-g", "-s", "sleep", "60"], None),
            (&["dumb-init", "sh", "-c", "sleep 60"], Some(60)),
            (&["timeout", "60", "sleep", "infinity"], Some(60)),
            (&["timeout", "-k", "5", "1h", "sleep", "60"], Some(60)),
            (&["timeout", "--signal=KILL", "1m", "serve"], Some(60)),
            (&["timeout", "0", "sleep", "infinity"], None),
            (&["timeout"], None),
            (&["sleep", "1x"], None),
            (&["sleep"], None),
            (&["sh", "-c", "sleep 5; serve"], None),
            (&["serve"], None),
            (&[], None),
            (&["sleep", "99999999999999999999"], None),
        ] {
            assert_eq!(sleeping(words), expected, "{words:?}");
        }
    }
}
