//! What has to hold, judged by what the simulated components have seen.

use dendro_core::{ComponentStats, Order, Outcome, RunError, RunReport, WriteContext};

use crate::plan::{Fate, Kind, Node};
use crate::world::{State, World, id, parts, show};
use crate::{sink, transform};

/// An event was acknowledged to its source: everywhere that it was meant for it is durable, filtered, or in the dead letters.
pub(crate) fn accounted_for(world: &World, state: &mut State, source: usize, id: u64, outcome: Outcome) {
    if let Err(wrong) = reached(world, state, (Node::Source(source), 0), id) {
        state.violation(format!("{} was acknowledged ({outcome:?}), and {wrong}", show(id)));
    }
    if outcome == Outcome::Delivered && state.sends.get(&id) == Some(&1) {
        let transforms = (0..world.plan.transforms.len()).map(transform::name);
        let sinks = (0..world.plan.sinks.len()).map(sink::name);
        if let Some(name) = transforms.chain(sinks).find(|name| is_refused(world, state, name, id)) {
            state.violation(format!("{} counts as delivered, and {name} has refused it", show(id)));
        }
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
        let told =
            |tally: &std::collections::BTreeMap<usize, u64>| tally.get(&at).copied().unwrap_or_default();
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
    for (at, sink) in state.sinks.iter().enumerate().take(world.plan.sinks.len()) {
        for (id, successes) in &sink.successes {
            let sends = state.sends.get(id).copied().unwrap_or_default();
            let most = sends * world.plan.ways(Node::Source(parts(*id).0), at, Some(*id));
            ensure(*successes <= most, &|| {
                format!("k{at} has written {} {successes} times, {most} at most", show(*id))
            });
        }
    }
    wrong.sort();
    wrong.into_iter().for_each(|text| state.violation(text));
}
