//! Running other programs.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::failure::Failure;

/// The workspace's folder, asked of cargo at run time: a target directory that is shared between
/// checkouts may hold a binary that was compiled in another one.
pub(crate) fn root() -> Result<PathBuf, Failure> {
    env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .and_then(|dir| dir.parent().map(Path::to_path_buf))
        .ok_or_else(|| Failure::new("CARGO_MANIFEST_DIR is not set: call this as `cargo xtask`"))
}

pub(crate) fn target_dir() -> Result<PathBuf, Failure> {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => std::path::absolute(dir).map_err(Failure::io("CARGO_TARGET_DIR")),
        None => Ok(root()?.join("target")),
    }
}

/// The cargo that runs this program, in the workspace's folder.
pub(crate) fn cargo() -> Result<Command, Failure> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()?);
    if env::var_os("CARGO_TARGET_DIR").is_some() {
        // A relative one was meant from the caller's folder, not from the workspace's.
        command.env("CARGO_TARGET_DIR", target_dir()?);
    }
    Ok(command)
}

/// Runs it with this program's own input and outputs.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    println!("$ {}", line(command));
    let status = command.status().map_err(Failure::io(line(command)))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{}`: {status}", line(command)))) }
}

/// Runs it and gives what it wrote to its standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String, Failure> {
    let output = command.stderr(Stdio::inherit()).output().map_err(Failure::io(line(command)))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{}`: {}", line(command), output.status)));
    }
    String::from_utf8(output.stdout).map_err(|error| Failure::new(format!("`{}`: {error}", line(command))))
}

/// What a program wrote to both outputs, and whether it ended well.
pub(crate) struct Transcript {
    pub(crate) text: String,
    pub(crate) failure: Option<Failure>,
}

/// Runs it, keeping what it writes; with `show`, passing it on as well.
pub(crate) fn transcribe(command: &mut Command, show: bool) -> Result<Transcript, Failure> {
    if show {
        println!("$ {}", line(command));
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Failure::io(line(command)))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    // Both pipes are read at once: a program that fills one while the other is waited on would hang.
    let (stdout, stderr) = thread::scope(|scope| {
        let stderr = scope.spawn(|| copy_lines(err, show.then(io::stderr)));
        let stdout = copy_lines(out, show.then(io::stdout));
        (stdout, stderr.join().unwrap_or_default())
    });
    let status = child.wait().map_err(Failure::io(line(command)))?;
    let failure = (!status.success()).then(|| Failure::new(format!("`{}`: {status}", line(command))));
    Ok(Transcript { text: stdout + &stderr, failure })
}

fn copy_lines(from: Option<impl Read>, mut to: Option<impl Write>) -> String {
    let mut text = String::new();
    let Some(from) = from else { return text };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    // A read error is the end of what can be shown; the exit status tells the rest.
    while matches!(from.read_until(b'\n', &mut line), Ok(n) if n > 0) {
        if let Some(to) = &mut to {
            // Nobody reads any more (a closed pipe): the run still counts.
            let _ = to.write_all(&line);
        }
        text += &String::from_utf8_lossy(&line);
        line.clear();
    }
    text
}

/// Where a program is, also in the folders that hold servers and that not every user's `PATH` names.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for arg in command.get_args() {
        line += " ";
        line += &arg.to_string_lossy();
    }
    line
}
