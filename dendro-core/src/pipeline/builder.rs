//! Putting a pipeline together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::build_error::BuildError;
use super::graph::Graph;
use super::output::MemoryBudget;
use super::problem::Callback;
use super::queue::QueueLimits;
use super::{Pipeline, Problem};
use crate::clock::{Clock, SystemClock};
use crate::{Buffer, BufferHalves, Level, Origin, Sink, SinkSettings, Source, Transform};

/// Puts a pipeline together; see [`Pipeline`].
#[must_use]
pub struct PipelineBuilder {
    pub(super) sources: Vec<SourceNode>,
    pub(super) transforms: Vec<TransformNode>,
    pub(super) buffers: Vec<BufferNode>,
    pub(super) sinks: Vec<SinkNode>,
    pub(super) dead_letters: DeadLetterChoice,
    pub(super) replay: Option<Box<dyn Source>>,
    pub(super) options: Options,
}

pub(super) struct SourceNode {
    pub(super) name: String,
    pub(super) source: Box<dyn Source>,
}

pub(super) struct TransformNode {
    pub(super) name: String,
    pub(super) inputs: Vec<String>,
    pub(super) factory: TransformFactory,
}

pub(super) struct SinkNode {
    pub(super) name: String,
    pub(super) inputs: Vec<String>,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) settings: SinkSettings,
}

pub(super) struct BufferNode {
    /// The half that is written, with the name and the inputs of the buffer.
    pub(super) writer: SinkNode,
    pub(super) reader: Box<dyn Source>,
    pub(super) level: Arc<dyn Level>,
    pub(super) passes_acknowledgements: bool,
}

pub(super) enum DeadLetterChoice {
    Unset,
    Drop,
    Sink(Box<SinkNode>),
}

#[derive(Clone)]
pub(super) struct Options {
    pub(super) lanes: usize,
    pub(super) drain_deadline: Duration,
    pub(super) tick: Duration,
    pub(super) queue: QueueLimits,
    pub(super) budget: Option<MemoryBudget>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) origin: Origin,
    pub(super) seed: Option<u64>,
    pub(super) on_problem: Option<Callback>,
}

impl PipelineBuilder {
    pub(super) fn new() -> Self {
        Self {
            sources: Vec::new(),
            transforms: Vec::new(),
            buffers: Vec::new(),
            sinks: Vec::new(),
            dead_letters: DeadLetterChoice::Unset,
            replay: None,
            options: Options {
                lanes: 1,
                drain_deadline: Duration::from_secs(30),
                tick: Duration::from_secs(1),
                queue: QueueLimits::default(),
                budget: None,
                clock: Arc::new(SystemClock),
                origin: Origin::default(),
                seed: None,
                on_problem: None,
            },
        }
    }

    /// Adds a source.
    pub fn source(mut self, name: impl Into<String>, source: impl Source) -> Self {
        self.sources.push(SourceNode { name: name.into(), source: Box::new(source) });
        self
    }

    /// Adds a transform that reads from `inputs`: a component's name, or `component.port` for another port
    /// than its first. It is a value that can be cloned or a closure that makes one: every lane, and every restart
    /// after a failure, has an instance of its own.
    pub fn transform<M>(
        mut self,
        name: impl Into<String>,
        inputs: impl Inputs,
        transform: impl IntoTransform<M>,
    ) -> Self {
        let factory = transform.into_factory();
        self.transforms.push(TransformNode { name: name.into(), inputs: inputs.into_inputs(), factory });
        self
    }

    /// Adds a sink that writes what comes from `inputs`, with the settings that it asks for itself.
    pub fn sink(self, name: impl Into<String>, inputs: impl Inputs, sink: impl Sink) -> Self {
        self.sink_with(name, inputs, sink, |_| {})
    }

    /// Adds a sink with changed settings.
    ///
    /// ```
    /// # use dendro_core::{Pipeline, sink_fn};
    /// # let sink = sink_fn(|_| async { Ok(()) });
    /// let builder = Pipeline::builder().sink_with("out", "in", sink, |settings| settings.in_flight = 4);
    /// # let _ = builder;
    /// ```
    pub fn sink_with(
        mut self,
        name: impl Into<String>,
        inputs: impl Inputs,
        sink: impl Sink,
        change: impl FnOnce(&mut SinkSettings),
    ) -> Self {
        self.sinks.push(sink_node(name.into(), inputs.into_inputs(), sink, change));
        self
    }

    /// Adds a buffer that keeps what comes from `inputs` until what reads from it has taken it: on disk, or in memory
    /// with a [`MemoryBuffer`](super::MemoryBuffer).
    ///
    /// ```
    /// use dendro_core::pipeline::MemoryBuffer;
    /// # use dendro_core::{Pipeline, sink_fn};
    /// # let sink = sink_fn(|_| async { Ok(()) });
    /// let builder = Pipeline::builder()
    ///     .buffer("waiting", "in", MemoryBuffer::new().max_events(10_000))
    ///     .sink("out", "waiting", sink);
    /// # let _ = builder;
    /// ```
    pub fn buffer(self, name: impl Into<String>, inputs: impl Inputs, buffer: impl Buffer) -> Self {
        self.buffer_with(name, inputs, buffer, |_| {})
    }

    /// Adds a buffer with changed settings of the half that is written.
    pub fn buffer_with(
        mut self,
        name: impl Into<String>,
        inputs: impl Inputs,
        buffer: impl Buffer,
        change: impl FnOnce(&mut SinkSettings),
    ) -> Self {
        let BufferHalves { writer, reader, level, passes_acknowledgements } = Box::new(buffer).into_halves();
        let writer = sink_node(name.into(), inputs.into_inputs(), writer, change);
        self.buffers.push(BufferNode { writer, reader, level, passes_acknowledgements });
        self
    }

    /// Chooses the sink for dead letters: events that a component refuses, as events of the type
    /// [`dead_letter`](super::dead_letter_schema). While it can't be written, what is before it waits.
    pub fn dead_letters(self, sink: impl Sink) -> Self {
        self.dead_letters_with(sink, |_| {})
    }

    /// [`dead_letters`](Self::dead_letters) with changed settings.
    pub fn dead_letters_with(mut self, sink: impl Sink, change: impl FnOnce(&mut SinkSettings)) -> Self {
        let node = sink_node(DEAD_LETTERS.to_owned(), Vec::new(), sink, change);
        self.dead_letters = DeadLetterChoice::Sink(Box::new(node));
        self
    }

    /// Makes a pipeline that replays dead letters: its own sources don't run, and `source` sends each letter's event to
    /// the component that refused it, with [`Output::send_to`](super::Output::send_to). What a source refused
    /// enters behind that source, what a sink refused goes to that sink alone, and what a transform refused enters
    /// there, also in the middle of a chain. What is refused again is a dead letter again. The pipeline ends when `source` does;
    /// its statistics have the name `replay`.
    ///
    /// Build it from the same parts as the pipeline that refused the events, mended. Run it while that one does not:
    /// both would write to the same places.
    pub fn replay(mut self, source: impl Source) -> Self {
        self.replay = Some(Box::new(source));
        self
    }

    /// Chooses to drop what a component refuses, after counting it.
    pub fn drop_rejected(mut self) -> Self {
        self.dead_letters = DeadLetterChoice::Drop;
        self
    }

    /// How many threads run each chain of transforms; 1 by default. Order per stream holds with any number.
    /// With 0 they run on the caller's async workers: for tests with paused time, where a thread's work would not
    /// hold the clock back.
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.options.lanes = lanes;
        self
    }

    /// How long a drain may take before what is left is abandoned to its sources; 30 s by default.
    pub fn drain_deadline(mut self, deadline: Duration) -> Self {
        self.options.drain_deadline = deadline;
        self
    }

    /// How often stateful transforms are asked to emit what is due; every second by default.
    pub fn tick(mut self, tick: Duration) -> Self {
        self.options.tick = tick.max(Duration::from_millis(1));
        self
    }

    /// How much may wait in front of each transform chain and each sink.
    pub fn queue(mut self, limits: QueueLimits) -> Self {
        self.options.queue = limits;
        self
    }

    /// Limits what all events of this pipeline may keep in memory, together with others that have the same budget.
    pub fn memory_budget(mut self, budget: MemoryBudget) -> Self {
        self.options.budget = Some(budget);
        self
    }

    /// Replaces the machine's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.options.clock = clock;
        self
    }

    /// What all events of this pipeline say of where they come from: host, service, tenant, tags.
    pub fn origin(mut self, origin: Origin) -> Self {
        self.options.origin = origin;
        self
    }

    /// Makes the random delays of retries the same in every run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = Some(seed);
        self
    }

    /// Is called with what goes wrong and what the pipeline lives with. It should return soon.
    pub fn on_problem(mut self, callback: impl Fn(&Problem) + Send + Sync + 'static) -> Self {
        self.options.on_problem = Some(Arc::new(callback));
        self
    }

    /// Checks everything and makes the pipeline. Does no I/O and starts nothing.
    ///
    /// # Errors
    /// [`BuildError`] lists all that is wrong, by component.
    pub fn build(self) -> Result<Pipeline, BuildError> {
        let graph = Graph::check(&self)?;
        Ok(Pipeline::new(self, graph))
    }
}

/// The name under which the dead letters' sink has its statistics.
pub(super) const DEAD_LETTERS: &str = "dead_letters";
/// The name under which a source of dead letters has its statistics.
pub(super) const REPLAY: &str = "replay";

fn sink_node(
    name: String,
    inputs: Vec<String>,
    sink: impl Sink,
    change: impl FnOnce(&mut SinkSettings),
) -> SinkNode {
    let mut settings = sink.settings();
    change(&mut settings);
    SinkNode { name, inputs, sink: Arc::new(sink), settings }
}

/// A pipeline that is a line: one source, any number of transforms and buffers, one sink. The components are named
/// `source`, `transform`, `transform_2`, ..., `buffer`, `buffer_2`, ... and `sink`.
#[must_use]
pub struct Line {
    builder: PipelineBuilder,
    last: String,
}

impl Line {
    pub(super) fn new(source: impl Source) -> Self {
        Self { builder: PipelineBuilder::new().source("source", source), last: "source".to_owned() }
    }

    /// Adds a transform behind what is there.
    pub fn transform<M>(mut self, transform: impl IntoTransform<M>) -> Self {
        let name = numbered("transform", self.builder.transforms.len());
        self.builder = self.builder.transform(name.clone(), self.last.as_str(), transform);
        self.last = name;
        self
    }

    /// Adds a buffer behind what is there.
    pub fn buffer(mut self, buffer: impl Buffer) -> Self {
        let name = numbered("buffer", self.builder.buffers.len());
        self.builder = self.builder.buffer(name.clone(), self.last.as_str(), buffer);
        self.last = name;
        self
    }

    /// Ends the line.
    pub fn sink(self, sink: impl Sink) -> PipelineBuilder {
        self.builder.sink("sink", self.last.as_str(), sink)
    }

    /// Ends the line, with changed settings.
    pub fn sink_with(self, sink: impl Sink, change: impl FnOnce(&mut SinkSettings)) -> PipelineBuilder {
        self.builder.sink_with("sink", self.last.as_str(), sink, change)
    }
}

/// The name of a component where `before` of its kind are there already.
fn numbered(kind: &str, before: usize) -> String {
    if before == 0 { kind.to_owned() } else { format!("{kind}_{}", before + 1) }
}

/// Names of components to read from: one, or several.
pub trait Inputs {
    /// As a list.
    fn into_inputs(self) -> Vec<String>;
}

impl Inputs for &str {
    fn into_inputs(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}
impl Inputs for String {
    fn into_inputs(self) -> Vec<String> {
        vec![self]
    }
}
impl<S: Into<String>, const N: usize> Inputs for [S; N] {
    fn into_inputs(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}
impl<S: Into<String>> Inputs for Vec<S> {
    fn into_inputs(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

/// What a pipeline can make transforms from: a transform that can be cloned, or a closure that makes one. `M` only
/// keeps the two apart and is inferred.
pub trait IntoTransform<M> {
    /// As a factory.
    fn into_factory(self) -> TransformFactory;
}

/// Makes instances of a transform.
pub struct TransformFactory(Box<dyn Fn() -> Box<dyn Transform> + Send + Sync>);

impl TransformFactory {
    /// A new instance.
    pub fn make(&self) -> Box<dyn Transform> {
        (self.0)()
    }
}

/// See [`IntoTransform`].
pub enum ByClone {}
/// See [`IntoTransform`].
pub enum ByCall {}

impl<T: Transform + Clone> IntoTransform<ByClone> for T {
    fn into_factory(self) -> TransformFactory {
        // The lock stands in for `Sync`, which a transform need not be.
        let prototype = Mutex::new(self);
        TransformFactory(Box::new(move || {
            Box::new(prototype.lock().unwrap_or_else(PoisonError::into_inner).clone())
        }))
    }
}

impl<T: Transform, F: Fn() -> T + Send + Sync + 'static> IntoTransform<ByCall> for F {
    fn into_factory(self) -> TransformFactory {
        TransformFactory(Box::new(move || Box::new(self())))
    }
}

impl IntoTransform<TransformFactory> for TransformFactory {
    fn into_factory(self) -> TransformFactory {
        self
    }
}
