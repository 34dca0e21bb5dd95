//! Checking the graph of a pipeline, and cutting it into stages.

use std::collections::HashMap;
use std::sync::Arc;

use super::build_error::{BuildError, BuildProblem};
use super::builder::{DEAD_LETTERS, DeadLetterChoice, PipelineBuilder, REPLAY};
use crate::{Schema, Transform};

/// A checked pipeline: consecutive transforms are fused into stages.
pub(super) struct Graph {
    pub(super) stages: Vec<StagePlan>,
    /// For each source, who reads from it.
    pub(super) source_edges: Vec<Vec<Target>>,
    /// For each buffer, who reads from it.
    pub(super) buffer_edges: Vec<Vec<Target>>,
    /// For each component that has them, the schemas that leave it.
    pub(super) schemas: HashMap<String, Vec<Arc<Schema>>>,
    /// For each component, the schemas of what comes to it; for a source, of what it sends.
    pub(super) entering: HashMap<String, Vec<Arc<Schema>>>,
    /// Whether all that comes to a place is kept somewhere until it is acknowledged, and can be sent again.
    pub(super) replays: Replays,
}

/// Where what was lost while it was staged is sent again by what is before.
pub(super) struct Replays {
    /// For each sink.
    pub(super) sinks: Vec<bool>,
    /// For each buffer's writer.
    pub(super) writers: Vec<bool>,
    /// For all of the pipeline, and so for its dead letters.
    pub(super) everywhere: bool,
}

/// Transforms that run one after the other on the same thread.
pub(super) struct StagePlan {
    /// Indices of transforms.
    pub(super) chain: Vec<usize>,
    /// For each port of the last one, who reads from it.
    pub(super) edges: Vec<Vec<Target>>,
    pub(super) stateful: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Stage(usize),
    Buffer(usize),
    Sink(usize),
}

/// An output that can be read from: a component, and one of its ports.
type Output = (Node, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Node {
    Source(usize),
    Transform(usize),
    Buffer(usize),
}

/// What each component reads from.
struct Edges {
    transforms: Vec<Vec<Output>>,
    buffers: Vec<Vec<Output>>,
    sinks: Vec<Vec<Output>>,
}

impl Edges {
    fn all(&self) -> impl Iterator<Item = &Vec<Output>> {
        self.transforms.iter().chain(&self.buffers).chain(&self.sinks)
    }

    fn of(&self, node: Node) -> &[Output] {
        match node {
            Node::Source(_) => &[],
            Node::Transform(t) => &self.transforms[t],
            Node::Buffer(b) => &self.buffers[b],
        }
    }
}

impl Graph {
    pub(super) fn check(builder: &PipelineBuilder) -> Result<Self, BuildError> {
        let mut problems = check_names(builder);
        let probes: Vec<_> = builder.transforms.iter().map(|t| t.factory.make()).collect();
        let ports: Vec<Vec<String>> = probes.iter().map(|p| p.ports()).collect();
        let outputs = outputs(builder, &ports);
        let edges = resolve(builder, &outputs, &mut problems);
        problems.extend(unused(builder, &ports, &edges));
        let order = match topological(&edges) {
            Ok(order) => order,
            Err(cycle) => {
                let names = cycle.iter().map(|node| name_of(builder, *node).to_owned()).collect();
                problems.push(BuildProblem::Cycle(names));
                Vec::new()
            }
        };
        if !problems.is_empty() {
            return Err(BuildError { problems });
        }

        let stages = fuse(&order, &edges, &ports);
        let stage_of: HashMap<usize, usize> =
            stages.iter().enumerate().map(|(n, chain)| (chain[0], n)).collect();
        let readers = |output: Output| -> Vec<Target> {
            let reading = |inputs: &[Vec<Output>]| -> Vec<usize> {
                (0..inputs.len()).filter(|i| inputs[*i].contains(&output)).collect()
            };
            let stages = reading(&edges.transforms).into_iter().filter_map(|t| stage_of.get(&t));
            let stages = stages.map(|s| Target::Stage(*s));
            let buffers = reading(&edges.buffers).into_iter().map(Target::Buffer);
            stages.chain(buffers).chain(reading(&edges.sinks).into_iter().map(Target::Sink)).collect()
        };
        let source_edges = (0..builder.sources.len()).map(|i| readers((Node::Source(i), 0))).collect();
        let buffer_edges = (0..builder.buffers.len()).map(|i| readers((Node::Buffer(i), 0))).collect();
        let stages = stages
            .into_iter()
            .map(|chain| {
                let last = chain[chain.len() - 1];
                let edges = (0..ports[last].len()).map(|p| readers((Node::Transform(last), p))).collect();
                let stateful = chain.iter().any(|t| probes[*t].is_stateful());
                StagePlan { chain, edges, stateful }
            })
            .collect();
        let Flow { leaving, entering } = schemas(builder, &order, &edges, &probes);
        let replays = replays(builder, &order, &edges);
        Ok(Self { stages, source_edges, buffer_edges, schemas: leaving, entering, replays })
    }
}

/// What can be read from, by the name that an input may give it.
fn outputs(builder: &PipelineBuilder, ports: &[Vec<String>]) -> HashMap<String, Output> {
    let mut outputs = HashMap::new();
    for (i, s) in builder.sources.iter().enumerate() {
        outputs.insert(s.name.clone(), (Node::Source(i), 0));
    }
    for (i, b) in builder.buffers.iter().enumerate() {
        outputs.insert(b.writer.name.clone(), (Node::Buffer(i), 0));
    }
    for (i, t) in builder.transforms.iter().enumerate() {
        outputs.insert(t.name.clone(), (Node::Transform(i), 0));
        for (p, port) in ports[i].iter().enumerate() {
            outputs.insert(format!("{}.{port}", t.name), (Node::Transform(i), p));
        }
    }
    outputs
}

fn resolve(
    builder: &PipelineBuilder,
    outputs: &HashMap<String, Output>,
    problems: &mut Vec<BuildProblem>,
) -> Edges {
    let mut resolve = |name: &str, inputs: &[String]| -> Vec<Output> {
        if inputs.is_empty() {
            problems.push(BuildProblem::NoInput(name.to_owned()));
        }
        let mut resolved = Vec::new();
        for input in inputs {
            let problem = match outputs.get(input) {
                Some(output) if !resolved.contains(output) => {
                    resolved.push(*output);
                    continue;
                }
                Some(_) => BuildProblem::RepeatedInput { component: name.to_owned(), input: input.clone() },
                None => BuildProblem::UnknownInput {
                    component: name.to_owned(),
                    input: input.clone(),
                    nearest: nearest(input, outputs.keys()),
                },
            };
            problems.push(problem);
        }
        resolved
    };
    Edges {
        transforms: builder.transforms.iter().map(|t| resolve(&t.name, &t.inputs)).collect(),
        buffers: builder.buffers.iter().map(|b| resolve(&b.writer.name, &b.writer.inputs)).collect(),
        sinks: builder.sinks.iter().map(|s| resolve(&s.name, &s.inputs)).collect(),
    }
}

fn unused(builder: &PipelineBuilder, ports: &[Vec<String>], edges: &Edges) -> Vec<BuildProblem> {
    let out = |node: Node| ((node, 0), "out".to_owned());
    let transforms = ports.iter().enumerate().flat_map(|(i, ports)| {
        ports.iter().enumerate().map(move |(p, port)| ((Node::Transform(i), p), port.clone()))
    });
    let all = (0..builder.sources.len()).map(|i| out(Node::Source(i))).chain(transforms);
    all.chain((0..builder.buffers.len()).map(|i| out(Node::Buffer(i))))
        .filter(|(output, _)| !edges.all().flatten().any(|o| o == output))
        .map(|((node, _), port)| {
            let component = name_of(builder, node).to_owned();
            BuildProblem::UnusedOutput { component, port }
        })
        .collect()
}

fn name_of(builder: &PipelineBuilder, node: Node) -> &str {
    match node {
        Node::Source(i) => &builder.sources[i].name,
        Node::Transform(i) => &builder.transforms[i].name,
        Node::Buffer(i) => &builder.buffers[i].writer.name,
    }
}

/// The schemas that leave each source, transform and buffer, and those that enter each component.
fn schemas(builder: &PipelineBuilder, order: &[Node], edges: &Edges, probes: &[Box<dyn Transform>]) -> Flow {
    let mut flow = Flow::default();
    for s in &builder.sources {
        flow.leaving.insert(s.name.clone(), s.source.schemas());
        flow.entering.insert(s.name.clone(), s.source.schemas());
    }
    let before = |leaving: &Schemas, inputs: &[Output]| {
        let mut found: Vec<Arc<Schema>> = Vec::new();
        let inputs = inputs.iter().filter_map(|(from, _)| leaving.get(name_of(builder, *from)));
        inputs.flatten().for_each(|schema| add(&mut found, schema.clone()));
        found
    };
    for node in order {
        let entering = before(&flow.leaving, edges.of(*node));
        let leaving = match node {
            Node::Source(_) => continue,
            Node::Transform(t) => probes[*t].schemas(&entering),
            Node::Buffer(b) => {
                // What an earlier run has left in it may be of other types.
                let mut leaving = entering.clone();
                builder.buffers[*b].reader.schemas().into_iter().for_each(|own| add(&mut leaving, own));
                leaving
            }
        };
        flow.leaving.insert(name_of(builder, *node).to_owned(), leaving);
        flow.entering.insert(name_of(builder, *node).to_owned(), entering);
    }
    for (sink, inputs) in builder.sinks.iter().zip(&edges.sinks) {
        flow.entering.insert(sink.name.clone(), before(&flow.leaving, inputs));
    }
    flow
}

type Schemas = HashMap<String, Vec<Arc<Schema>>>;

#[derive(Default)]
struct Flow {
    leaving: Schemas,
    entering: Schemas,
}

fn add(schemas: &mut Vec<Arc<Schema>>, schema: Arc<Schema>) {
    if !schemas.contains(&schema) {
        schemas.push(schema);
    }
}

fn replays(builder: &PipelineBuilder, order: &[Node], edges: &Edges) -> Replays {
    let letters = builder.replay.as_ref().map(|source| source.can_replay());
    let sources = builder.sources.iter().enumerate();
    let mut replays: HashMap<Node, bool> =
        sources.map(|(i, s)| (Node::Source(i), letters.unwrap_or_else(|| s.source.can_replay()))).collect();
    let all = |replays: &HashMap<Node, bool>, inputs: &[Output]| {
        inputs.iter().all(|(from, _)| replays.get(from) == Some(&true))
    };
    for node in order {
        let can = match node {
            Node::Buffer(b) if !builder.buffers[*b].passes_acknowledgements => {
                builder.buffers[*b].reader.can_replay()
            }
            _ => all(&replays, edges.of(*node)),
        };
        replays.insert(*node, can);
    }
    Replays {
        sinks: edges.sinks.iter().map(|inputs| all(&replays, inputs)).collect(),
        writers: edges.buffers.iter().map(|inputs| all(&replays, inputs)).collect(),
        everywhere: replays.values().all(|can| *can),
    }
}

fn check_names(builder: &PipelineBuilder) -> Vec<BuildProblem> {
    let mut problems = Vec::new();
    if builder.sources.is_empty() {
        problems.push(BuildProblem::NoSource);
    }
    if builder.sinks.is_empty() {
        problems.push(BuildProblem::NoSink);
    }
    if matches!(builder.dead_letters, DeadLetterChoice::Unset) {
        problems.push(BuildProblem::NoDeadLetters);
    }
    let names = builder.sources.iter().map(|s| &s.name);
    let names = names.chain(builder.transforms.iter().map(|t| &t.name));
    let names = names.chain(builder.buffers.iter().map(|b| &b.writer.name));
    let replay = builder.replay.is_some().then(|| REPLAY.to_owned());
    let mut seen: Vec<&String> = Vec::new();
    for name in names.chain(builder.sinks.iter().map(|s| &s.name)).chain(&replay) {
        if name.is_empty() || name.contains('.') || name == DEAD_LETTERS {
            problems.push(BuildProblem::BadName(name.clone()));
        }
        let duplicate = BuildProblem::DuplicateName(name.clone());
        if seen.contains(&name) && !problems.contains(&duplicate) {
            problems.push(duplicate);
        }
        seen.push(name);
    }
    problems
}

/// The transforms and buffers such that each comes behind those that it reads from, or a circle among them.
fn topological(edges: &Edges) -> Result<Vec<Node>, Vec<Node>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        Open,
        Done,
    }
    fn visit(
        at: Node,
        edges: &Edges,
        marks: &mut HashMap<Node, Mark>,
        path: &mut Vec<Node>,
        order: &mut Vec<Node>,
    ) -> Result<(), Vec<Node>> {
        match marks.get(&at) {
            Some(Mark::Done) => return Ok(()),
            Some(Mark::Open) => {
                let start = path.iter().position(|p| *p == at).unwrap_or(0);
                let mut cycle: Vec<Node> = path[start..].iter().rev().copied().collect();
                let lowest = cycle.iter().enumerate().min_by_key(|(_, n)| **n).map_or(0, |(i, _)| i);
                cycle.rotate_left(lowest);
                cycle.push(cycle[0]);
                return Err(cycle);
            }
            None => {}
        }
        marks.insert(at, Mark::Open);
        path.push(at);
        for (node, _) in edges.of(at) {
            if !matches!(node, Node::Source(_)) {
                visit(*node, edges, marks, path, order)?;
            }
        }
        path.pop();
        marks.insert(at, Mark::Done);
        order.push(at);
        Ok(())
    }
    let mut marks = HashMap::new();
    let mut order = Vec::new();
    let transforms = (0..edges.transforms.len()).map(Node::Transform);
    for at in transforms.chain((0..edges.buffers.len()).map(Node::Buffer)) {
        visit(at, edges, &mut marks, &mut Vec::new(), &mut order)?;
    }
    Ok(order)
}

/// Joins a transform to the one before it where neither has another neighbour there.
fn fuse(order: &[Node], edges: &Edges, ports: &[Vec<String>]) -> Vec<Vec<usize>> {
    let readers = |output: Output| edges.all().filter(|inputs| inputs.contains(&output)).count();
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for node in order {
        let Node::Transform(at) = node else { continue };
        let before = match edges.transforms[*at][..] {
            [(Node::Transform(before), 0)] if ports[before].len() == 1 => Some(before),
            _ => None,
        };
        let before = before.filter(|b| readers((Node::Transform(*b), 0)) == 1);
        match before.and_then(|b| chains.iter_mut().find(|c| c.last() == Some(&b))) {
            Some(chain) => chain.push(*at),
            None => chains.push(vec![*at]),
        }
    }
    chains
}

/// The name that is fewest edits away, if it is near enough to have been meant.
pub(super) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a String>) -> Option<String> {
    let near = names.map(|name| (edit_distance(wanted, name), name));
    let (distance, name) = near.min_by_key(|(d, name)| (*d, name.len(), name.to_string()))?;
    (distance <= wanted.len().max(3) / 2).then(|| name.clone())
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
