//! What the simulated sources, transforms and sinks have seen: the facts that the model judges by.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dendro_core::{Batch, EventRef, Outcome};
use tokio::time::Instant;

use crate::plan::{BufferKind, Plan};
use crate::rng::mix;

/// What is broken on purpose, to see whether the model finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A sink says durable and drops an event.
    SinkDrops,
    /// A commit names a stage of which it has stored only a part.
    CommitNamesTooMuch,
    /// A transform settles a batch before it goes on.
    SettlesEarly,
    /// A transform lets go of an event without counting it.
    ForgetsEvent,
    /// A transform keeps a token for ever.
    KeepsToken,
    /// A transform passes events on twice.
    Duplicates,
    /// A transform swaps events.
    Reorders,
    /// A source moves its checkpoint when it has sent.
    ChecksPointEarly,
    /// A sink ignores that it may have one write in flight, as a driver would that forgot about it.
    WritesBeside,
    /// A sink ignores how fast it may be written to, likewise.
    WritesFast,
    /// A buffer in memory settles what waits in it.
    BufferSettlesEarly,
    /// A durable buffer keeps one event fewer than it acknowledges.
    BufferDrops,
    /// A durable buffer forgets what it has sent before that is settled.
    BufferForgets,
    /// A source does not say that a stream goes back to its checkpoint.
    ResumesSilently,
    /// A transform does not take up its state.
    LosesState,
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) flaw: Option<Flaw>,
    /// For each sink and source, whether the order of a stream can be told.
    ordered: Vec<Vec<bool>>,
    /// For each source, the components that tell it what became of its events.
    pub(crate) answering: Vec<Vec<String>>,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) violations: Vec<String>,
    /// Of all that has happened, in order.
    pub(crate) trace: u64,
    began: Instant,
    pub(crate) streams: BTreeMap<(usize, usize), StreamState>,
    pub(crate) sinks: Vec<SinkState>,
    pub(crate) buffers: Vec<BufferState>,
    /// By transform and event.
    pub(crate) filtered: HashSet<(usize, u64)>,
    /// What a component has refused, or failed on: its name and the event.
    pub(crate) refused: HashSet<(String, u64)>,
    /// What the dead letters have durably.
    pub(crate) letters: HashSet<(String, u64)>,
    /// How often each event was sent.
    pub(crate) sends: HashMap<u64, usize>,
    /// Calls of each transform, over all runs.
    pub(crate) calls: Vec<u64>,
    pub(crate) this_run: Tally,
    pub(crate) is_last_run: bool,
    /// A durable buffer brings first what the run before has left in it, and the source what it has not heard of: first
    /// deliveries are in order over all runs, and not within each.
    pub(crate) orders_over_runs: bool,
}

#[derive(Default)]
pub(crate) struct StreamState {
    /// All before it is acknowledged, if the source can send again.
    pub(crate) checkpoint: u64,
    /// All before it was sent at least once.
    pub(crate) sent: u64,
    /// The states of transforms that are stored with the checkpoint.
    pub(crate) snapshots: Snapshots,
}

/// By component.
pub(crate) type Snapshots = BTreeMap<String, Vec<u8>>;

#[derive(Default)]
pub(crate) struct BufferState {
    /// Of a durable one: what is in it.
    pub(crate) content: VecDeque<Batch>,
    /// The number of the first.
    pub(crate) first: u64,
    /// What has gone from it because it was settled, by stream and event, and the states that came with that.
    pub(crate) settled: BTreeMap<String, BTreeMap<u64, u64>>,
    pub(crate) snapshots: BTreeMap<String, Snapshots>,
    /// How often it has sent each event.
    pub(crate) sends: HashMap<u64, usize>,
    /// What it has dropped because it was full.
    pub(crate) dropped: HashSet<u64>,
    /// What a best-effort one has taken in, in this run.
    pub(crate) entered: HashSet<u64>,
    /// What it has taken in, in any run.
    pub(crate) known: HashSet<u64>,
    pub(crate) faults: u64,
}

impl BufferState {
    pub(crate) fn holds(&self, id: u64) -> bool {
        self.content.iter().any(|batch| batch.iter().any(|event| id_of(event) == id))
    }

    pub(crate) fn events(&self) -> u64 {
        self.content.iter().map(|batch| batch.len() as u64).sum()
    }
}

#[derive(Default)]
pub(crate) struct SinkState {
    pub(crate) durable: HashSet<u64>,
    /// Successful writes of each event that were not lost.
    pub(crate) successes: HashMap<u64, usize>,
    pub(crate) given: HashSet<u64>,
    /// The last event of each stream that it was given for the first time.
    pub(crate) seen: HashMap<u64, u64>,
    pub(crate) writes: HashMap<String, Vec<u64>>,
    pub(crate) running: usize,
    pub(crate) calls: u64,
    /// Events whose last attempt did not end well.
    pub(crate) pending: HashSet<u64>,
    pub(crate) open: BTreeMap<u64, Vec<Stored>>,
    pub(crate) lost: HashSet<u64>,
    pub(crate) next_stage: u64,
    pub(crate) faults: u64,
    /// The attempts of this run: when, and how many events.
    pub(crate) attempts: Vec<(Instant, u64)>,
}

/// An event in a stage that is not yet durable.
pub(crate) struct Stored {
    pub(crate) id: u64,
    pub(crate) letter: Option<(String, u64)>,
    /// Which call has stored it.
    pub(crate) call: u64,
    /// The write has said that it succeeded.
    pub(crate) returned: bool,
}

/// Counts of one run, to compare with what the driver says.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) filtered: BTreeMap<usize, u64>,
    pub(crate) rejected: BTreeMap<usize, u64>,
    pub(crate) written: BTreeMap<usize, i64>,
    /// A transform has let go of what it held.
    pub(crate) dropped_held: bool,
}

impl World {
    pub(crate) fn new(plan: Plan, flaw: Option<Flaw>) -> Self {
        let sinks = plan.sinks.len() + usize::from(plan.dead_letters.is_some());
        let streams = plan.sources.iter().enumerate();
        let state = State {
            violations: Vec::new(),
            trace: 0,
            began: Instant::now(),
            streams: streams
                .flat_map(|(s, p)| (0..p.streams.len()).map(move |n| ((s, n), StreamState::default())))
                .collect(),
            sinks: (0..sinks)
                .map(|at| SinkState { faults: plan.sink(at).faults, ..SinkState::default() })
                .collect(),
            buffers: plan
                .buffers
                .iter()
                .map(|buffer| BufferState { faults: buffer.faults, ..BufferState::default() })
                .collect(),
            filtered: HashSet::new(),
            refused: HashSet::new(),
            letters: HashSet::new(),
            sends: HashMap::new(),
            calls: vec![0; plan.transforms.len()],
            this_run: Tally::default(),
            is_last_run: false,
            orders_over_runs: plan.buffers.iter().any(|buffer| buffer.kind == BufferKind::Durable),
        };
        let ordered = (0..plan.sinks.len())
            .map(|sink| (0..plan.sources.len()).map(|source| plan.is_ordered(sink, source)).collect())
            .collect();
        let answering = (0..plan.sources.len()).map(|source| plan.answering(source)).collect();
        Self { plan, flaw, ordered, answering, state: Mutex::new(state) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub(crate) fn is_ordered(&self, sink: usize, source: usize) -> bool {
        self.ordered.get(sink).is_some_and(|sources| sources[source])
    }

    pub(crate) fn is_dead_letters(&self, sink: usize) -> bool {
        sink == self.plan.sinks.len()
    }
}

impl State {
    pub(crate) fn violation(&mut self, text: String) {
        if self.violations.len() < 5 {
            self.violations.push(text);
        }
    }

    /// Something has happened.
    pub(crate) fn note(&mut self, what: u64, ids: &[u64]) {
        let at = self.began.elapsed().as_micros() as u64;
        self.trace = ids.iter().fold(mix(self.trace ^ mix(what ^ at << 8)), |hash, id| mix(hash ^ id));
    }

    pub(crate) fn settled(&mut self, ids: &[u64], outcome: Outcome) {
        self.note(outcome as u64, ids);
    }
}

/// The number of event `n` of a stream.
pub(crate) fn id(source: usize, stream: usize, n: u64) -> u64 {
    (source as u64) << 40 | (stream as u64) << 32 | n
}

/// What [`id`] was made of.
pub(crate) fn parts(id: u64) -> (usize, usize, u64) {
    ((id >> 40) as usize, (id >> 32 & 0xff) as usize, id & 0xffff_ffff)
}

pub(crate) fn show(id: u64) -> String {
    let (source, stream, n) = parts(id);
    format!("s{source}/{stream}/{n}")
}

/// The number of an event, which is its text.
pub(crate) fn id_of(event: EventRef<'_>) -> u64 {
    let text = event.get("message").and_then(|v| v.as_bytes()).unwrap_or_else(|| event.raw());
    number(text)
}

pub(crate) fn ids_of(batch: &Batch) -> Vec<u64> {
    batch.iter().map(id_of).collect()
}

/// The number of a dead letter: of the event and of who refused it.
pub(crate) fn letter_id((component, id): &(String, u64)) -> u64 {
    component.bytes().fold(0, |hash, b| hash * 31 + u64::from(b)) << 48 | id
}

/// Who refused what: of a dead letter. The text of an event that has none is its JSON.
pub(crate) fn letter(event: EventRef<'_>) -> (String, u64) {
    let bytes = |name| event.get(name).and_then(|v| v.as_bytes()).unwrap_or_default();
    let raw = bytes("raw");
    let marker = b"\"message\":\"";
    let at = raw.windows(marker.len()).position(|w| w == marker).map_or(0, |at| at + marker.len());
    (String::from_utf8_lossy(bytes("component")).into_owned(), number(&raw[at..]))
}

fn number(text: &[u8]) -> u64 {
    let digits = text.iter().take_while(|b| b.is_ascii_digit());
    digits.fold(0, |n, b| n * 10 + u64::from(b - b'0'))
}

/// The source and the stream of which the batches with this name are.
pub(crate) fn stream_of(name: &str) -> Option<(usize, usize)> {
    let (source, stream) = name.strip_prefix('s')?.split_once('/')?;
    Some((source.parse().ok()?, stream.parse().ok()?))
}
