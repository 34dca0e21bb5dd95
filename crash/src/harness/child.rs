//! The child: started, asked to stop, killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use dendro_crash::Failure;
use dendro_crash::setup::Setup;
use rustix::process::{Pid, Signal, kill_process};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(1);

pub(crate) struct Child {
    process: Process,
    dir: PathBuf,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It has drained.
    Drained,
    /// It was killed, or has killed itself at a failure point.
    Killed,
    /// Something else: it should not have.
    Other(Option<i32>),
}

impl Child {
    /// Starts it; what it says is appended to `child.log`.
    pub(crate) fn start(setup: &Setup) -> Result<Self, Failure> {
        let path = setup.dir.join("setup");
        std::fs::write(&path, setup.encode()).map_err(Failure::io(path.display()))?;
        let log = setup.dir.join("child.log");
        let open =
            || File::options().create(true).append(true).open(&log).map_err(Failure::io(log.display()));
        let program = beside("dendro-crash-child")?;
        let process = Command::new(&program)
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(open()?)
            .stderr(open()?)
            .spawn()
            .map_err(Failure::io(program.display()))?;
        Ok(Self { process, dir: setup.dir.clone() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for so long; says how it has ended, if it has.
    pub(crate) fn wait(&mut self, time: Duration) -> Result<Option<End>, Failure> {
        let until = Instant::now() + time;
        loop {
            if let Some(status) = self.process.try_wait().map_err(Failure::io("waiting for the child"))? {
                return Ok(Some(end(status)));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    /// Asks it to drain and end.
    pub(crate) fn terminate(&self) -> Result<(), Failure> {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Failure::new("the child has no process id"))?;
        kill_process(pid, Signal::TERM).map_err(|e| Failure::new(format!("SIGTERM: {e}")))
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<End, Failure> {
        self.process.kill().map_err(Failure::io("killing the child"))?;
        self.process.wait().map(end).map_err(Failure::io("waiting for the child"))
    }

    /// Why it should not have ended so.
    pub(crate) fn complain(&self, end: End) -> Failure {
        let log = std::fs::read_to_string(self.dir.join("child.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(8)..].join("\n  ");
        Failure::new(format!("the child has ended by itself ({end:?}):\n  {last}"))
    }
}

/// What waits in the disk buffer in this folder, as lines of JSON; of a child that has ended.
pub(crate) fn left_in(buffer: &Path) -> Result<Vec<u8>, Failure> {
    let program = beside("dendro-crash-child")?;
    let output = Command::new(&program).arg("--left").arg(buffer).output();
    let output = output.map_err(Failure::io(program.display()))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(Failure::new(format!(
            "what is left in {} can't be told: {}",
            buffer.display(),
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Nothing of a run is left behind; one that is gone already is no error.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn end(status: ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => End::Drained,
        (_, Some(9)) => End::Killed,
        (code, _) => End::Other(code),
    }
}

/// A program that is built with this one.
pub(crate) fn beside(name: &str) -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().map_err(Failure::io("this program's path"))?;
    let path = own.parent().unwrap_or(Path::new(".")).join(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(Failure::new(format!("there is no {}: `cargo xtask crash` builds it", path.display())))
    }
}
