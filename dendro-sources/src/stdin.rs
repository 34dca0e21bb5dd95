//! Standard input, or any other reader that blocks.

use std::future::Future;
use std::io::{self, Read};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use dendro_core::{Cut, Framer, Lines, Output, Receipts, Schema, Source, SourceContext, SourceError};
use tokio::sync::mpsc;

use crate::framing::{FramerFactory, Framing, Target, lines};
use crate::multiline::Multiline;

/// How much is read at once: what a pipe of Linux holds.
const READ_BYTES: usize = 64 << 10;
/// How many pieces wait between the reading thread and the pipeline.
const HANDED_OVER: usize = 2;

/// Reads standard input to its end, record by record, as the stream `stdin`.
///
/// It can't replay: what was abandoned is lost to it. A read of standard input can't be cancelled, so it happens on
/// a thread of its own. When the pipeline stops, what that thread has handed over is sent, with a last line that has
/// no end, and the source returns at once; the thread stays in its read until there is input or its end, takes that
/// piece away, and ends. A program that goes on reading standard input after its pipeline has stopped should not use this source.
///
/// ```
/// use dendro_sources::stdin::StdinSource;
/// let source = StdinSource::new().max_line_bytes(64 << 10);
/// ```
pub struct StdinSource {
    input: Option<Box<dyn Read + Send>>,
    stream: String,
    framer: FramerFactory,
    schema: Arc<Schema>,
}

impl StdinSource {
    /// Lines of standard input.
    pub fn new() -> Self {
        Self::from_reader(io::stdin())
    }

    /// The same for another reader: a pipe of a child process, a socket.
    pub fn from_reader(input: impl Read + Send + 'static) -> Self {
        Self {
            input: Some(Box::new(input)),
            stream: "stdin".to_owned(),
            framer: lines(Lines::DEFAULT_MAX_BYTES),
            schema: Arc::new(Schema::new("log").doc("A record as it was read.")),
        }
    }

    /// Sets the name of the stream.
    pub fn stream(mut self, name: impl Into<String>) -> Self {
        self.stream = name.into();
        self
    }

    /// Cuts lines of at most this length, without their end; the head of a longer one goes to the dead letters.
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.framer = lines(bytes);
        self
    }

    /// Cuts records with this framer.
    pub fn framer<F: Framer + 'static>(mut self, factory: impl Fn() -> F + Send + Sync + 'static) -> Self {
        self.framer = Arc::new(move || Box::new(factory()));
        self
    }

    /// Puts lines together.
    pub fn multiline(self, multiline: Multiline) -> Self {
        self.framer(move || multiline.framer())
    }

    /// Sets the type of the events; by default `log`, without fields.
    pub fn schema(mut self, schema: impl Into<Arc<Schema>>) -> Self {
        self.schema = schema.into();
        self
    }
}

impl Default for StdinSource {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Source for StdinSource {
    /// # Errors
    /// Fatal if the input can't be read, or was read by an earlier run.
    ///
    /// # Cancel safety
    /// What was handed over and not sent is lost.
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let Some(input) = self.input.take() else {
            return Err(SourceError::fatal("the input was read already: it can't be read again"));
        };
        let mut pieces = read_on_a_thread(input, &cx)?;
        let origin = cx.origin(Some(&self.stream));
        let mut framing = Framing::new((self.framer)(), 0);
        let mut receipts = Receipts::new();
        let mut spare = Vec::new();
        let mut quiet_told = false;
        let mut failed = None;
        loop {
            let quiet = framing.quiet_after().filter(|_| !quiet_told && !framing.pending().is_empty());
            let step = next(&mut pieces, quiet, &mut receipts, &cx).await;
            let (piece, how) = match step {
                Step::Piece(Ok(piece)) => (piece, Cut::Open),
                Step::Quiet => (Vec::new(), Cut::Quiet),
                Step::Piece(Err(error)) => {
                    failed = Some(error);
                    (Vec::new(), Cut::End)
                }
                Step::End => (Vec::new(), Cut::End),
            };
            quiet_told = how == Cut::Quiet;
            let buffer = match framing.pending().is_empty() {
                true => piece,
                false => {
                    let mut buffer = std::mem::take(&mut spare);
                    framing.prepare(&mut buffer, piece.len());
                    buffer.extend_from_slice(&piece);
                    buffer
                }
            };
            let target =
                Target { pool: cx.pool(), schema: &self.schema, origin: &origin, observed: cx.now() };
            let framed = framing.cut(buffer, how, target, |_| {})?;
            spare = framed.spare.unwrap_or_default();
            if let Some(batch) = framed.batch {
                receipts.push(out.send(batch).await?, ());
            }
            if how == Cut::End {
                break;
            }
        }
        receipts.drain(out, |(), _| {}).await;
        match failed {
            Some(error) => {
                Err(SourceError::fatal(format!("the input can't be read: {error}")).with_source(error))
            }
            None => Ok(()),
        }
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        vec![self.schema.clone()]
    }
}

type Piece = io::Result<Vec<u8>>;

enum Step {
    Piece(Piece),
    Quiet,
    /// The input has ended, or the pipeline stops.
    End,
}

/// The next piece; meanwhile lets go of receipts that have settled, which nobody needs.
async fn next(
    pieces: &mut mpsc::Receiver<Piece>,
    quiet: Option<std::time::Duration>,
    receipts: &mut Receipts<()>,
    cx: &SourceContext,
) -> Step {
    while receipts.try_next().is_some() {}
    let mut stopping = pin!(cx.stopping());
    let mut sleep: Option<Pin<Box<tokio::time::Sleep>>> = quiet.map(|q| Box::pin(tokio::time::sleep(q)));
    std::future::poll_fn(|task| {
        // What was handed over comes first, also when the pipeline stops.
        match pieces.poll_recv(task) {
            Poll::Ready(Some(piece)) => return Poll::Ready(Step::Piece(piece)),
            Poll::Ready(None) => return Poll::Ready(Step::End),
            Poll::Pending => {}
        }
        if stopping.as_mut().poll(task).is_ready() {
            return Poll::Ready(Step::End);
        }
        match sleep.as_mut().is_some_and(|s| s.as_mut().poll(task).is_ready()) {
            true => Poll::Ready(Step::Quiet),
            false => Poll::Pending,
        }
    })
    .await
}

fn read_on_a_thread(
    mut input: Box<dyn Read + Send>,
    cx: &SourceContext,
) -> Result<mpsc::Receiver<Piece>, SourceError> {
    let (sender, pieces) = mpsc::channel(HANDED_OVER);
    let (pool, stop) = (cx.pool().clone(), cx.clone());
    let read = move || {
        let mut scratch = vec![0; READ_BYTES];
        while !stop.is_stopping() {
            let piece = match input.read(&mut scratch) {
                Ok(0) => return,
                Ok(n) => {
                    let mut piece = pool.buffer(n);
                    piece.extend_from_slice(&scratch[..n]);
                    Ok(piece)
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => Err(e),
            };
            let failed = piece.is_err();
            if sender.blocking_send(piece).is_err() || failed {
                return;
            }
        }
    };
    let spawned = std::thread::Builder::new().name(format!("{}-stdin", cx.name())).spawn(read);
    spawned.map_err(|e| SourceError::retry(format!("there is no thread to read the input on: {e}")))?;
    Ok(pieces)
}
