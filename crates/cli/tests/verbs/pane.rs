//! A terminal of a fixed size with a shell in it, as a person has it: a real tmux, keys that are pressed, and what is on the screen then.
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use servers::ApiServer;

use crate::looks::PROGRAM;

/// Until a screen shows what is waited for, on a busy machine.
const SOON: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// The terminal; it ends when it is dropped, with all that runs in it.
pub struct Pane {
    /// The programs of the shell's PATH, the sockets of tmux, and the shells' own files.
    folder: tempfile::TempDir,
}

impl Drop for Pane {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
    }
}

impl Pane {
    /// Opens one with bash, of that many columns and rows. The prompt says how the command before it ended.
    pub fn open(server: &ApiServer, size: (u16, u16)) -> Self {
        let pane = Self::with(server, size, "bash --noprofile --norc", "TERM=screen-256color");
        pane.press(&["PS1='[$?] $ '; clear", "Enter"]);
        pane.prompt();
        pane
    }

    /// Opens one with that shell, and variables of its own. `kubectl`, `kubectl-backup` and kubectl's way to complete it are in the PATH.
    pub fn with(server: &ApiServer, (columns, rows): (u16, u16), shell: &str, variables: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        programs(server, folder.path());
        let pane = Self { folder };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let home = pane.folder.path().display();
        let path = std::env::var("PATH").unwrap();
        // Nothing of whoever runs the test: not their settings, their prompt or their colours. And nothing that a shell writes as it ends,
        // which would make the folder anew after it is gone.
        let line = format!(
            "exec env -i HOME={home} TMPDIR={home} HISTFILE=/dev/null PATH={home}:{path} LC_ALL=C.UTF-8 KUBECONFIG={} {variables} {shell}",
            server.kubeconfig().display()
        );
        let size = ["-x", &columns, "-y", &rows];
        let new = [&["-u", "-f", "/dev/null", "new-session", "-d"][..], &size, &[&line]].concat();
        let made = pane.tmux(&new);
        assert!(made.status.success(), "tmux: {}", String::from_utf8_lossy(&made.stderr));
        pane
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let socket = self.folder.path().join("tmux").display().to_string();
        Command::new("tmux")
            .args(["-S", &socket])
            .args(args)
            .env_remove("TMUX")
            .output()
            .unwrap()
    }

    /// Presses keys: texts, and names as tmux has them (`Enter`, `C-c`, `Tab`).
    pub fn press(&self, keys: &[&str]) -> &Self {
        assert!(self.tmux(&[&["send-keys"], keys].concat()).status.success(), "{keys:?}");
        self
    }

    /// Has the shell do that, on a screen with nothing else.
    pub fn enter(&self, line: &str) -> &Self {
        assert!(self.tmux(&["send-keys", "-R"]).status.success());
        self.tmux(&["clear-history"]);
        self.press(&["C-l"]).prompt();
        // Not before it is there: an empty prompt is also how a command ends.
        self.press(&[line]).says(line.split(' ').next().unwrap_or_default());
        self.press(&["Enter"])
    }

    /// All that is shown, also what has gone over the upper edge; `colours`: with the codes of colours.
    pub fn screen(&self, colours: bool) -> String {
        let with = if colours { "-peS" } else { "-pS" };
        let shown = self.tmux(&["capture-pane", with, "-"]);
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        String::from_utf8(shown.stdout).unwrap().trim_end().into()
    }

    /// Waits until the screen is as it is to be, and returns it.
    pub fn until(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + SOON;
        loop {
            let screen = self.screen(false);
            // Not in mid-painting.
            if is(&screen) && screen == self.screen(false) {
                return screen;
            }
            assert!(Instant::now() < until, "{what:?} is not to be seen:\n{screen}");
            std::thread::sleep(LOOK);
        }
    }

    /// Waits for these words.
    pub fn says(&self, words: &str) -> String {
        self.until(words, |screen| screen.contains(words))
    }

    /// Waits until the shell is back, and returns the screen. The terminal is as it was: it has a cursor, and echoes what is typed.
    pub fn prompt(&self) -> String {
        let last = |screen: &str| screen.lines().last().unwrap_or_default().to_string();
        let is_prompt = |line: &str| line.starts_with('[') && line.ends_with("] $");
        let screen = self.until("a prompt", |screen| is_prompt(&last(screen)));
        let flags = self.tmux(&[
            "display-message",
            "-p",
            "#{cursor_flag} #{alternate_on} #{mouse_any_flag}",
        ]);
        assert_eq!(String::from_utf8_lossy(&flags.stdout).trim(), "1 0 0", "{screen}");
        screen
    }

    /// Whether the terminal takes whole lines, echoes them and has Ctrl-C interrupt: as it was before the program.
    pub fn is_cooked(&self) {
        self.enter("stty -a | tr ' ;' '\\n\\n' | grep -xE 'icanon|echo|isig|icrnl|opost' | sort | xargs");
        let screen = self.prompt();
        assert!(screen.contains("\necho icanon icrnl isig opost\n"), "{screen}");
    }
}

/// What is in the shell's PATH before all else.
fn programs(server: &ApiServer, folder: &Path) {
    use std::os::unix::fs::{PermissionsExt, symlink};
    symlink(PROGRAM, folder.join("kubectl-backup")).unwrap();
    symlink(server.program(), folder.join("kubectl")).unwrap();
    let asked = folder.join("kubectl_complete-backup");
    let script = Command::new(PROGRAM).args(["completion", "kubectl"]).output().unwrap();
    std::fs::write(&asked, script.stdout).unwrap();
    std::fs::set_permissions(&asked, std::fs::Permissions::from_mode(0o755)).unwrap();
}
