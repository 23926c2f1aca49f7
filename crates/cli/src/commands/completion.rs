//! `completion`: what makes a shell complete this program, and kubectl complete `kubectl backup`.
use std::io::Write;

use clap::ValueEnum;
use clap_complete::env::Shells;

use crate::complete::{KUBECTL_ASKS, VARIABLE};

/// For whom.
#[derive(clap::Args)]
#[command(after_help = "\
bash    source <(kubectl backup completion bash), in ~/.bashrc
zsh     source <(kubectl backup completion zsh), in ~/.zshrc after compinit
fish    kubectl backup completion fish | source, in ~/.config/fish/config.fish

kubectl completes `kubectl backup` by a program of a name of its own, wherever kubectl itself is completed:
  kubectl backup completion kubectl > ~/.local/bin/kubectl_complete-backup && chmod +x ~/.local/bin/kubectl_complete-backup")]
pub struct Args {
    /// The shell, or kubectl.
    #[arg(value_enum)]
    shell: Shell,
}

/// Who completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// GNU Bash.
    Bash,
    /// The Z shell.
    Zsh,
    /// The friendly interactive shell.
    Fish,
    /// kubectl, in any shell that it is completed in.
    Kubectl,
}

/// Prints it.
pub fn run(args: &Args, out: &mut Vec<u8>) -> Result<(), String> {
    let name = match args.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        Shell::Kubectl => {
            let script = format!(
                "#!/bin/sh\n# {KUBECTL_ASKS}: what may follow `kubectl backup`, for kubectl's own completion.\nexec kubectl-backup __complete \"$@\"\n"
            );
            return out.write_all(script.as_bytes()).map_err(|e| e.to_string());
        }
    };
    let shells = Shells::builtins();
    let shell = shells
        .completer(name)
        .ok_or("this shell is not known\ntry: kubectl backup completion --help")?;
    shell
        .write_registration(VARIABLE, "kubectl_backup", "kubectl-backup", "kubectl-backup", out)
        .map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_gets_a_script_that_asks_this_program() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Kubectl] {
            let mut out = Vec::new();
            run(&Args { shell }, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains("kubectl-backup"), "{shell:?}: {text}");
            assert_eq!(text.contains("__complete"), shell == Shell::Kubectl, "{text}");
        }
    }
}
