//! Runs a plan: its pipeline, as often as the plan says, over the same world.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_core::{ManualClock, MemoryBudget, Pipeline, PipelineBuilder, QueueLimits};
use dendro_test::batches;

use crate::buffer::{self, SimBuffer};
use crate::model;
use crate::plan::{Kind, Node, Plan, RunPlan};
use crate::rng::{Rng, mix};
use crate::sink::{self, SimSink};
use crate::source::SimSource;
use crate::transform::{self, SimTransform};
use crate::world::{Flaw, World};

/// The longest that a run may take, of the paused clock.
const LIMIT: Duration = Duration::from_secs(7_200);

/// How many more than planned there may be until no buffer has anything left.
const MORE_RUNS: usize = 40;

/// What has come of a seed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) violations: Vec<String>,
    pub(crate) trace: u64,
    pub(crate) events: u64,
}

pub(crate) fn run(seed: u64, flaw: Option<Flaw>) -> Verdict {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().expect("a runtime for the test");
    runtime.block_on(async {
        let world = Arc::new(World::new(Plan::new(seed), flaw));
        let planned = world.plan.runs.len();
        for number in 0..planned + MORE_RUNS {
            // What was abandoned when a durable buffer had let go of its output is left to the next run.
            if number >= planned && world.lock().buffers.iter().all(|buffer| buffer.content.is_empty()) {
                break;
            }
            let run = &world.plan.runs[number.min(planned - 1)];
            let is_last = number + 1 >= planned;
            world.lock().run_begins(is_last);
            let pipeline = pipeline(&world, number as u64, run).build().expect("a valid pipeline");
            let shutdown = async {
                match run.shutdown {
                    Some(after) => tokio::time::sleep(after).await,
                    None => std::future::pending().await,
                }
            };
            let handle = pipeline.handle();
            match tokio::time::timeout(LIMIT, pipeline.run(shutdown)).await {
                Ok(result) => model::run_ended(&world, &result, is_last),
                Err(_) => {
                    let stats = handle.stats();
                    world.lock().violation(format!("run {number} has not ended after {LIMIT:?}: {stats:#?}"));
                    break;
                }
            }
        }
        model::all_ended(&world);
        let state = world.lock();
        let events = state.sends.values().sum::<usize>() as u64;
        Verdict { violations: state.violations.clone(), trace: state.trace, events }
    })
}

fn pipeline(world: &Arc<World>, number: u64, run: &RunPlan) -> PipelineBuilder {
    let plan = &world.plan;
    let mut rng = Rng::new(mix(plan.seed ^ mix(number + 1)));
    let mut limits = QueueLimits::default();
    limits.max_events = plan.queue_events;
    let mut builder = Pipeline::builder()
        .lanes(0)
        .seed(rng.next())
        .queue(limits)
        .tick(plan.tick)
        .drain_deadline(run.deadline)
        .clock(Arc::new(ManualClock::new(batches::OBSERVED)));
    if let Some(bytes) = plan.budget_bytes {
        builder = builder.memory_budget(MemoryBudget::new(bytes));
    }
    for at in 0..plan.sources.len() {
        builder = builder.source(
            format!("s{at}"),
            SimSource { world: world.clone(), at, rng: rng.fork(), errors_left: 5 },
        );
    }
    for (at, transform) in plan.transforms.iter().enumerate() {
        let inputs = names(plan, &transform.inputs);
        let world = world.clone();
        let make = move || SimTransform {
            world: world.clone(),
            at,
            held: Default::default(),
            counted: Default::default(),
        };
        builder = builder.transform(transform::name(at), inputs, make);
    }
    for (at, buffer) in plan.buffers.iter().enumerate() {
        let sim = SimBuffer::new(world, at, &mut rng);
        builder = builder.buffer_with(buffer::name(at), names(plan, &buffer.inputs), sim, |settings| {
            (settings.retry.initial, settings.retry.max) =
                (Duration::from_millis(10), Duration::from_millis(200));
        });
    }
    let sim_sink = |at, rng: &mut Rng| SimSink { world: world.clone(), at, rng: Mutex::new(rng.fork()) };
    for (at, sink) in plan.sinks.iter().enumerate() {
        builder = builder.sink(sink::name(at), names(plan, &sink.inputs), sim_sink(at, &mut rng));
    }
    match plan.dead_letters {
        Some(_) => builder.dead_letters(sim_sink(plan.sinks.len(), &mut rng)),
        None => builder.drop_rejected(),
    }
}

fn names(plan: &Plan, inputs: &[(Node, u16)]) -> Vec<String> {
    let name = |(node, port): &(Node, u16)| match node {
        Node::Source(at) => format!("s{at}"),
        Node::Buffer(at) => buffer::name(*at),
        Node::Transform(at) => match plan.transforms[*at].kind {
            Kind::Route(_) => format!("{}.p{port}", transform::name(*at)),
            _ => transform::name(*at),
        },
    };
    inputs.iter().map(name).collect()
}
