//! Real servers for tests: started on a free loopback port with a folder of their own, ended when dropped.
//!
//! ```ignore
//! mod live;
//!
//! let Some(nginx) = live::nginx("", "location = /status { stub_status; }") else { return };
//! let page = nginx.http_get("/status");
//! ```
//!
//! A server that is not installed skips the test, visibly; under `cargo xtask test`, which installs what
//! `xtask/src/needs.rs` lists, it fails it. Started by root, servers run as `nobody`, since some refuse root.

#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod apache;
mod influxdb;
mod mariadb;
mod nginx;
mod postgres;
mod redis;

pub(crate) use apache::apache;
pub(crate) use influxdb::{influxdb, victoria_metrics};
pub(crate) use mariadb::{mariadb, mysql};
pub(crate) use nginx::{nginx, nginx_with};
pub(crate) use postgres::{postgres, postgres_standby, postgres_with, psql};
pub(crate) use redis::{redis, redis_with};

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

/// Long, since a busy machine makes a first start slow; a server that ends is noticed at once.
const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

/// A running server. On drop it is ended and its folder removed.
pub(crate) struct Server {
    name: &'static str,
    folder: Folder,
    port: u16,
    program: PathBuf,
    args: Vec<String>,
    ready: Ready,
    /// The signal by which it ends in good order, and soon.
    end: Signal,
    child: Option<Child>,
}

impl Server {
    /// Where it listens, on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has written to this file of its folder; empty if there is none yet.
    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.folder().join(file)).unwrap_or_default()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Waits until `done` of what it has written to this file; gives the file then.
    pub(crate) fn wait_for(&self, file: &str, done: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let began = Instant::now();
        loop {
            let text = self.read(file);
            if done(&text) {
                return text;
            }
            let tail = String::from_utf8_lossy(&text);
            assert!(began.elapsed() < STOP_DEADLINE, "{} never wrote what was waited for: {tail}", self.name);
            thread::sleep(POLL);
        }
    }

    /// The body that a GET of this path answers.
    pub(crate) fn http_get(&self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = String::from_utf8_lossy(&self.http(request.as_bytes())).into_owned();
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    /// What it answers to these bytes, until it closes the connection.
    pub(crate) fn http(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(STOP_DEADLINE)).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        // A reset behind the answer is as good as its end.
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    /// Ends it in good order, as an operator does.
    pub(crate) fn stop(&mut self) {
        self.end_by(self.end);
    }

    /// Ends it, and its children, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.end_by(Signal::KILL);
    }

    /// Comes back when nobody listens any more.
    fn end_by(&mut self, signal: Signal) {
        let Some(mut child) = self.child.take() else { return };
        let pid = Pid::from_child(&child);
        let began = Instant::now();
        while child.try_wait().is_ok_and(|status| status.is_none()) {
            let patient = began.elapsed() < STOP_DEADLINE;
            // Again and again: a server that has only just started may overlook one.
            let _ = kill_process(pid, if patient { signal } else { Signal::KILL });
            thread::sleep(POLL);
        }
        // What it has left behind.
        let _ = kill_process_group(pid, Signal::KILL);
        while self.listens() && began.elapsed() < STOP_DEADLINE * 2 {
            thread::sleep(POLL);
        }
    }

    fn listens(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }

    /// Starts it again, on the same port, with what is in its folder.
    pub(crate) fn start(&mut self) {
        self.stop();
        self.try_start().unwrap_or_else(|why| panic!("{}", self.failure(&why)));
    }

    fn try_start(&mut self) -> Result<(), String> {
        let output = File::options().create(true).append(true).open(self.folder().join("output")).unwrap();
        let mut command = self.folder.command_that_dies_with_us(&self.program);
        command.args(&self.args).process_group(0).stdin(Stdio::null());
        command.stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().map_err(|e| format!("it could not be started: {e}"))?;
        let pid = child.id();
        self.child = Some(child);
        let began = Instant::now();
        while began.elapsed() < START_DEADLINE {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                self.child = None;
                return Err(format!("it ended at once: {status}"));
            }
            // What it writes says that it has the port, and nobody else.
            if (self.ready)(self.folder(), pid) && self.listens() {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        Err(format!("it does not listen after {} s", START_DEADLINE.as_secs()))
    }

    fn failure(&self, why: &str) -> String {
        let logs = ["output", "error.log"].map(|f| String::from_utf8_lossy(&self.read(f)).into_owned());
        format!("{} did not start: {why}\n{}", self.name, logs.join("\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether the server of this folder and process id takes connections.
type Ready = fn(&Path, u32) -> bool;

/// For a server that writes its process id to a file when it listens.
fn says_its_pid(file: &Path, pid: u32) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.trim_end() == pid.to_string())
}

/// What tells one kind of server from another.
struct Kind<'a> {
    name: &'static str,
    program: PathBuf,
    ready: Ready,
    end: Signal,
    /// Its arguments, and whatever it needs in the folder, for this port.
    prepare: &'a dyn Fn(&Folder, u16) -> Vec<String>,
}

impl Kind<'_> {
    fn start(self, folder: Folder) -> Server {
        let mut server = Server {
            name: self.name,
            port: 0,
            program: self.program,
            args: Vec::new(),
            folder,
            ready: self.ready,
            end: self.end,
            child: None,
        };
        // Somebody else may take the port between the look and the start.
        for _ in 0..4 {
            server.port = free_port();
            server.args = (self.prepare)(&server.folder, server.port);
            if server.try_start().is_ok() {
                return server;
            }
        }
        server.port = free_port();
        server.args = (self.prepare)(&server.folder, server.port);
        server.start();
        server
    }
}

/// A temporary folder that belongs to the user that servers run as.
pub(crate) struct Folder {
    folder: TempDir,
    user: Option<(u32, u32)>,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("dendro-live-").tempdir().unwrap();
        let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        let user = root.then(nobody);
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        Self { folder, user }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file that the server can read.
    fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).unwrap();
    }

    /// Writes a file that only the server can read.
    fn write_private(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        self.write(file, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((uid, gid)) = self.user {
            chown(&path, Some(uid), Some(gid)).unwrap();
        }
    }

    /// A program to run as the servers' user, in the folder.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        self.as_user(&mut command);
        command
    }

    /// One that ends by itself if the test is killed and can't end it: more exactly, when the thread ends that
    /// starts it.
    fn command_that_dies_with_us(&self, program: &Path) -> Command {
        let Some(setpriv) = find_program("setpriv") else { return self.command(program) };
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "TERM"]).arg(program);
        self.as_user(&mut command);
        command
    }

    fn as_user(&self, command: &mut Command) {
        // Servers tidy up the temporary files that they find when they start.
        command.current_dir(self.path()).env("HOME", self.path()).env("TMPDIR", self.path());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
    }

    /// Runs a program to its end, which has to be a good one.
    fn run(&self, program: &Path, args: &[&str]) {
        let done = self.command(program).args(args).stdin(Stdio::null()).output().unwrap();
        let text = [done.stdout, done.stderr].concat();
        assert!(done.status.success(), "{}: {}", program.display(), String::from_utf8_lossy(&text));
    }
}

/// The program, if it is installed; else says that the test is skipped, or fails it where servers are required.
fn installed(name: &str) -> Option<PathBuf> {
    let found = find_program(name);
    if found.is_none() {
        let message = format!("{name} is not installed: `cargo xtask test` installs it");
        assert!(env::var_os("DENDRO_REQUIRE_SERVERS").is_none(), "{message}");
        eprintln!("SKIPPED: {message}");
    }
    found
}

/// Also in the folders that hold servers and that not every user's `PATH` names.
fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// The user and group of no rights.
fn nobody() -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry = passwd.lines().find_map(|line| line.strip_prefix("nobody:")).unwrap_or_default();
    let mut ids = entry.split(':').skip(1).map_while(|id| id.parse().ok());
    (ids.next().unwrap_or(65_534), ids.next().unwrap_or(65_534))
}

/// A port of 127.0.0.1 that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
