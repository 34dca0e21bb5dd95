//! What the harness wants the child to be: a small text file, one `key value` a line.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Failure;

/// A child for one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The folder of the run: `logs`, `checkpoints`, `buffer`, `out` and `dead` are in it.
    pub dir: PathBuf,
    /// Where the dead letters, the file sink's output, the checkpoints and the buffer are instead, if not there.
    pub disk: Option<PathBuf>,
    /// What the logs are.
    pub format: Format,
    /// Where the events go.
    pub out: Out,
    /// What lies between parser and sink.
    pub buffer: Buffer,
    /// The most that a disk buffer may take.
    pub buffer_bytes: u64,
    /// The server's address.
    pub server: Option<String>,
    /// The most events in one write.
    pub max_events: usize,
    /// Writes in flight.
    pub in_flight: usize,
    /// How much the source reads at once.
    pub read_bytes: usize,
    /// How soon checkpoints are stored.
    pub checkpoint_interval: Duration,
    /// How long one write may take.
    pub timeout: Duration,
    /// How long a drain may take.
    pub drain_deadline: Duration,
    /// How far the child's clock is ahead of the machine's, in seconds.
    pub clock_offset_seconds: i64,
    /// Which call to the storage seam fails, and how.
    pub fault: Option<Fault>,
    /// What the child does wrong on purpose.
    pub broken: Option<Broken>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As it is written.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// As it was written.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.word() == word)
            }
        }
    };
}

words! {
    /// What the logs are.
    Format {
        /// nginx's access log.
        Access = "access",
        /// Java stack traces: records of several lines.
        Traces = "traces",
        /// PostgreSQL's log: a message and the lines that belong to it.
        Postgres = "postgres",
    }
}

words! {
    /// Where the events go.
    Out {
        /// To the file sink.
        File = "file",
        /// To the server.
        Http = "http",
        /// To both.
        Both = "both",
        /// To an aggregate, whose results go to the file sink.
        Windows = "windows",
    }
}

words! {
    /// What lies between parser and sink.
    Buffer {
        /// Nothing but the driver's own queues.
        None = "none",
        /// A buffer in memory.
        Memory = "memory",
        /// One on disk, with `fsync` before each acknowledgement,
        DiskEveryBatch = "disk-every-batch",
        /// at an interval,
        DiskInterval = "disk-interval",
        /// or never.
        DiskNever = "disk-never",
    }
}

impl Out {
    /// Whether the server gets events.
    pub fn has_server(self) -> bool {
        matches!(self, Self::Http | Self::Both)
    }

    /// Whether the file sink gets them.
    pub fn has_file(self) -> bool {
        matches!(self, Self::File | Self::Both)
    }
}

impl Buffer {
    /// Whether it outlives the process.
    pub fn is_on_disk(self) -> bool {
        matches!(self, Self::DiskEveryBatch | Self::DiskInterval | Self::DiskNever)
    }
}

words! {
    /// What the child does wrong on purpose, so that the harness is known to notice.
    Broken {
        /// The sink says that it is durable before it is even written.
        EarlyAck = "early-ack",
        /// The sink forgets an event now and then.
        LostEvent = "lost-event",
        /// The sink writes everything twice.
        Twice = "twice",
        /// The sink changes a field.
        Altered = "altered",
        /// The sink keeps a write back until the next one is through.
        Swapped = "swapped",
    }
}

words! {
    /// How a call to the storage seam fails.
    FaultKind {
        /// Once, with an error; nothing was done.
        Error = "error",
        /// So do all calls behind it until the process ends.
        Errors = "errors",
        /// The process is gone before it was done.
        DieBefore = "die-before",
        /// The process is gone just after it was done.
        DieAfter = "die-after",
    }
}

/// The call to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The point's name, like `checkpoint.rename`.
    pub point: String,
    /// Which call of this point: 1 is the first.
    pub nth: u64,
    /// How it fails.
    pub kind: FaultKind,
}

impl Setup {
    /// The defaults of a child in this folder: small batches, short intervals, so that a round of some hundred
    /// milliseconds sees everything happen.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            disk: None,
            format: Format::Access,
            out: Out::File,
            buffer: Buffer::None,
            buffer_bytes: 2 << 20,
            server: None,
            max_events: 64,
            in_flight: 1,
            read_bytes: 8 << 10,
            checkpoint_interval: Duration::from_millis(20),
            timeout: Duration::from_millis(400),
            drain_deadline: Duration::from_secs(20),
            clock_offset_seconds: 0,
            fault: None,
            broken: None,
        }
    }

    /// Where what the child writes is.
    pub fn disk(&self) -> &Path {
        self.disk.as_deref().unwrap_or(&self.dir)
    }

    /// The file's text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let mut put = |key: &str, value: &dyn std::fmt::Display| {
            let _ = writeln!(text, "{key} {value}");
        };
        put("dir", &self.dir.display());
        if let Some(disk) = &self.disk {
            put("disk", &disk.display());
        }
        put("format", &self.format.word());
        put("out", &self.out.word());
        put("buffer", &self.buffer.word());
        put("buffer_bytes", &self.buffer_bytes);
        if let Some(server) = &self.server {
            put("server", server);
        }
        put("max_events", &self.max_events);
        put("in_flight", &self.in_flight);
        put("read_bytes", &self.read_bytes);
        put("checkpoint_interval_ms", &self.checkpoint_interval.as_millis());
        put("timeout_ms", &self.timeout.as_millis());
        put("drain_deadline_ms", &self.drain_deadline.as_millis());
        put("clock_offset_seconds", &self.clock_offset_seconds);
        if let Some(Fault { point, nth, kind }) = &self.fault {
            put("fault", &format_args!("{point} {nth} {}", kind.word()));
        }
        if let Some(broken) = self.broken {
            put("broken", &broken.word());
        }
        text
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// The line that can't be read.
    pub fn decode(text: &str) -> Result<Self, Failure> {
        let mut setup = Self::new(PathBuf::new());
        for line in text.lines() {
            let wrong = || Failure::new(format!("the setup has a line that is none: `{line}`"));
            let (key, value) = line.split_once(' ').ok_or_else(wrong)?;
            let number = || value.parse::<u64>().map_err(|_| wrong());
            let size = || value.parse::<usize>().map_err(|_| wrong());
            let millis = || number().map(Duration::from_millis);
            match key {
                "dir" => setup.dir = value.into(),
                "disk" => setup.disk = Some(value.into()),
                "format" => setup.format = Format::from_word(value).ok_or_else(wrong)?,
                "out" => setup.out = Out::from_word(value).ok_or_else(wrong)?,
                "buffer" => setup.buffer = Buffer::from_word(value).ok_or_else(wrong)?,
                "buffer_bytes" => setup.buffer_bytes = number()?,
                "server" => setup.server = Some(value.to_owned()),
                "max_events" => setup.max_events = size()?,
                "in_flight" => setup.in_flight = size()?,
                "read_bytes" => setup.read_bytes = size()?,
                "checkpoint_interval_ms" => setup.checkpoint_interval = millis()?,
                "timeout_ms" => setup.timeout = millis()?,
                "drain_deadline_ms" => setup.drain_deadline = millis()?,
                "clock_offset_seconds" => setup.clock_offset_seconds = value.parse().map_err(|_| wrong())?,
                "fault" => setup.fault = Some(fault(value).ok_or_else(wrong)?),
                "broken" => setup.broken = Some(Broken::from_word(value).ok_or_else(wrong)?),
                _ => return Err(wrong()),
            }
        }
        Ok(setup)
    }
}

fn fault(value: &str) -> Option<Fault> {
    let mut parts = value.split(' ');
    let point = parts.next()?.to_owned();
    let nth = parts.next()?.parse().ok()?;
    Some(Fault { point, nth, kind: FaultKind::from_word(parts.next()?)? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_the_harness_writes_the_child_reads() {
        let mut setup = Setup::new("/a/b c".into());
        assert_eq!(Setup::decode(&setup.encode()).unwrap(), setup);
        setup.disk = Some("/d".into());
        setup.server = Some("127.0.0.1:80".into());
        setup.clock_offset_seconds = -86_400;
        setup.broken = Some(Broken::Swapped);
        setup.fault = Some(Fault { point: "out.sync".into(), nth: 3, kind: FaultKind::DieAfter });
        assert_eq!(Setup::decode(&setup.encode()).unwrap(), setup);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let message = Setup::decode("dir /a\nformat poetry\n").unwrap_err().to_string();
        assert!(message.contains("format poetry"), "{message}");
    }
}
