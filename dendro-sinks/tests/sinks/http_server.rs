//! A web server that does what a test tells it, right or wrong. It runs on threads of its own, so that it is there also while
//! the test's runtime has its time paused.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The number of its connection, from 0.
    pub(crate) connection: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The `id`s of its events.
    pub(crate) fn ids(&self) -> Vec<String> {
        let lines = self.body.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let id = |line| {
            serde_json::from_slice::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
        };
        lines.map(id).collect()
    }
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// All of it is read, and answered with this status, these headers and this body.
    Answer(u16, &'static str, Vec<u8>),
    /// The same; the connection is closed behind it, without a word before.
    AnswerAndClose(u16),
    /// All of it is read, and answered with these bytes; then the connection is closed.
    Raw(Vec<u8>),
    /// The same in pieces of a byte, with pauses.
    Trickle(Vec<u8>, Duration),
    /// Of the body nothing is read: answered with these bytes, closed for writing, and read then.
    Early(Vec<u8>),
    /// The same, and closed at once: the answer may be lost on the way.
    EarlyReset(Vec<u8>),
    /// All of it is read, then the connection is closed.
    Close,
    /// Half of the body is read, then the connection is reset.
    Reset,
    /// Nothing more is read.
    HangBefore,
    /// All of it is read, and there is no answer.
    HangAfter,
}

impl Reply {
    pub(crate) fn ok() -> Self {
        Self::Answer(200, "", Vec::new())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, "", Vec::new())
    }

    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::Answer(status, "Content-Type: application/json\r\n", body.into())
    }
}

type Script = dyn Fn(&Seen) -> Reply + Send + Sync;

/// Says what is to be answered, once all is read.
type Judge = dyn Fn(&Seen) -> Reply + Send + Sync;

pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    judge: Option<Box<Judge>>,
    seen: Mutex<Vec<Seen>>,
    is_down: AtomicBool,
    ends: AtomicBool,
    connections: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

impl Server {
    /// Answers as the script says, which sees requests without their bodies.
    pub(crate) fn new(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(Box::new(script), None)
    }

    /// Reads every request to its end, and answers as the script says, which sees all of it.
    pub(crate) fn judging(judge: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(Box::new(|_| Reply::ok()), Some(Box::new(judge)))
    }

    fn start(script: Box<Script>, judge: Option<Box<Judge>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script,
            judge,
            seen: Mutex::default(),
            is_down: AtomicBool::new(false),
            ends: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            open: Mutex::default(),
        });
        let serving = shared.clone();
        thread::spawn(move || {
            for tcp in listener.incoming() {
                if serving.ends.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(tcp) = tcp else { continue };
                if serving.is_down.load(Ordering::SeqCst) {
                    continue;
                }
                let number = serving.connections.fetch_add(1, Ordering::SeqCst);
                serving.open.lock().unwrap().push(tcp.try_clone().unwrap());
                let serving = serving.clone();
                thread::spawn(move || drop(serving.serve(tcp, number)));
            }
        });
        Self { address, shared }
    }

    /// Gives these replies one after the other, and 200 when there are no more.
    pub(crate) fn replies(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(VecDeque::from_iter(replies));
        Self::new(move |_| replies.lock().unwrap().pop_front().unwrap_or_else(Reply::ok))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests that were read to their end.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Connections are cut, and new ones closed at once.
    pub(crate) fn set_down(&self, down: bool) {
        self.shared.is_down.store(down, Ordering::SeqCst);
        if down {
            self.close_all();
        }
    }

    pub(crate) fn close_all(&self) {
        for tcp in self.shared.open.lock().unwrap().drain(..) {
            let _ = tcp.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        self.close_all();
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, tcp: TcpStream, connection: usize) -> io::Result<()> {
        let mut reader = BufReader::new(tcp.try_clone()?);
        let mut writer = tcp.try_clone()?;
        loop {
            let Some(mut request) = read_head(&mut reader)? else { return Ok(()) };
            request.connection = connection;
            let length = request.header("content-length").map_or(0, |value| value.parse().unwrap());
            let mut reply = (self.script)(&request);
            match &reply {
                Reply::HangBefore => {
                    // Until the other side is gone.
                    while !self.ends.load(Ordering::SeqCst) && tcp.peek(&mut [0]).is_ok_and(|_| true) {
                        if tcp.take_error()?.is_some() {
                            break;
                        }
                        thread::sleep(Duration::from_millis(5));
                    }
                    return Ok(());
                }
                Reply::Early(answer) => {
                    writer.write_all(answer)?;
                    tcp.shutdown(Shutdown::Write)?;
                    let _ = io::copy(&mut reader, &mut io::sink());
                    return Ok(());
                }
                Reply::EarlyReset(answer) => {
                    writer.write_all(answer)?;
                    return tcp.shutdown(Shutdown::Both);
                }
                Reply::Reset => {
                    let mut half = vec![0; length / 2];
                    reader.read_exact(&mut half)?;
                    // What is not read makes it a reset.
                    return tcp.shutdown(Shutdown::Both);
                }
                _ => {}
            }
            request.body = vec![0; length];
            reader.read_exact(&mut request.body)?;
            if let Some(judge) = &self.judge {
                reply = judge(&request);
            }
            self.seen.lock().unwrap().push(request);
            match reply {
                Reply::Answer(status, headers, body) => answer(&mut writer, status, headers, &body)?,
                Reply::AnswerAndClose(status) => {
                    answer(&mut writer, status, "", b"")?;
                    return tcp.shutdown(Shutdown::Both);
                }
                Reply::Raw(bytes) => {
                    let _ = writer.write_all(&bytes);
                    return tcp.shutdown(Shutdown::Both);
                }
                Reply::Trickle(bytes, pause) => {
                    for byte in bytes {
                        writer.write_all(&[byte])?;
                        thread::sleep(pause);
                    }
                    return tcp.shutdown(Shutdown::Both);
                }
                Reply::HangAfter => {
                    let _ = reader.read(&mut [0])?;
                    return Ok(());
                }
                _ => return tcp.shutdown(Shutdown::Both),
            }
        }
    }
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Seen>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut seen = Seen {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        ..Seen::default()
    };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(Some(seen)) };
        seen.headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn answer(writer: &mut impl Write, status: u16, headers: &str, body: &[u8]) -> io::Result<()> {
    let mut bytes =
        format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    writer.write_all(&bytes)
}
