//! Running a pipeline, from the first batch to the last settlement.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::builder::{
    DEAD_LETTERS, DeadLetterChoice, Line, Options, PipelineBuilder, REPLAY, SinkNode, SourceNode,
};
use super::control::{Control, Either, Phase, Switch, block_on, first};
use super::dead_letter::DeadLetters;
use super::deliver::{Delivery, Surroundings};
use super::drive_source::run_source;
use super::graph::{Graph, Target};
use super::lane::{Lane, Link, Stage, Turn};
use super::output::{Allowance, Fanout, Output};
use super::problem::Reporter;
use super::queue::Queue;
use super::random::Random;
use super::replay::{Entries, Entry};
use super::report::{RunError, RunReport};
use super::stats::{ComponentKind, ComponentStats, Content, Stats};
use crate::{BatchPool, Origin, Schema, Source, SourceContext};

/// How long sources have to store their checkpoints after the drain's deadline has passed.
const GRACE: Duration = Duration::from_secs(5);
/// Buffers that a pipeline keeps for the next batches, and the largest that it keeps.
const POOL: (usize, usize) = (32, 8 << 20);

/// A checked pipeline, ready to run.
///
/// ```
/// use dendro_core::{Batch, Event, Output, Pipeline, Source, SourceContext, SourceError, filter, sink_fn};
///
/// struct Two;
/// #[async_trait::async_trait]
/// impl Source for Two {
///     async fn run(&mut self, out: Output, _cx: SourceContext) -> Result<(), SourceError> {
///         let events = [Event::new("greeting").with("to", "you"), Event::new("greeting").with("to", "me")];
///         let _receipt = out.send(Batch::from_events(&events)?).await?;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pipeline = Pipeline::line(Two)
///     .transform(filter(|e| e.get("to").and_then(|v| v.as_str()) == Some("you")))
///     .sink(sink_fn(|batches| async move {
///         assert_eq!(batches[0].len(), 1);
///         Ok(())
///     }))
///     .drop_rejected()
///     .build()?;
/// let report = pipeline.run(std::future::pending()).await?;
/// assert_eq!(report.component("sink").unwrap().events_out, 1);
/// # Ok(())
/// # }
/// ```
pub struct Pipeline {
    builder: PipelineBuilder,
    graph: Graph,
    control: Arc<Control>,
    stats: PipelineStats,
    stage_queues: Vec<Arc<Queue>>,
    buffer_queues: Vec<Arc<Queue>>,
    sink_queues: Vec<Arc<Queue>>,
    dead_queue: Option<Arc<Queue>>,
}

#[derive(Clone)]
struct PipelineStats {
    sources: Vec<Arc<Stats>>,
    transforms: Vec<Arc<Stats>>,
    buffers: Vec<Arc<Stats>>,
    sinks: Vec<Arc<Stats>>,
    dead_letters: Option<Arc<Stats>>,
}

impl PipelineStats {
    fn all(&self) -> impl Iterator<Item = &Arc<Stats>> {
        let moving = self.sources.iter().chain(&self.transforms).chain(&self.buffers);
        moving.chain(&self.sinks).chain(&self.dead_letters)
    }

    fn read(&self) -> Vec<ComponentStats> {
        self.all().map(|s| s.read()).collect()
    }
}

impl Pipeline {
    /// An empty pipeline, to put together.
    pub fn builder() -> PipelineBuilder {
        PipelineBuilder::new()
    }

    /// A pipeline that is a line, from its source on.
    pub fn line(source: impl Source) -> Line {
        Line::new(source)
    }

    pub(super) fn new(builder: PipelineBuilder, graph: Graph) -> Self {
        let limits = builder.options.queue;
        let lanes = builder.options.lanes.max(1);
        let stage_queues: Vec<_> =
            graph.stages.iter().map(|s| Queue::new(limits, lanes, s.stateful && lanes > 1)).collect();
        let new_queue = |_: &SinkNode| Queue::new(limits, 1, false);
        let buffer_queues: Vec<_> = builder.buffers.iter().map(|b| new_queue(&b.writer)).collect();
        let sink_queues: Vec<_> = builder.sinks.iter().map(new_queue).collect();
        let dead_queue = match &builder.dead_letters {
            DeadLetterChoice::Sink(node) => Some(new_queue(node)),
            _ => None,
        };
        let first_of_stage = |t: usize| graph.stages.iter().position(|s| s.chain[0] == t);
        let sources: Vec<&str> = match &builder.replay {
            Some(_) => vec![REPLAY],
            None => builder.sources.iter().map(|s| s.name.as_str()).collect(),
        };
        let stats = PipelineStats {
            sources: sources.into_iter().map(|s| Stats::new(s.into(), ComponentKind::Source, None)).collect(),
            transforms: builder
                .transforms
                .iter()
                .enumerate()
                .map(|(i, t)| {
                    let queue = first_of_stage(i).map(|s| stage_queues[s].clone());
                    Stats::new(t.name.as_str().into(), ComponentKind::Transform, queue)
                })
                .collect(),
            buffers: builder
                .buffers
                .iter()
                .zip(&buffer_queues)
                .map(|(b, q)| {
                    let durable = !b.passes_acknowledgements && b.reader.can_replay();
                    let content = Content { level: b.level.clone(), durable };
                    Stats::of_buffer(b.writer.name.as_str().into(), q.clone(), content)
                })
                .collect(),
            sinks: builder
                .sinks
                .iter()
                .zip(&sink_queues)
                .map(|(s, q)| Stats::new(s.name.as_str().into(), ComponentKind::Sink, Some(q.clone())))
                .collect(),
            dead_letters: dead_queue
                .as_ref()
                .map(|q| Stats::new(DEAD_LETTERS.into(), ComponentKind::DeadLetters, Some(q.clone()))),
        };
        let control = Control::new();
        Self { builder, graph, control, stats, stage_queues, buffer_queues, sink_queues, dead_queue }
    }

    /// To watch it, and to stop it, from elsewhere.
    pub fn handle(&self) -> PipelineHandle {
        PipelineHandle { control: self.control.clone(), stats: self.stats.clone() }
    }

    /// The schemas of what leaves a source, a transform or a buffer; `None` if there is no such component.
    pub fn schemas(&self, component: &str) -> Option<&[Arc<Schema>]> {
        self.graph.schemas.get(component).map(Vec::as_slice)
    }

    /// Runs until all sources have ended and everything is settled, or, after `shutdown` has resolved, until what
    /// was taken in has drained or the deadline has passed.
    ///
    /// Spawns tasks on the runtime that it is called on, and threads for transforms; all have ended when it returns.
    ///
    /// # Errors
    /// [`RunError`] if a component could not go on: what, and the report all the same.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time enabled.
    ///
    /// # Cancel safety
    /// Dropping it halts the pipeline: nothing is acknowledged that was not durable, and what was under way is
    /// sent again by its source in the next run.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<RunReport, RunError> {
        let started = tokio::time::Instant::now();
        let control = self.control.clone();
        let deadline = self.builder.options.drain_deadline;
        let stats = self.stats.clone();
        let replays: Vec<bool> = match &self.builder.replay {
            Some(source) => vec![source.can_replay()],
            None => self.builder.sources.iter().map(|s| s.source.can_replay()).collect(),
        };
        let mut running = Running::start(self);
        let reporter = running.reporter.clone();

        let stop = async {
            first(shutdown, control.reached(Phase::Draining)).await;
            control.advance(Phase::Draining);
            tokio::time::sleep(deadline).await;
        };
        let in_time = matches!(first(running.drained(), stop).await, Either::First(()));
        if !in_time {
            running.halt();
            let _ = first(running.drained(), tokio::time::sleep(GRACE)).await;
        }
        drop(running);

        let report = RunReport::new(stats.read(), &replays, in_time, started.elapsed(), reporter.kept());
        let failures = control.failures();
        if failures.is_empty() { Ok(report) } else { Err(RunError { failures, report: Box::new(report) }) }
    }
}

/// Watches and stops a pipeline from elsewhere.
#[derive(Clone)]
pub struct PipelineHandle {
    control: Arc<Control>,
    stats: PipelineStats,
}

impl PipelineHandle {
    /// What each component has done so far: sources, transforms, buffers, sinks, dead letters.
    pub fn stats(&self) -> Vec<ComponentStats> {
        self.stats.read()
    }

    /// Begins the drain, as the future given to [`Pipeline::run`] does.
    pub fn stop(&self) {
        self.control.advance(Phase::Draining);
    }
}

/// The tasks and threads of a pipeline. Dropping it halts them.
struct Running {
    control: Arc<Control>,
    reporter: Reporter,
    queues: Vec<Arc<Queue>>,
    /// Sources and the readers of buffers.
    sources: Vec<JoinHandle<()>>,
    lanes: Vec<LaneHandle>,
    /// Sinks and the writers of buffers.
    sinks: Vec<JoinHandle<()>>,
    /// For each buffer, what tells its reader that nothing will be written any more.
    written: Vec<Arc<Switch>>,
}

enum LaneHandle {
    Task(JoinHandle<()>),
    Thread { done: Arc<Notify>, ended: Arc<AtomicBool> },
}

impl Running {
    fn start(pipeline: Pipeline) -> Self {
        let Pipeline { builder, graph, control, stats, stage_queues, .. } = pipeline;
        let (buffer_queues, sink_queues, dead_queue) =
            (pipeline.buffer_queues, pipeline.sink_queues, pipeline.dead_queue);
        let PipelineBuilder { sources, transforms, buffers, sinks, dead_letters, replay, options } = builder;
        let reporter = Reporter::new(options.on_problem.clone(), stats.all().cloned().collect());
        let random = Random::new(options.seed);
        let letters = || match &dead_queue {
            Some(queue) => DeadLetters::to(queue.sender()),
            None => DeadLetters::dropped(),
        };
        let fanout = |targets: &[Target]| Fanout {
            edges: targets
                .iter()
                .map(|t| match t {
                    Target::Stage(i) => stage_queues[*i].sender(),
                    Target::Buffer(i) => buffer_queues[*i].sender(),
                    Target::Sink(i) => sink_queues[*i].sender(),
                })
                .collect(),
        };
        let surroundings = Surroundings {
            reporter: reporter.clone(),
            control: control.clone(),
            clock: options.clock.clone(),
            random: random.clone(),
        };
        let delivery = |node: SinkNode, queue: &Arc<Queue>, stats: &Arc<Stats>, dead_letters, replays| {
            let sink = (node.sink, node.settings);
            Delivery::new(sink, queue.clone(), dead_letters, stats.clone(), replays, surroundings.clone())
        };

        // All senders are made before anything runs: a queue without one has ended.
        let mut deliveries = Vec::new();
        for (i, node) in sinks.into_iter().enumerate() {
            let replays = graph.replays.sinks[i];
            deliveries.push(delivery(node, &sink_queues[i], &stats.sinks[i], Some(letters()), replays));
        }
        if let (DeadLetterChoice::Sink(node), Some(queue), Some(stats)) =
            (dead_letters, &dead_queue, &stats.dead_letters)
        {
            deliveries.push(delivery(*node, queue, stats, None, graph.replays.everywhere));
        }
        let (mut writers, mut readers) = (Vec::new(), Vec::new());
        for (i, node) in buffers.into_iter().enumerate() {
            let (replays, stats) = (graph.replays.writers[i], &stats.buffers[i]);
            let writer = delivery(node.writer, &buffer_queues[i], stats, Some(letters()), replays);
            writers.push(writer.passing_restored(node.passes_acknowledgements));
            let allowance = options.budget.clone().map(Allowance::of_buffer);
            let fanout = fanout(&graph.buffer_edges[i]);
            let out = Output::new(fanout, allowance, letters(), stats.clone(), options.clock.clone());
            readers.push((node.reader, out, stats.name.clone()));
        }
        let mut factories: Vec<_> = transforms.into_iter().map(|t| Some(Arc::new(t.factory))).collect();
        let stages: Vec<_> = graph
            .stages
            .iter()
            .enumerate()
            .map(|(i, plan)| {
                let links = plan.chain.iter().filter_map(|t| {
                    Some(Link { factory: factories[*t].take()?, stats: stats.transforms[*t].clone() })
                });
                Arc::new(Stage {
                    queue: stage_queues[i].clone(),
                    links: links.collect(),
                    ports: plan.edges.iter().map(|targets| fanout(targets)).collect(),
                    dead_letters: letters(),
                    turn: Turn::new(),
                    tick: plan.stateful.then_some(options.tick),
                    control: control.clone(),
                    reporter: reporter.clone(),
                    clock: options.clock.clone(),
                })
            })
            .collect();
        let output = |targets: &[Target], stats: &Arc<Stats>| {
            let allowance = options.budget.clone().map(Allowance::of_source);
            Output::new(fanout(targets), allowance, letters(), stats.clone(), options.clock.clone())
        };
        let sources: Vec<(SourceNode, Output)> = match replay {
            None => {
                let outputs = graph.source_edges.iter().zip(&stats.sources);
                sources.into_iter().zip(outputs.map(|(targets, stats)| output(targets, stats))).collect()
            }
            Some(source) => {
                let names = sources.iter().map(|s| s.name.as_str());
                let entries =
                    entries(&graph, names, &stats, &fanout, [&stage_queues, &buffer_queues, &sink_queues]);
                let allowance = options.budget.clone().map(Allowance::of_source);
                let out =
                    Output::replaying(entries, allowance, stats.sources[0].clone(), options.clock.clone());
                vec![(SourceNode { name: REPLAY.to_owned(), source }, out)]
            }
        };

        let lanes = stages.into_iter().flat_map(|stage| start_lanes(&stage, options.lanes)).collect();
        let mut sinks: Vec<_> = deliveries.into_iter().map(|d| tokio::spawn(Arc::new(d).run())).collect();
        let pool = BatchPool::new(POOL.0, POOL.1);
        let start = |name: &str, source, out, stopping, over| {
            let cx = context(name, stopping, &options, &pool, &reporter);
            let run = crate::own_work::run(run_source(source, out, cx, control.clone(), over));
            #[cfg(feature = "tracing")]
            let run = {
                use tracing::Instrument as _;
                run.instrument(tracing::debug_span!("dendro.source", component = name))
            };
            tokio::spawn(run)
        };
        let mut running: Vec<_> = sources
            .into_iter()
            .map(|(node, out)| start(&node.name, node.source, out, control.stopping(), Phase::Draining))
            .collect();
        let mut written = Vec::new();
        for (writer, (reader, out, name)) in writers.into_iter().zip(readers) {
            let all_written = Switch::new();
            running.push(start(&name, reader, out, all_written.clone(), Phase::Halting));
            written.push(all_written.clone());
            sinks.push(tokio::spawn(async move {
                Arc::new(writer).run().await;
                all_written.switch_on();
            }));
        }
        let queues = stage_queues.into_iter().chain(buffer_queues).chain(sink_queues).chain(dead_queue);
        Self { control, reporter, queues: queues.collect(), sources: running, lanes, sinks, written }
    }

    /// Resolves when everything has ended by itself.
    ///
    /// Cancel safe: may be called again.
    async fn drained(&mut self) {
        while let Some(source) = self.sources.last_mut() {
            let _ = source.await;
            self.sources.pop();
        }
        while let Some(lane) = self.lanes.last_mut() {
            match lane {
                LaneHandle::Task(task) => {
                    let _ = task.await;
                }
                LaneHandle::Thread { done, ended } => {
                    while !ended.load(Ordering::Acquire) {
                        done.notified().await;
                    }
                }
            }
            self.lanes.pop();
        }
        while let Some(sink) = self.sinks.last_mut() {
            let _ = sink.await;
            self.sinks.pop();
        }
    }

    /// Abandons what is under way; sources learn it from their receipts.
    fn halt(&self) {
        self.control.advance(Phase::Halting);
        self.queues.iter().for_each(|q| q.close());
        for written in &self.written {
            written.switch_on();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.halt();
        self.sources.iter().chain(&self.sinks).for_each(JoinHandle::abort);
        for lane in &self.lanes {
            if let LaneHandle::Task(task) = lane {
                task.abort();
            }
        }
    }
}

/// Where letters enter: behind a source, or before any other component.
fn entries<'a>(
    graph: &Graph,
    sources: impl Iterator<Item = &'a str>,
    stats: &PipelineStats,
    fanout: &impl Fn(&[Target]) -> Fanout,
    [stage_queues, buffer_queues, sink_queues]: [&[Arc<Queue>]; 3],
) -> Entries {
    let mut entries = Entries::default();
    let mut add = |name: &str, to: Fanout| {
        let schemas = graph.entering.get(name).cloned().unwrap_or_default();
        entries.insert(name, Entry { to, schemas });
    };
    let before = |queue: &Arc<Queue>, link: usize| Fanout { edges: vec![queue.sender_to(link)] };
    sources.zip(&graph.source_edges).for_each(|(name, targets)| add(name, fanout(targets)));
    for (plan, queue) in graph.stages.iter().zip(stage_queues) {
        for (link, transform) in plan.chain.iter().enumerate() {
            add(&stats.transforms[*transform].name, before(queue, link));
        }
    }
    let (buffers, sinks) = (stats.buffers.iter().zip(buffer_queues), stats.sinks.iter().zip(sink_queues));
    buffers.chain(sinks).for_each(|(stats, queue)| add(&stats.name, before(queue, 0)));
    entries
}

fn start_lanes(stage: &Arc<Stage>, lanes: usize) -> Vec<LaneHandle> {
    if lanes == 0 {
        return vec![LaneHandle::Task(tokio::spawn(Lane::new(stage.clone(), 0).run()))];
    }
    let runtime = tokio::runtime::Handle::current();
    let start = |number: usize| {
        let (done, ended) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let lane = Lane::new(stage.clone(), number);
        let handle = LaneHandle::Thread { done: done.clone(), ended: ended.clone() };
        let (runtime, inner) = (runtime.clone(), runtime.clone());
        let name = stage.links.first().map_or("dendro", |l| &l.stats.name).to_owned();
        let spawned = std::thread::Builder::new().name(name).spawn(move || {
            let _ended = SetOnDrop { done, ended };
            let _entered = inner.enter();
            block_on(lane.run());
        });
        // No thread to be had: the lane runs on the caller's workers rather than not at all.
        match spawned {
            Ok(_) => handle,
            Err(_) => LaneHandle::Task(runtime.spawn(Lane::new(stage.clone(), number).run())),
        }
    };
    (0..lanes).map(start).collect()
}

struct SetOnDrop {
    done: Arc<Notify>,
    ended: Arc<AtomicBool>,
}

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        self.done.notify_one();
    }
}

fn context(
    name: &str,
    stopping: Arc<Switch>,
    options: &Options,
    pool: &Arc<BatchPool>,
    reporter: &Reporter,
) -> SourceContext {
    let origin = Origin { source: Some(name.to_owned()), ..options.origin.clone() };
    SourceContext {
        name: name.into(),
        origin: Arc::new(origin),
        stopping,
        clock: options.clock.clone(),
        pool: pool.clone(),
        reporter: reporter.clone(),
    }
}
