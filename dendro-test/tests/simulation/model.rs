//! What has to hold, judged by what the simulated components have seen.

use std::collections::BTreeMap;
use std::time::Duration;

use dendro_core::{ComponentStats, Order, Outcome, RunError, RunReport, WriteContext};
use tokio::time::Instant;

use crate::plan::{BufferKind, Fate, Kind, Node};
use crate::world::{Snapshots, State, World, id, parts, show};
use crate::{buffer, sink, transform};

/// An event was acknowledged to its source: everywhere that it was meant for it is durable, filtered, or in the dead letters.
pub(crate) fn accounted_for(world: &World, state: &mut State, source: usize, id: u64, outcome: Outcome) {
    if let Err(wrong) = reached(world, state, (Node::Source(source), 0), id) {
        state.violation(format!("{} was acknowledged ({outcome:?}), and {wrong}", show(id)));
    }
    if outcome == Outcome::Delivered
        && state.sends.get(&id) == Some(&1)
        && let Some(name) = world.answering[source].iter().find(|name| is_refused(world, state, name, id))
    {
        state.violation(format!("{} counts as delivered, and {name} has refused it", show(id)));
    }
}

/// A durable buffer forgets an event: everywhere behind it that it was meant for it is accounted for.
pub(crate) fn leaves_buffer(world: &World, state: &mut State, buffer: usize, id: u64) {
    if let Err(wrong) = reached(world, state, (Node::Buffer(buffer), 0), id) {
        state.violation(format!("{} has left b{buffer}, and {wrong}", show(id)));
    }
}

fn reached(world: &World, state: &State, output: (Node, u16), id: u64) -> Result<(), String> {
    let plan = &world.plan;
    for t in plan.transforms_behind(output) {
        if is_refused(world, state, &transform::name(t), id) {
            continue;
        }
        match plan.fate(t, id) {
            Fate::Filtered if state.filtered.contains(&(t, id)) => {}
            Fate::Filtered => return Err(format!("t{t} has not filtered it")),
            Fate::Rejected => return Err(format!("is not in the dead letters of t{t}")),
            Fate::Pass(port) => reached(world, state, (Node::Transform(t), port), id)?,
        }
    }
    for b in plan.buffers_behind(output) {
        let buffer = &state.buffers[b];
        let has_it = match plan.buffers[b].kind {
            BufferKind::Durable => buffer.holds(id),
            BufferKind::BestEffort => buffer.known.contains(&id),
            BufferKind::Memory => false,
        };
        if !has_it && !buffer.dropped.contains(&id) && !is_refused(world, state, &buffer::name(b), id) {
            reached(world, state, (Node::Buffer(b), 0), id)?;
        }
    }
    for k in plan.sinks_behind(output) {
        if !state.sinks[k].durable.contains(&id) && !is_refused(world, state, &sink::name(k), id) {
            return Err(format!("is neither durable in k{k} nor in its dead letters"));
        }
    }
    Ok(())
}

fn is_refused(world: &World, state: &State, component: &str, id: u64) -> bool {
    let found = if world.plan.dead_letters.is_some() { &state.letters } else { &state.refused };
    found.contains(&(component.to_owned(), id))
}

/// An attempt begins; gives how many that sink has seen.
pub(crate) fn write_begins(world: &World, at: usize, ids: &[u64], cx: &WriteContext) -> u64 {
    let settings = &world.plan.sink(at).settings;
    let strict = settings.order == Order::Strict;
    let in_flight = if strict { 1 } else { settings.in_flight };
    let mut guard = world.lock();
    let state = &mut *guard;
    state.note(31 + at as u64 * 8, ids);
    let sink = &mut state.sinks[at];
    let mut wrong = Vec::new();
    sink.running += 1;
    sink.calls += 1;
    if sink.running > in_flight {
        wrong.push(format!("k{at} has {} writes in flight instead of {in_flight}", sink.running));
    }
    if ids.is_empty() {
        wrong.push(format!("k{at} was given a write without events"));
    }
    let known = sink.writes.entry(cx.id().to_owned()).or_insert_with(|| ids.to_vec());
    if known != ids {
        wrong.push(format!("k{at} has seen other events under the id {}", cx.id()));
    }
    let now = Instant::now();
    sink.attempts.push((now, ids.len() as u64));
    let writes: fn(u64) -> u64 = |events| u64::from(events > 0);
    let limits =
        [(settings.rate.writes, writes, "writes"), (settings.rate.events, |events| events, "events")];
    for (limit, counts, what) in limits {
        let Some(limit) = limit else { continue };
        let most = |passed: Duration| {
            f64::from(limit.burst.get()) + f64::from(limit.per_second.get()) * passed.as_secs_f64() + 0.01
        };
        // Since the run has begun; and since each attempt where they come one after the other, so that what they take of the
        // rate does too.
        let since = if in_flight == 1 { sink.attempts.len() } else { 1 };
        let mut behind: u64 = sink.attempts.iter().map(|(_, events)| counts(*events)).sum();
        for (then, events) in &sink.attempts[..since] {
            behind -= counts(*events);
            if behind as f64 > most(now - *then) {
                wrong.push(format!("k{at} was given {behind} {what} in {:?}", now - *then));
            }
        }
    }
    if ids.len() > settings.max_events {
        wrong.push(format!("k{at} was given {} events, {} at most", ids.len(), settings.max_events));
    }
    let mut new = false;
    for id in ids {
        let (source, _, n) = parts(*id);
        if !sink.given.insert(*id) {
            continue;
        }
        new = true;
        if world.is_ordered(at, source) {
            let last = sink.seen.entry(*id >> 32).or_insert(n);
            if n < *last {
                wrong.push(format!("k{at} was given {} behind {last} of its stream", show(*id)));
            }
            *last = n.max(*last);
        }
    }
    if strict && new && !sink.pending.is_empty() {
        wrong
            .push(format!("k{at} was given new events while {} had still to be written", sink.pending.len()));
    }
    sink.pending.extend(ids);
    wrong.into_iter().for_each(|text| state.violation(text));
    state.sinks[at].calls
}

/// A run has ended.
pub(crate) fn run_ended(world: &World, result: &Result<RunReport, RunError>, is_last: bool) {
    let mut guard = world.lock();
    let state = &mut *guard;
    let report = match result {
        Ok(report) => report,
        Err(error) => &*error.report,
    };
    let mut wrong = Vec::new();
    let mut ensure = |holds: bool, text: &dyn Fn() -> String| {
        if !holds {
            wrong.push(text());
        }
    };
    for (at, _) in world.plan.sources.iter().enumerate() {
        let Some(c) = report.component(&format!("s{at}")) else { continue };
        let s = c.settled;
        let settled = s.delivered + s.dropped + s.dead_lettered + s.abandoned;
        ensure(settled <= c.events_in, &|| format!("s{at} settled more than it sent: {c:?}"));
        ensure(!report.drained || settled == c.events_in, &|| format!("s{at} is not settled: {c:?}"));
    }
    let unacknowledged: u64 = report.components.iter().map(ComponentStats::unacknowledged).sum();
    ensure(report.abandoned == unacknowledged, &|| format!("{} abandoned: {report:?}", report.abandoned));
    for (at, plan) in world.plan.transforms.iter().enumerate().filter(|_| report.drained) {
        let Some(c) = report.component(&transform::name(at)) else { continue };
        let told = |tally: &BTreeMap<usize, u64>| tally.get(&at).copied().unwrap_or_default();
        let (filtered, rejected) = (told(&state.this_run.filtered), told(&state.this_run.rejected));
        ensure((c.filtered, c.rejected) == (filtered, rejected), &|| {
            format!("t{at} filtered {filtered} and rejected {rejected}: {c:?}")
        });
        if plan.fails == 0 || !matches!(plan.kind, Kind::Hold(_)) {
            ensure(c.events_in == c.events_out + c.filtered + c.rejected, &|| {
                format!("the counts of t{at} don't add up: {c:?}")
            });
        }
    }
    for at in 0..state.sinks.len() {
        let name = if world.is_dead_letters(at) { "dead_letters".to_owned() } else { sink::name(at) };
        let Some(c) = report.component(&name) else { continue };
        ensure(c.events_in == c.events_out + c.rejected + c.dropped + c.abandoned, &|| {
            format!("the counts of {name} don't add up: {c:?}")
        });
        ensure(c.rejected >= c.rejected_exhausted + c.rejected_panicked, &|| format!("{c:?}"));
        let written = state.this_run.written.get(&at).copied().unwrap_or_default();
        ensure(!report.drained || c.events_out as i64 == written, &|| {
            format!("{name} has written {written} events: {c:?}")
        });
    }
    if is_last {
        ensure(result.is_ok() && report.drained, &|| format!("the last run did not drain: {result:?}"));
        for ((source, stream), known) in &state.streams {
            let plan = &world.plan.sources[*source];
            ensure(!plan.replays || known.checkpoint == plan.streams[*stream], &|| {
                let total = plan.streams[*stream];
                format!("s{source}/{stream} has its checkpoint at {} of {total}", known.checkpoint)
            });
        }
    }
    for ((source, stream), known) in &state.streams {
        let lost = (0..known.checkpoint).map(|n| id(*source, *stream, n)).find_map(|id| {
            reached(world, state, (Node::Source(*source), 0), id).err().map(|wrong| (id, wrong))
        });
        ensure(lost.is_none(), &|| format!("{lost:?} lies before the checkpoint of s{source}/{stream}"));
    }
    // What a best-effort buffer has taken in it brings where it was meant for, if the run could drain.
    let drops_held = state.this_run.dropped_held;
    for (b, buffer) in state.buffers.iter().enumerate() {
        let lost =
            buffer.entered.iter().filter(|_| result.is_ok() && report.drained && !drops_held).find_map(
                |id| reached(world, state, (Node::Buffer(b), 0), *id).err().map(|wrong| (show(*id), wrong)),
            );
        ensure(lost.is_none(), &|| format!("{lost:?} was lost behind b{b}"));
    }
    for (at, sink) in state.sinks.iter().enumerate().take(world.plan.sinks.len()) {
        for (id, successes) in &sink.successes {
            let sends = state.sends.get(id).copied().unwrap_or_default();
            let mut most = sends * world.plan.ways(Node::Source(parts(*id).0), at, Some(*id));
            for (b, buffer) in state.buffers.iter().enumerate() {
                let sends = buffer.sends.get(id).copied().unwrap_or_default();
                most += sends * world.plan.ways(Node::Buffer(b), at, Some(*id));
            }
            ensure(*successes <= most, &|| {
                format!("k{at} has written {} {successes} times, {most} at most", show(*id))
            });
        }
    }
    wrong.sort();
    wrong.into_iter().for_each(|text| state.violation(text));
}

/// After the last run.
pub(crate) fn all_ended(world: &World) {
    let mut state = world.lock();
    let left: Vec<String> = (state.buffers.iter().enumerate())
        .filter(|(_, buffer)| !buffer.content.is_empty())
        .map(|(b, buffer)| format!("{} events are left in b{b}", buffer.events()))
        .collect();
    left.into_iter().for_each(|text| state.violation(text));
}

/// A checkpoint of a stream was stored with these states: each counts every event before it once, and no other.
pub(crate) fn states_are_stored(
    world: &World,
    state: &mut State,
    (feeder, source): (Node, usize),
    stored: &Snapshots,
    before: &BTreeMap<u64, u64>,
) {
    for at in (0..world.plan.transforms.len()).filter(|t| world.plan.transforms[*t].kind == Kind::Count) {
        if !world.plan.feeds_exactly(feeder, source, at) {
            continue;
        }
        let meant = before.iter().filter(|(id, _)| world.plan.ways_to_transform(feeder, at, Some(**id)) == 1);
        let meant: BTreeMap<u64, u64> = meant.map(|(id, n)| (*id, *n)).collect();
        let counted =
            stored.get(&transform::name(at)).map(Vec::as_slice).map(transform::decode).unwrap_or_default();
        if counted != meant {
            let wrong = meant.keys().chain(counted.keys()).find(|id| counted.get(*id) != meant.get(*id));
            let wrong = wrong.map(|id| {
                let (is, should) = (counted.get(id), meant.get(id));
                format!(
                    "{} is counted {} times instead of {}",
                    show(*id),
                    is.unwrap_or(&0),
                    should.unwrap_or(&0)
                )
            });
            state.violation(format!("in the stored state of t{at} {}", wrong.unwrap_or_default()));
        }
    }
}
