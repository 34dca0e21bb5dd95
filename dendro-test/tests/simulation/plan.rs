//! What is simulated: a random pipeline, its faults, and when it is stopped, all from a seed.

use std::time::Duration;

use dendro_core::{AdaptiveConcurrency, CircuitBreaker, Order, SinkSettings};

use crate::rng::{Rng, mix};

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) sources: Vec<SourcePlan>,
    pub(crate) transforms: Vec<TransformPlan>,
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
        let mut transforms = Vec::new();
        for i in 0..rng.below(5) as usize {
            let inputs = choose(&mut rng, &outputs);
            read.extend(inputs.iter().copied());
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
            Kind::Pass | Kind::Filter(_) | Kind::Reject(_) | Kind::Hold(_) => Fate::Pass(0),
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

    /// By how many ways event `id` comes from `node` to sink `at`; of any event for `None`.
    pub(crate) fn ways(&self, node: Node, at: usize, id: Option<u64>) -> usize {
        let ports = match node {
            Node::Source(_) => 1,
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
                let here = self.sinks_behind(output).filter(|s| *s == at).count();
                let behind = self.transforms_behind(output);
                here + behind.map(|t| self.ways(Node::Transform(t), at, id)).sum::<usize>()
            })
            .sum()
    }

    /// Whether an event may come to a sink for the first time behind its followers: a transform lets go of what it held, or
    /// fails on a batch that passes when it is sent again.
    pub(crate) fn may_overtake(&self) -> bool {
        let mut failing = self.transforms.iter().filter(|t| t.fails > 0);
        let staged = self.sinks.iter().chain(&self.dead_letters).any(|s| s.staged && s.loses);
        let sent_again = staged || self.sources.iter().any(|s| s.errors > 0);
        failing.any(|t| sent_again || matches!(t.kind, Kind::Hold(_)))
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

impl Kind {
    fn new(rng: &mut Rng) -> Self {
        match rng.below(6) {
            0 => Self::Pass,
            1 => Self::Filter(rng.between(1, 100)),
            2 => Self::Reject(rng.between(1, 50)),
            3 => Self::Route(rng.between(2, 3) as u16),
            _ => Self::Hold(rng.below(4) as usize),
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
