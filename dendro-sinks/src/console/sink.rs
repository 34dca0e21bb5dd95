//! The sink.

use std::io::{self, IsTerminal as _, Write};

use async_trait::async_trait;
use dendro_core::json::JsonEncoder;
use dendro_core::{Batch, Sink, SinkError, WriteContext, Written};

use super::{logfmt, pretty};
use crate::encode::in_turns;
use dendro_core::blocking::{Exclusive, Finished, identity};

/// How an event is written; the [module](super) tells more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// One JSON object a line.
    #[default]
    Json,
    /// `name=value` pairs.
    Logfmt,
    /// For people.
    Pretty,
}

/// Whether [`Encoding::Pretty`] has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Wherever it goes.
    Always,
    /// Never.
    Never,
}

/// Writes events to stdout, stderr or a writer.
///
/// ```
/// use dendro_sinks::console::{ConsoleSink, Encoding};
/// let sink = ConsoleSink::stdout().encoding(Encoding::Pretty);
/// ```
pub struct ConsoleSink {
    out: Exclusive<Out>,
    name: &'static str,
    encoding: Encoding,
    color: Color,
    terminal: bool,
    with_origin: bool,
    dedup_key: Option<String>,
}

/// What is written to, and how far.
struct Out {
    target: Target,
    finished: Finished<()>,
    /// A write that failed after some of it was taken.
    torn: Option<Torn>,
}

struct Torn {
    identity: (String, usize),
    taken: usize,
    /// Whether what was taken ends within a line.
    in_line: bool,
}

enum Target {
    Stdout,
    Stderr,
    Writer(Box<dyn Write + Send>),
}

impl ConsoleSink {
    /// To the standard output.
    pub fn stdout() -> Self {
        Self::new("stdout", Target::Stdout, io::stdout().is_terminal())
    }

    /// To the standard error.
    pub fn stderr() -> Self {
        Self::new("stderr", Target::Stderr, io::stderr().is_terminal())
    }

    /// To a writer, which is called on blocking threads and flushed after each write.
    pub fn writer(writer: impl Write + Send + 'static) -> Self {
        Self::new("the writer", Target::Writer(Box::new(writer)), false)
    }

    fn new(name: &'static str, target: Target, terminal: bool) -> Self {
        let out = Exclusive::new(Out { target, finished: Finished::default(), torn: None });
        let (encoding, color) = (Encoding::Json, Color::Auto);
        Self { out, name, encoding, color, terminal, with_origin: false, dedup_key: None }
    }

    /// How events are written; JSON unless told otherwise.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Whether [`Encoding::Pretty`] has colours.
    pub fn color(mut self, color: Color) -> Self {
        self.color = color;
        self
    }

    /// Whether the fields of the [`Origin`](dendro_core::Origin) are written too; they are not unless told so.
    pub fn with_origin(mut self, with_origin: bool) -> Self {
        self.with_origin = with_origin;
        self
    }

    /// The name of a field that has the [`DedupKey`](dendro_core::DedupKey) of each event that has one, where events are
    /// JSON; there is none unless told so.
    pub fn dedup_key(mut self, name: impl Into<String>) -> Self {
        self.dedup_key = Some(name.into());
        self
    }

    async fn encode(&self, batches: &[Batch]) -> Vec<u8> {
        let mut text = Vec::new();
        let color =
            paints(self.color, self.terminal, |name| std::env::var_os(name).map(|v| v.into_encoded_bytes()));
        let json = JsonEncoder::new().with_origin(self.with_origin);
        let mut json = json.with_dedup_key(self.dedup_key.clone());
        for batch in batches {
            json.prepare(batch);
            in_turns(batch, |events| match self.encoding {
                Encoding::Json => json.encode_events(events, &mut text),
                Encoding::Logfmt => events.for_each(|e| logfmt::write_line(e, self.with_origin, &mut text)),
                Encoding::Pretty => {
                    events.for_each(|e| pretty::write_line(e, self.with_origin, color, &mut text))
                }
            })
            .await;
        }
        text
    }
}

fn paints(color: Color, terminal: bool, var: impl Fn(&str) -> Option<Vec<u8>>) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            terminal
                && var("NO_COLOR").is_none_or(|v| v.is_empty())
                && var("TERM").is_none_or(|v| v != b"dumb")
        }
    }
}

#[async_trait]
impl Sink for ConsoleSink {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let text = self.encode(batches).await;
        let identity = identity(batches, cx);
        let result = self.out.run(move |out| out.write(identity, &text)).await?;
        result.map(|()| Written::Durable).map_err(|e| match e.kind() {
            io::ErrorKind::BrokenPipe => {
                let message = format!("{}: broken pipe: whoever read from it has gone", self.name);
                SinkError::fatal(message).with_source(e)
            }
            _ => SinkError::retry(format!("cannot write to {}: {e}", self.name)).with_source(e),
        })
    }
}

impl Out {
    fn write(&mut self, identity: (String, usize), text: &[u8]) -> io::Result<()> {
        if self.finished.find(&identity.0, identity.1).is_some() {
            return Ok(());
        }
        let mut taken = 0;
        if let Some(torn) = self.torn.take() {
            if torn.identity == identity {
                taken = torn.taken.min(text.len());
            } else if torn.in_line {
                // The rest of that line will come again as a whole one.
                let mut none = 0;
                if let Err(e) = self.target.write_from(b"\n", &mut none) {
                    self.torn = Some(torn);
                    return Err(e);
                }
            }
        }
        let result = self.target.write_from(text, &mut taken);
        match result {
            Ok(()) => self.finished.remember(&identity.0, identity.1, ()),
            Err(_) => {
                let in_line = taken > 0 && text.get(taken - 1) != Some(&b'\n');
                self.torn = Some(Torn { identity, taken, in_line });
            }
        }
        result
    }
}

impl Target {
    /// Writes from `taken` on, and counts there what was taken.
    fn write_from(&mut self, text: &[u8], taken: &mut usize) -> io::Result<()> {
        match self {
            Self::Writer(writer) => write_all(writer, text, taken),
            #[cfg(unix)]
            Self::Stdout => {
                use std::os::fd::AsFd as _;
                // The lock keeps the application's own lines apart; what it buffers goes first.
                let mut lock = io::stdout().lock();
                lock.flush()?;
                write_all(&mut std::fs::File::from(lock.as_fd().try_clone_to_owned()?), text, taken)
            }
            #[cfg(not(unix))]
            Self::Stdout => write_all(&mut io::stdout().lock(), text, taken),
            Self::Stderr => write_all(&mut io::stderr().lock(), text, taken),
        }
    }
}

fn write_all(writer: &mut dyn Write, text: &[u8], taken: &mut usize) -> io::Result<()> {
    /// A terminal or pipe that someone has set to non-blocking has no room for the moment.
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(2);
    while let Some(rest) = text.get(*taken..).filter(|rest| !rest.is_empty()) {
        match writer.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => *taken += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
            Err(e) => return Err(e),
        }
    }
    writer.flush()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use dendro_core::{Event, SinkErrorKind, Timestamp};

    use super::*;

    /// Takes a few bytes a call and fails where it is told to.
    #[derive(Clone, Default)]
    struct Trickle {
        text: Arc<Mutex<Vec<u8>>>,
        fail_at: Arc<Mutex<Vec<(usize, io::ErrorKind)>>>,
    }

    impl Trickle {
        fn text(&self) -> String {
            String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Trickle {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            let mut text = self.text.lock().unwrap();
            let mut fail_at = self.fail_at.lock().unwrap();
            if let Some((_, kind)) = fail_at.first().copied().filter(|(at, _)| text.len() >= *at) {
                fail_at.remove(0);
                return Err(kind.into());
            }
            let n = buf.len().min(3);
            text.extend_from_slice(&buf[..n]);
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn batch(n: u64) -> [Batch; 1] {
        [Batch::from_events([&Event::new("t").at(Timestamp::EPOCH).with("n", n)]).unwrap()]
    }

    fn cx(id: &str) -> WriteContext {
        WriteContext::new(id, 1, Duration::from_secs(5))
    }

    fn line(n: u64) -> String {
        format!("{{\"timestamp\":\"1970-01-01T00:00:00.000000000Z\",\"type\":\"t\",\"n\":{n}}}\n")
    }

    #[tokio::test]
    async fn a_writer_that_takes_a_few_bytes_at_a_time_gets_everything() {
        let writer = Trickle::default();
        *writer.fail_at.lock().unwrap() = vec![
            (6, io::ErrorKind::Interrupted),
            (9, io::ErrorKind::WouldBlock),
            (12, io::ErrorKind::Interrupted),
        ];
        let sink = ConsoleSink::writer(writer.clone());
        assert_eq!(sink.write(&batch(1), &cx("a")).await.unwrap(), Written::Durable);
        assert_eq!(writer.text(), line(1));
    }

    #[tokio::test]
    async fn a_retry_goes_on_where_the_failed_write_ended() {
        let writer = Trickle::default();
        *writer.fail_at.lock().unwrap() = vec![(20, io::ErrorKind::Other)];
        let sink = ConsoleSink::writer(writer.clone());
        assert_eq!(sink.write(&batch(1), &cx("a")).await.unwrap_err().kind(), SinkErrorKind::Retry);
        sink.write(&batch(1), &cx("a")).await.unwrap();
        sink.write(&batch(1), &cx("a")).await.unwrap();
        assert_eq!(writer.text(), line(1));
    }

    #[tokio::test]
    async fn another_write_after_a_torn_one_begins_on_a_new_line() {
        let writer = Trickle::default();
        *writer.fail_at.lock().unwrap() = vec![(20, io::ErrorKind::Other)];
        let sink = ConsoleSink::writer(writer.clone());
        sink.write(&batch(1), &cx("a")).await.unwrap_err();
        sink.write(&batch(2), &cx("b")).await.unwrap();
        assert_eq!(writer.text(), format!("{}\n{}", &line(1)[..21], line(2)));
    }

    #[tokio::test]
    async fn a_reader_that_has_gone_is_fatal() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let error = ConsoleSink::writer(writer).write(&batch(1), &cx("a")).await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Fatal);
        assert!(error.to_string().contains("broken pipe"), "{error}");
    }

    #[tokio::test]
    async fn a_reader_that_is_slow_does_not_hold_the_workers() {
        let (mut reader, writer) = io::pipe().unwrap();
        let sink = Arc::new(ConsoleSink::writer(writer));
        let big = [Batch::from_events([&Event::new("t").with("body", "z".repeat(1 << 20))]).unwrap()];
        let writing = tokio::time::timeout(Duration::from_millis(50), sink.write(&big, &cx("a"))).await;
        assert!(writing.is_err(), "the pipe is full, and this one thread went on");
        // The write was dropped, its bytes go on; the same id does not write them again.
        let reading = std::thread::spawn(move || {
            let mut text = Vec::new();
            io::Read::read_to_end(&mut reader, &mut text).unwrap();
            text
        });
        sink.write(&big, &cx("a")).await.unwrap();
        drop(sink);
        let text = reading.join().unwrap();
        assert_eq!(text.iter().filter(|b| **b == b'\n').count(), 1);
        assert_eq!(text.iter().filter(|b| **b == b'z').count(), 1 << 20);
    }

    #[tokio::test]
    async fn every_encoding_gives_a_line_an_event() {
        for encoding in [Encoding::Json, Encoding::Logfmt, Encoding::Pretty] {
            let writer = Trickle::default();
            let sink = ConsoleSink::writer(writer.clone()).encoding(encoding).with_origin(true);
            let events: Vec<Event> = (0..3_000u64).map(|n| Event::new("t").with("n", n)).collect();
            sink.write(&[Batch::from_events(&events).unwrap()], &cx("a")).await.unwrap();
            let text = writer.text();
            assert_eq!(text.lines().count(), 3_000);
            assert!(text.lines().last().unwrap().contains("2999"));
        }
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let none = |_: &str| None;
        assert!(paints(Color::Auto, true, none));
        assert!(!paints(Color::Auto, false, none));
        assert!(!paints(Color::Auto, true, |n| (n == "NO_COLOR").then(|| b"1".to_vec())));
        assert!(paints(Color::Auto, true, |n| (n == "NO_COLOR").then(Vec::new)));
        assert!(!paints(Color::Auto, true, |n| (n == "TERM").then(|| b"dumb".to_vec())));
        assert!(paints(Color::Always, false, none) && !paints(Color::Never, true, none));
    }
}
