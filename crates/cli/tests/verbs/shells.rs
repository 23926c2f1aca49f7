//! Completion as people have it: Tab in bash, zsh and fish, of this program by itself and of `kubectl backup` by kubectl's own completion.
use servers::ApiServer;

use crate::pane::Pane;
use crate::program::{Place, run, schedule, spec};

/// How a shell is started, with a prompt that says how the command before it ended; and what has it complete.
struct Shell {
    namespace: &'static str,
    start: &'static str,
    begin: &'static str,
    own: &'static str,
    kubectl: &'static str,
}

const SHELLS: [Shell; 3] = [
    Shell {
        namespace: "shell-bash",
        start: "bash --noprofile --norc",
        begin: "PS1='[$?] $ '; . /usr/share/bash-completion/bash_completion",
        own: "source <(kubectl-backup completion bash)",
        kubectl: "source <(kubectl completion bash)",
    },
    Shell {
        namespace: "shell-zsh",
        start: "zsh -f",
        begin: "PROMPT='[%?] $ '; autoload -U compinit; compinit -u -D",
        own: "source <(kubectl-backup completion zsh)",
        kubectl: "source <(kubectl completion zsh)",
    },
    Shell {
        namespace: "shell-fish",
        start: "fish --no-config",
        begin: "function fish_prompt; echo \"[$status] \\$ \"; end",
        own: "kubectl-backup completion fish | source",
        kubectl: "kubectl completion fish | source",
    },
];

pub fn of_bash(server: &ApiServer) {
    completes(server, &SHELLS[0]);
}

pub fn of_zsh(server: &ApiServer) {
    completes(server, &SHELLS[1]);
}

pub fn of_fish(server: &ApiServer) {
    completes(server, &SHELLS[2]);
}

fn completes(server: &ApiServer, shell: &Shell) {
    let place = Place::new(server, shell.namespace);
    place.create(&[schedule("nightly"), run("db-1769817600", &spec())]);
    let pane = Pane::with(server, (120, 40), shell.start, "TERM=screen-256color");
    for line in [shell.begin, shell.own, shell.kubectl] {
        pane.press(&[line, "Enter"]);
        pane.until("a prompt below", |screen| {
            screen.contains(line) && screen.lines().last().is_some_and(|last| last.trim_end() == "[0] $")
        });
    }
    let namespace = shell.namespace;
    let begun = &namespace[..namespace.len() - 2];
    for program in ["kubectl-backup", "kubectl backup"] {
        for (typed, wanted) in [
            ("stat".to_string(), "status".to_string()),
            ("list --outp".into(), "list --output".into()),
            ("list stor".into(), "list storages".into()),
            (format!("list -n {begun}"), format!("list -n {namespace}")),
            (
                format!("describe -n {namespace} db"),
                format!("describe -n {namespace} db-1769817600"),
            ),
            (format!("run -n {namespace} nig"), format!("run -n {namespace} nightly")),
        ] {
            pane.press(&["C-l"]).press(&[&format!("{program} {typed}")]);
            pane.says(&format!("{program} {typed}"));
            pane.press(&["Tab"]);
            pane.until(&format!("{program} {wanted}"), |screen| {
                let last = screen.lines().last().unwrap_or_default().trim_end();
                last == format!("[0] $ {program} {wanted}")
            });
            pane.press(&["C-u"]);
        }
    }
}
