//! What is simulated: a random pipeline, its faults, and when it is stopped, all from a seed.

use std::num::NonZeroU32;
use std::time::Duration;

use dendro_core::{AdaptiveConcurrency, CircuitBreaker, Order, RateLimit, SinkSettings, WhenFull};

use crate::rng::{Rng, mix};

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) sources: Vec<SourcePlan>,
    pub(crate) transforms: Vec<TransformPlan>,
    pub(crate) buffers: Vec<BufferPlan>,
    pub(crate) sinks: Vec<SinkPlan>,
    /// `None`: what is refused is dropped.
    pub(crate) dead_letters: Option<SinkPlan>,
    pub(crate) runs: Vec<RunPlan>,
    pub(crate) queue_events: usize,
    pub(crate) budget_bytes: Option<usize>,
    pub(crate) tick: Duration,
}

#[derive(Debug)]
pub(crate) struct SourcePlan {
    /// How many events each stream has.
    pub(crate) streams: Vec<u64>,
    pub(crate) replays: bool,
    pub(crate) max_batch: u64,
    pub(crate) pause_millis: u64,
    /// How often, in percent of its sends, it ends with an error that may pass.
    pub(crate) errors: u64,
}

#[derive(Debug)]
pub(crate) struct TransformPlan {
    pub(crate) inputs: Vec<(Node, u16)>,
    pub(crate) kind: Kind,
    /// How often, in percent of its batches, it fails.
    pub(crate) fails: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Pass,
    Filter(u64),
    Reject(u64),
    /// To one of so many ports.
    Route(u16),
    /// Keeps so many batches of a stream, and lets go of them on a tick.
    Hold(usize),
    /// Counts the events of each stream, as the state that is stored with the checkpoint.
    Count,
}

#[derive(Debug)]
pub(crate) struct BufferPlan {
    pub(crate) inputs: Vec<(Node, u16)>,
    pub(crate) kind: BufferKind,
    pub(crate) when_full: WhenFull,
    pub(crate) max_events: u64,
    /// How many writes to a durable one may go wrong, and how often they do, in percent.
    pub(crate) faults: u64,
    pub(crate) fault_percent: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BufferKind {
    /// In memory: passes acknowledgements on.
    Memory,
    /// In memory: acknowledges what enters.
    BestEffort,
    /// Its content outlives the run.
    Durable,
}

#[derive(Debug)]
pub(crate) struct SinkPlan {
    pub(crate) inputs: Vec<(Node, u16)>,
    pub(crate) staged: bool,
    pub(crate) settings: SinkSettings,
    /// How many of its calls may go wrong, and how often they do, in percent.
    pub(crate) faults: u64,
    pub(crate) fault_percent: u64,
    /// Whether it may end a run, or lose what is staged.
    pub(crate) fatal: bool,
    pub(crate) loses: bool,
    /// Events that it refuses, in percent.
    pub(crate) refuses: u64,
    pub(crate) slow_millis: u64,
}

#[derive(Debug)]
pub(crate) struct RunPlan {
    /// `None`: it ends when the sources have.
    pub(crate) shutdown: Option<Duration>,
    pub(crate) deadline: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Source(usize),
    Transform(usize),
    Buffer(usize),
}

/// What a transform does with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass(u16),
    Filtered,
    Rejected,
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(mix(seed ^ 0x5eed));
        let sources: Vec<_> = (0..rng.between(1, 3)).map(|_| SourcePlan::new(&mut rng)).collect();
        let mut outputs: Vec<(Node, u16)> = (0..sources.len()).map(|i| (Node::Source(i), 0)).collect();
        let mut read = Vec::new();
        let (mut transforms, mut buffers) = (Vec::new(), Vec::new());
        for _ in 0..rng.below(6) as usize {
            let inputs = choose(&mut rng, &outputs);
            read.extend(inputs.iter().copied());
            if rng.chance(25) {
                outputs.push((Node::Buffer(buffers.len()), 0));
                buffers.push(BufferPlan::new(inputs, &mut rng));
                continue;
            }
            let i = transforms.len();
            let kind = Kind::new(&mut rng);
            let fails = if rng.chance(30) { rng.between(1, 15) } else { 0 };
            let ports = if let Kind::Route(ports) = kind { ports } else { 1 };
            outputs.extend((0..ports).map(|port| (Node::Transform(i), port)));
            transforms.push(TransformPlan { inputs, kind, fails });
        }
        let dead_letters = rng.chance(70);
        let mut sinks: Vec<_> =
            (0..rng.between(1, 3)).map(|_| SinkPlan::new(&mut rng, dead_letters)).collect();
        for sink in &mut sinks {
            sink.inputs = choose(&mut rng, &outputs);
            read.extend(sink.inputs.iter().copied());
        }
        for output in outputs.into_iter().filter(|o| !read.contains(o)) {
            let sink = rng.below(sinks.len() as u64) as usize;
            sinks[sink].inputs.push(output);
        }
        let stopped = rng.below(3);
        let mut runs: Vec<_> = (0..stopped)
            .map(|_| RunPlan { shutdown: Some(rng.millis(0, 2_000)), deadline: rng.millis(0, 1_000) })
            .collect();
        runs.push(RunPlan { shutdown: None, deadline: Duration::from_secs(30) });
        Self {
            seed,
            sources,
            transforms,
            buffers,
            sinks,
            dead_letters: dead_letters.then(|| SinkPlan::for_dead_letters(&mut rng)),
            runs,
            queue_events: rng.between(1, 40) as usize,
            budget_bytes: rng.chance(30).then(|| rng.between(1, 64) as usize * 1_024),
            tick: rng.millis(1, 300),
        }
    }

    /// What transform `at` does with event `id`.
    pub(crate) fn fate(&self, at: usize, id: u64) -> Fate {
        let chance = mix(id ^ mix(self.seed ^ (at as u64 + 1))) % 100;
        match self.transforms[at].kind {
            Kind::Filter(percent) if chance < percent => Fate::Filtered,
            Kind::Reject(percent) if chance < percent => Fate::Rejected,
            Kind::Route(ports) => Fate::Pass((chance % u64::from(ports)) as u16),
            Kind::Pass | Kind::Filter(_) | Kind::Reject(_) | Kind::Hold(_) | Kind::Count => Fate::Pass(0),
        }
    }

    /// Whether sink `at` refuses event `id`.
    pub(crate) fn refuses(&self, at: usize, id: u64) -> bool {
        let percent = self.sink(at).refuses;
        mix(id ^ mix(self.seed ^ (at as u64 + 1_000))) % 100 < percent
    }

    /// The sink with this number; the dead letters' own is behind the others.
    pub(crate) fn sink(&self, at: usize) -> &SinkPlan {
        match &self.dead_letters {
            Some(dead_letters) if at == self.sinks.len() => dead_letters,
            _ => &self.sinks[at],
        }
    }

    pub(crate) fn transforms_behind(&self, output: (Node, u16)) -> impl Iterator<Item = usize> {
        (0..self.transforms.len()).filter(move |t| self.transforms[*t].inputs.contains(&output))
    }

    pub(crate) fn sinks_behind(&self, output: (Node, u16)) -> impl Iterator<Item = usize> {
        (0..self.sinks.len()).filter(move |s| self.sinks[*s].inputs.contains(&output))
    }

    pub(crate) fn buffers_behind(&self, output: (Node, u16)) -> impl Iterator<Item = usize> {
        (0..self.buffers.len()).filter(move |b| self.buffers[*b].inputs.contains(&output))
    }

    /// By how many ways event `id` comes from `node` to sink `at`; of any event for `None`. A durable buffer ends a way: what
    /// comes out of it was sent by it.
    pub(crate) fn ways(&self, node: Node, at: usize, id: Option<u64>) -> usize {
        self.ways_to(node, id, false, &|output| self.sinks_behind(output).filter(|s| *s == at).count())
    }

    /// The same through durable buffers as well.
    fn ways_through(&self, node: Node, at: usize) -> usize {
        self.ways_to(node, None, true, &|output| self.sinks_behind(output).filter(|s| *s == at).count())
    }

    /// By how many ways event `id` comes from `node` to transform `at`.
    pub(crate) fn ways_to_transform(&self, node: Node, at: usize, id: Option<u64>) -> usize {
        self.ways_to(node, id, false, &|output| self.transforms_behind(output).filter(|t| *t == at).count())
    }

    fn ways_to(
        &self,
        node: Node,
        id: Option<u64>,
        through: bool,
        here: &dyn Fn((Node, u16)) -> usize,
    ) -> usize {
        let ports = match node {
            Node::Source(_) | Node::Buffer(_) => 1,
            Node::Transform(t) => {
                if let Kind::Route(ports) = self.transforms[t].kind {
                    ports
                } else {
                    1
                }
            }
        };
        let fate = match (node, id) {
            (Node::Transform(t), Some(id)) => Some(self.fate(t, id)),
            _ => None,
        };
        let taken = |port: &u16| fate.is_none_or(|fate| fate == Fate::Pass(*port));
        (0..ports)
            .filter(taken)
            .map(|port| {
                let output = (node, port);
                let transforms = self.transforms_behind(output).map(Node::Transform);
                let passed = |b: &usize| through || self.buffers[*b].kind != BufferKind::Durable;
                let buffers = self.buffers_behind(output).filter(passed).map(Node::Buffer);
                let behind = transforms.chain(buffers);
                here(output) + behind.map(|node| self.ways_to(node, id, through, here)).sum::<usize>()
            })
            .sum()
    }

    /// Whether the order of a stream of this source can be told at a sink: its events come by one way.
    pub(crate) fn is_ordered(&self, sink: usize, source: usize) -> bool {
        !self.may_overtake() && self.ways_through(Node::Source(source), sink) == 1
    }

    /// Whether an event may come to a sink for the first time behind its followers: a transform lets go of what it held, or
    /// fails on a batch, or a full buffer drops it, that passes when it is sent again.
    fn may_overtake(&self) -> bool {
        let mut failing = self.transforms.iter().filter(|t| t.fails > 0);
        let staged = self.sinks.iter().chain(&self.dead_letters).any(|s| s.staged && s.loses);
        let drops_held = failing.clone().any(|t| matches!(t.kind, Kind::Hold(_)));
        // Where there is one, the order is looked at over all runs, and what is not acknowledged is sent again in the next.
        let durable = self.buffers.iter().any(|buffer| buffer.kind == BufferKind::Durable);
        let sent_again = drops_held || staged || durable || self.sources.iter().any(|s| s.errors > 0);
        let lossy = self.buffers.iter().any(BufferPlan::is_lossy);
        sent_again && (lossy || failing.next().is_some())
    }

    /// Whether what comes of a source to transform `at` comes from this feeder alone, by one way on which nothing is lost, held or
    /// refused by chance: then its state can be told.
    pub(crate) fn feeds_exactly(&self, feeder: Node, source: usize, at: usize) -> bool {
        let is_it = |output: (Node, u16)| self.transforms_behind(output).filter(|t| *t == at).count();
        let replays = match feeder {
            Node::Source(s) => self.sources[s].replays,
            Node::Buffer(b) => self.buffers[b].kind == BufferKind::Durable,
            Node::Transform(_) => false,
        };
        replays
            && self.transforms[at].fails == 0
            && self.ways_to_transform(feeder, at, None) == 1
            && self.ways_to(Node::Source(source), None, true, &is_it) == 1
            && self.are_exact_before(feeder, &self.transforms[at].inputs)
    }

    fn are_exact_before(&self, feeder: Node, inputs: &[(Node, u16)]) -> bool {
        inputs.iter().all(|(node, _)| match *node {
            node if node == feeder => true,
            Node::Source(_) => true,
            Node::Transform(t) => {
                let TransformPlan { inputs, kind, fails } = &self.transforms[t];
                let exact = *fails == 0 && !matches!(kind, Kind::Hold(_));
                (exact || self.ways_to_transform(feeder, t, None) == 0)
                    && self.are_exact_before(feeder, inputs)
            }
            Node::Buffer(b) if self.buffers[b].kind == BufferKind::Durable => true,
            Node::Buffer(b) => {
                let plan = &self.buffers[b];
                !plan.is_lossy() && self.are_exact_before(feeder, &plan.inputs)
            }
        })
    }

    /// The components that answer to this source alone: in front of buffers that acknowledge, and behind none.
    pub(crate) fn answering(&self, source: usize) -> Vec<String> {
        let acknowledging = |b: &usize| self.buffers[*b].kind != BufferKind::Memory;
        let buffers = (0..self.buffers.len()).filter(acknowledging);
        let behind: Vec<String> = buffers.flat_map(|b| self.names_behind(Node::Buffer(b), true)).collect();
        let mut names = self.names_behind(Node::Source(source), false);
        names.retain(|name| !behind.contains(name));
        names
    }

    fn names_behind(&self, node: Node, through: bool) -> Vec<String> {
        let ports = match node {
            Node::Transform(t) => {
                if let Kind::Route(ports) = self.transforms[t].kind {
                    ports
                } else {
                    1
                }
            }
            Node::Source(_) | Node::Buffer(_) => 1,
        };
        let mut names = Vec::new();
        for output in (0..ports).map(|port| (node, port)) {
            names.extend(self.sinks_behind(output).map(crate::sink::name));
            for t in self.transforms_behind(output) {
                names.push(crate::transform::name(t));
                names.extend(self.names_behind(Node::Transform(t), through));
            }
            for b in self.buffers_behind(output) {
                names.push(crate::buffer::name(b));
                if through || self.buffers[b].kind == BufferKind::Memory {
                    names.extend(self.names_behind(Node::Buffer(b), through));
                }
            }
        }
        names
    }
}

impl SourcePlan {
    fn new(rng: &mut Rng) -> Self {
        Self {
            streams: (0..rng.between(1, 3)).map(|_| rng.below(40)).collect(),
            replays: rng.chance(75),
            max_batch: rng.between(1, 8),
            pause_millis: if rng.chance(50) { rng.between(1, 100) } else { 0 },
            errors: if rng.chance(15) { rng.between(1, 10) } else { 0 },
        }
    }
}

impl BufferPlan {
    fn new(inputs: Vec<(Node, u16)>, rng: &mut Rng) -> Self {
        let kind = match rng.below(5) {
            0 => BufferKind::BestEffort,
            1 | 2 => BufferKind::Memory,
            _ => BufferKind::Durable,
        };
        let when_full = match rng.below(6) {
            0 => WhenFull::DropNewest,
            1 => WhenFull::DeadLetter,
            _ => WhenFull::Block,
        };
        Self {
            inputs,
            kind,
            when_full,
            max_events: rng.between(1, 60),
            faults: rng.below(10),
            fault_percent: rng.between(5, 50),
        }
    }

    /// Whether it may let go of events on purpose.
    fn is_lossy(&self) -> bool {
        self.kind == BufferKind::BestEffort || self.when_full != WhenFull::Block
    }
}

impl Kind {
    fn new(rng: &mut Rng) -> Self {
        match rng.below(8) {
            0 => Self::Pass,
            1 => Self::Filter(rng.between(1, 100)),
            2 => Self::Reject(rng.between(1, 50)),
            3 => Self::Route(rng.between(2, 3) as u16),
            4 | 5 => Self::Hold(rng.below(4) as usize),
            _ => Self::Count,
        }
    }
}

impl SinkPlan {
    fn new(rng: &mut Rng, dead_letters: bool) -> Self {
        let order = if rng.chance(25) { Order::Strict } else { Order::FirstDelivery };
        let mut settings = SinkSettings::default();
        settings.max_events = rng.between(1, 20) as usize;
        settings.linger = if rng.chance(50) { rng.millis(1, 50) } else { Duration::ZERO };
        settings.timeout = rng.millis(50, 2_000);
        settings.retry.initial = rng.millis(1, 50);
        settings.retry.max = rng.millis(100, 1_000);
        // Without dead letters nobody could tell what was given up.
        let limited = dead_letters && order != Order::Strict;
        settings.retry.max_attempts = (limited && rng.chance(30)).then(|| rng.between(1, 6) as u32);
        settings.retry.max_age = (limited && rng.chance(30)).then(|| rng.millis(1, 3_000));
        settings.in_flight = rng.between(1, 4) as usize;
        settings.order = order;
        settings.adaptive = rng.chance(30).then(AdaptiveConcurrency::default);
        settings.circuit = rng.chance(30).then(|| {
            let mut circuit = CircuitBreaker::default();
            (circuit.failures, circuit.probe_interval) = (rng.between(1, 4) as u32, rng.millis(1, 2_000));
            circuit
        });
        if rng.chance(20) {
            settings.rate.writes = Some(rate(rng, 200));
        }
        if rng.chance(20) {
            settings.rate.events = Some(rate(rng, 2_000));
        }
        settings.commit_interval = rng.millis(5, 500);
        if rng.chance(30) {
            settings.max_staged_bytes = rng.between(1, 4_000) as usize;
        }
        Self {
            inputs: Vec::new(),
            staged: rng.chance(40),
            settings,
            faults: rng.below(40),
            fault_percent: rng.between(5, 90),
            fatal: rng.chance(10),
            loses: rng.chance(50),
            refuses: if rng.chance(20) { rng.between(1, 60) } else { 0 },
            slow_millis: rng.below(100),
        }
    }

    fn for_dead_letters(rng: &mut Rng) -> Self {
        let plan = Self::new(rng, false);
        Self { refuses: 0, ..plan }
    }
}

/// Up to so many a second.
fn rate(rng: &mut Rng, most: u64) -> RateLimit {
    let number = |n: u64| NonZeroU32::new(n as u32).unwrap_or(NonZeroU32::MIN);
    let limit = RateLimit::per_second(number(rng.between(5, most)));
    if rng.chance(70) { limit.with_burst(number(rng.between(1, 20))) } else { limit }
}

/// One or two of the outputs.
fn choose(rng: &mut Rng, outputs: &[(Node, u16)]) -> Vec<(Node, u16)> {
    let mut inputs = Vec::new();
    for _ in 0..rng.between(1, 2) {
        let output = outputs[rng.below(outputs.len() as u64) as usize];
        if !inputs.contains(&output) {
            inputs.push(output);
        }
    }
    inputs
}
