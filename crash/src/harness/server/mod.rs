//! The server that the pipeline delivers to, and that fails in every way a server can.
//!
//! What it accepts is in its journal before it answers, so that an event is either there or was never taken. It is not killed.

mod faults;
mod request;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dendro_crash::Failure;
use dendro_crash::random::Random;

pub(crate) use faults::{Fault, Mood};
use request::{Request, Wire};

use super::ledger::{Ledger, name};

/// How often a thread looks whether it should end.
const LOOK: Duration = Duration::from_millis(20);
/// The status of what it refuses for good.
const TEAPOT: &[u8] = b"\"status\":418";

pub(crate) struct Server {
    shared: Arc<Shared>,
    pub(crate) address: SocketAddr,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    /// Every connection is reset: the network is dead.
    down: AtomicBool,
    /// How long a client waits for an answer.
    patience: Duration,
    state: Mutex<State>,
}

/// What it has done so far.
pub(crate) struct State {
    random: Random,
    pub(crate) mood: Mood,
    /// `None`: nobody is going to read it.
    journal: Option<BufWriter<File>>,
    turned_away: Option<BufWriter<File>>,
    pub(crate) ledger: Ledger,
    /// Requests by fault.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) requests: u64,
    /// Events that were accepted without the client being told, or too late for it.
    pub(crate) untold_events: u64,
    /// Requests that were accepted and answered, by their key.
    answered: HashMap<String, Instant>,
    /// What is wrong with the client.
    pub(crate) complaints: Vec<String>,
}

/// Where a server keeps what it accepts.
pub(crate) struct Files {
    pub(crate) journal: PathBuf,
    pub(crate) turned_away: PathBuf,
}

impl Files {
    pub(crate) fn within(dir: &Path) -> Self {
        Self { journal: dir.join("server.ndjson"), turned_away: dir.join("turned_away") }
    }
}

impl Server {
    /// Without `files` nothing is kept but the count.
    pub(crate) fn start(
        files: Option<&Files>,
        seed: u64,
        mood: Mood,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(Failure::io("a port on loopback"))?;
        let address = listener.local_addr().map_err(Failure::io("a port on loopback"))?;
        let create =
            |path: &Path| File::create_new(path).map(BufWriter::new).map_err(Failure::io(path.display()));
        let state = State {
            random: Random::new(seed, "server"),
            mood,
            journal: files.map(|files| create(&files.journal)).transpose()?,
            turned_away: files.map(|files| create(&files.turned_away)).transpose()?,
            ledger: Ledger::default(),
            faults: BTreeMap::new(),
            requests: 0,
            untold_events: 0,
            answered: HashMap::new(),
            complaints: Vec::new(),
        };
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            down: AtomicBool::new(false),
            patience,
            state: Mutex::new(state),
        });
        let listening = std::thread::spawn({
            let shared = shared.clone();
            move || listen(&listener, &shared)
        });
        Ok(Self { shared, address, listening: Some(listening) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// With `true` resets every connection and every request.
    pub(crate) fn set_down(&self, down: bool) {
        self.shared.down.store(down, Ordering::Relaxed);
    }

    /// What the judge reads is complete.
    pub(crate) fn flush(&self) -> Result<(), Failure> {
        let state = &mut *self.state();
        let mut files = state.journal.iter_mut().chain(&mut state.turned_away);
        files.try_for_each(BufWriter::flush).map_err(Failure::io("the server's journal"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for stream in listener.incoming() {
        if shared.is_over() {
            break;
        }
        let Ok(stream) = stream else { continue };
        if shared.down.load(Ordering::Relaxed) {
            *shared.state().faults.entry("connection reset at once").or_default() += 1;
            // One that is gone already is as good.
            let _ = reset(&stream);
            continue;
        }
        let shared = shared.clone();
        threads.retain(|t| !t.is_finished());
        threads.push(std::thread::spawn(move || {
            // A broken connection is what this is about.
            let _ = serve(stream, &shared);
        }));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// One connection, until one of both ends it.
fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LOOK))?;
    let mut wire = Wire::new(stream);
    loop {
        let go_on = || !shared.is_over();
        let Some(head) = wire.head(go_on)? else { return Ok(()) };
        let (fault, pause) = {
            let mut state = shared.state();
            state.requests += 1;
            let State { random, mood, .. } = &mut *state;
            (mood.choose(random), mood.pause(random))
        };
        let fault = if shared.down.load(Ordering::Relaxed) { Some(Fault::ResetBefore) } else { fault };
        match fault {
            Some(Fault::ResetBefore) => {
                shared.count(Fault::ResetBefore);
                return reset(wire.stream());
            }
            Some(Fault::ResetMid) => {
                shared.count(Fault::ResetMid);
                wire.some_of_the_body(&head, go_on)?;
                return reset(wire.stream());
            }
            _ => {}
        }
        let Some(request) = wire.request(head, go_on)? else { return Ok(()) };
        let is_too_large = shared.state().mood.max_bytes.is_some_and(|most| request.bytes() > most);
        let fault = if is_too_large { Some(Fault::TooLarge) } else { fault };
        std::thread::sleep(pause);
        if !answer(&request, fault, &mut wire, shared)? {
            return Ok(());
        }
    }
}

/// Whether the connection goes on.
fn answer(request: &Request, fault: Option<Fault>, wire: &mut Wire, shared: &Shared) -> io::Result<bool> {
    if let Some(fault) = fault {
        shared.count(fault);
    }
    match fault {
        Some(Fault::Unavailable) => wire.answer("503 Service Unavailable", "", "down for maintenance"),
        Some(Fault::Internal) => wire.answer("500 Internal Server Error", "", "<html>\u{fffd}</html>"),
        Some(Fault::TooMany) => wire.answer("429 Too Many Requests", "Retry-After: 0\r\n", ""),
        Some(Fault::TooManyForASecond) => wire.answer("429 Too Many Requests", "Retry-After: 1\r\n", ""),
        Some(Fault::TooLarge) => wire.answer("413 Content Too Large", "", ""),
        Some(Fault::Hang) => {
            wire.wait_for_the_end(|| !shared.is_over())?;
            return Ok(false);
        }
        Some(Fault::ResetAfter) => {
            reset(wire.stream())?;
            return Ok(false);
        }
        Some(Fault::AcceptAndReset) => {
            shared.accept(request, |_| true, false);
            reset(wire.stream())?;
            return Ok(false);
        }
        Some(Fault::AcceptAndHang) => {
            shared.accept(request, |_| true, false);
            wire.wait_for_the_end(|| !shared.is_over())?;
            return Ok(false);
        }
        Some(Fault::AcceptAndGarbage) => {
            shared.accept(request, |_| true, false);
            wire.answer("200 OK", "Content-Type: application/json\r\n", "{\"rejected\": [17")
        }
        Some(Fault::Garbage) => {
            wire.raw(b"\x00\x01SSH-2.0-what?\r\n\r\n")?;
            reset(wire.stream())?;
            return Ok(false);
        }
        Some(Fault::Partial) => {
            let keep = {
                let mut state = shared.state();
                (0..request.events.len()).map(|_| state.random.chance(600)).collect::<Vec<_>>()
            };
            let answer = shared.accept(request, |i| keep[i], true);
            wire.answer("200 OK", "Content-Type: application/json\r\n", &answer)
        }
        None | Some(Fault::ResetBefore | Fault::ResetMid) => {
            let answer = shared.accept(request, |_| true, true);
            wire.answer("200 OK", "Content-Type: application/json\r\n", &answer)
        }
    }?;
    Ok(true)
}

impl Shared {
    fn count(&self, fault: Fault) {
        *self.state().faults.entry(fault.name()).or_default() += 1;
    }

    /// Writes down what is taken, and gives the answer that says what is not.
    fn accept(&self, request: &Request, keep: impl Fn(usize) -> bool, is_told: bool) -> String {
        let mut state = self.state();
        let state = &mut *state;
        let (mut rejected, mut again) = (Vec::new(), Vec::new());
        let mut taken = 0;
        for (i, event) in request.events.iter().enumerate() {
            let event = request.event(event);
            if event.windows(TEAPOT.len()).any(|w| w == TEAPOT) {
                rejected.push(format!("{{\"index\":{i},\"reason\":\"a teapot\"}}"));
            } else if keep(i) {
                taken += 1;
                if let Some(journal) = &mut state.journal {
                    // What can't be written here is missing in the end, which is told.
                    let _ = journal.write_all(event).and_then(|()| journal.write_all(b"\n"));
                }
                if !state.ledger.note(event) {
                    state.complaints.push(format!("no name in `{}`", String::from_utf8_lossy(event)));
                }
            } else {
                again.push(i.to_string());
                if let (Some(file), Some((stream, number))) = (&mut state.turned_away, name(event)) {
                    let _ = writeln!(file, "~s{stream}.{number}~");
                }
            }
        }
        let before = match is_told {
            true => state.answered.insert(request.key.clone(), Instant::now()),
            false => state.answered.remove(&request.key),
        };
        // The client may not have waited for the answer: on a busy machine it can come too late. One that has got it and sends
        // again all the same does so at once.
        let was_late = before.is_some_and(|at| at.elapsed() >= self.patience / 2);
        if !is_told || was_late {
            state.untold_events += taken;
        }
        format!("{{\"rejected\":[{}],\"retry\":[{}]}}", rejected.join(","), again.join(","))
    }
}

/// Ends a connection such that the other side sees a reset.
fn reset(stream: &TcpStream) -> io::Result<()> {
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO))?;
    stream.shutdown(std::net::Shutdown::Read)
}

/// Reads some bytes; `None` at the end, or when it is over.
fn read_some(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    go_on: impl Fn() -> bool,
) -> io::Result<Option<usize>> {
    loop {
        match stream.read(buffer) {
            Ok(0) => return Ok(None),
            Ok(n) => return Ok(Some(n)),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                if !go_on() {
                    return Ok(None);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
