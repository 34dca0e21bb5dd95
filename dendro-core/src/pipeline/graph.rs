//! Checking the graph of a pipeline, and cutting it into stages.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::builder::{DEAD_LETTERS, DeadLetterChoice, PipelineBuilder};
use crate::Schema;

/// All that is wrong with a pipeline that was to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    problems: Vec<BuildProblem>,
}

impl BuildError {
    /// What is wrong; at least one thing.
    pub fn problems(&self) -> &[BuildProblem] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildError {}

/// One thing that is wrong with a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildProblem {
    /// There is no source.
    NoSource,
    /// There is no sink.
    NoSink,
    /// Nobody said where refused events go.
    NoDeadLetters,
    /// A name is empty or has a `.` in it, or is `dead_letters`.
    BadName(String),
    /// Two components have this name.
    DuplicateName(String),
    /// A component reads from nothing.
    NoInput(String),
    /// A component reads from one that does not exist.
    UnknownInput {
        /// Who reads.
        component: String,
        /// From what.
        input: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// A component reads twice from the same.
    RepeatedInput {
        /// Who reads.
        component: String,
        /// From what.
        input: String,
    },
    /// Nobody reads what leaves a component by this port.
    UnusedOutput {
        /// Whose output it is.
        component: String,
        /// The port's name.
        port: String,
    },
    /// Transforms read from each other in a circle.
    Cycle(Vec<String>),
}

impl fmt::Display for BuildProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSource => f.write_str("the pipeline has no source: add one with `.source(name, source)`"),
            Self::NoSink => f.write_str("the pipeline has no sink: add one with `.sink(name, inputs, sink)`"),
            Self::NoDeadLetters => f.write_str(
                "nobody said where refused events go: choose `.dead_letters(sink)`, or `.drop_rejected()` to count and drop them",
            ),
            Self::BadName(name) => write!(
                f,
                "`{name}` can't be a component's name: it must not be empty, hold a `.` or be `{DEAD_LETTERS}`"
            ),
            Self::DuplicateName(name) => write!(f, "two components are named `{name}`: rename one"),
            Self::NoInput(name) => write!(f, "`{name}` has no input: name the component that it reads from"),
            Self::UnknownInput { component, input, nearest } => {
                write!(f, "`{component}` reads from `{input}`, which does not exist")?;
                nearest.as_ref().map_or(Ok(()), |n| write!(f, ": did you mean `{n}`?"))
            }
            Self::RepeatedInput { component, input } => {
                write!(f, "`{component}` reads twice from `{input}`: name it once")
            }
            Self::UnusedOutput { component, port } => write!(
                f,
                "nobody reads from `{component}.{port}`: connect it to a transform or a sink"
            ),
            Self::Cycle(names) => write!(f, "transforms read from each other in a circle: {}", names.join(" -> ")),
        }
    }
}

/// A checked pipeline: consecutive transforms are fused into stages.
pub(super) struct Graph {
    pub(super) stages: Vec<StagePlan>,
    /// For each source, who reads from it.
    pub(super) source_edges: Vec<Vec<Target>>,
    /// For each component that has them, the schemas that leave it.
    pub(super) schemas: HashMap<String, Vec<Arc<Schema>>>,
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
    Sink(usize),
}

/// An output that can be read from: a component, and one of its ports.
type Output = (Node, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Node {
    Source(usize),
    Transform(usize),
}

impl Graph {
    pub(super) fn check(builder: &PipelineBuilder) -> Result<Self, BuildError> {
        let mut problems = check_names(builder);
        let probes: Vec<_> = builder.transforms.iter().map(|t| t.factory.make()).collect();
        let ports: Vec<Vec<String>> = probes.iter().map(|p| p.ports()).collect();

        // What can be read from, by the name that an input may give it.
        let mut outputs: HashMap<String, Output> = HashMap::new();
        for (i, s) in builder.sources.iter().enumerate() {
            outputs.insert(s.name.clone(), (Node::Source(i), 0));
        }
        for (i, t) in builder.transforms.iter().enumerate() {
            outputs.insert(t.name.clone(), (Node::Transform(i), 0));
            for (p, port) in ports[i].iter().enumerate() {
                outputs.insert(format!("{}.{port}", t.name), (Node::Transform(i), p));
            }
        }

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
                    Some(_) => {
                        BuildProblem::RepeatedInput { component: name.to_owned(), input: input.clone() }
                    }
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
        let transform_inputs: Vec<_> =
            builder.transforms.iter().map(|t| resolve(&t.name, &t.inputs)).collect();
        let sink_inputs: Vec<_> = builder.sinks.iter().map(|s| resolve(&s.name, &s.inputs)).collect();

        let used =
            |output: Output| transform_inputs.iter().chain(&sink_inputs).flatten().any(|o| *o == output);
        for (i, s) in builder.sources.iter().enumerate() {
            if !used((Node::Source(i), 0)) {
                problems
                    .push(BuildProblem::UnusedOutput { component: s.name.clone(), port: "out".to_owned() });
            }
        }
        for (i, t) in builder.transforms.iter().enumerate() {
            for (p, port) in ports[i].iter().enumerate() {
                if !used((Node::Transform(i), p)) {
                    problems
                        .push(BuildProblem::UnusedOutput { component: t.name.clone(), port: port.clone() });
                }
            }
        }
        let order = match topological(&transform_inputs) {
            Ok(order) => order,
            Err(cycle) => {
                let names = cycle.iter().map(|i| builder.transforms[*i].name.clone()).collect();
                problems.push(BuildProblem::Cycle(names));
                Vec::new()
            }
        };
        if !problems.is_empty() {
            return Err(BuildError { problems });
        }

        let mut schemas: HashMap<String, Vec<Arc<Schema>>> = HashMap::new();
        for s in &builder.sources {
            schemas.insert(s.name.clone(), s.source.schemas());
        }
        for i in &order {
            let mut inputs: Vec<Arc<Schema>> = Vec::new();
            for (node, _) in &transform_inputs[*i] {
                let name = match node {
                    Node::Source(s) => &builder.sources[*s].name,
                    Node::Transform(t) => &builder.transforms[*t].name,
                };
                for schema in schemas.get(name).into_iter().flatten() {
                    if !inputs.contains(schema) {
                        inputs.push(schema.clone());
                    }
                }
            }
            schemas.insert(builder.transforms[*i].name.clone(), probes[*i].schemas(&inputs));
        }

        let stages = fuse(&order, &transform_inputs, &sink_inputs, &ports);
        let stage_of: HashMap<usize, usize> =
            stages.iter().enumerate().map(|(n, chain)| (chain[0], n)).collect();
        let readers = |output: Output| -> Vec<Target> {
            let stages = transform_inputs
                .iter()
                .enumerate()
                .filter(|(_, inputs)| inputs.contains(&output))
                .filter_map(|(t, _)| stage_of.get(&t).map(|s| Target::Stage(*s)));
            let sinks = sink_inputs.iter().enumerate().filter(|(_, inputs)| inputs.contains(&output));
            stages.chain(sinks.map(|(s, _)| Target::Sink(s))).collect()
        };
        let source_edges = (0..builder.sources.len()).map(|i| readers((Node::Source(i), 0))).collect();
        let stages = stages
            .into_iter()
            .map(|chain| {
                let last = chain[chain.len() - 1];
                let edges = (0..ports[last].len()).map(|p| readers((Node::Transform(last), p))).collect();
                let stateful = chain.iter().any(|t| probes[*t].is_stateful());
                StagePlan { chain, edges, stateful }
            })
            .collect();
        Ok(Self { stages, source_edges, schemas })
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
    let mut seen: Vec<&String> = Vec::new();
    for name in names.chain(builder.sinks.iter().map(|s| &s.name)) {
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

/// The transforms such that each comes behind those that it reads from, or a circle among them.
fn topological(inputs: &[Vec<Output>]) -> Result<Vec<usize>, Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    fn visit(
        at: usize,
        inputs: &[Vec<Output>],
        marks: &mut [Mark],
        path: &mut Vec<usize>,
        order: &mut Vec<usize>,
    ) -> Result<(), Vec<usize>> {
        match marks[at] {
            Mark::Done => return Ok(()),
            Mark::Open => {
                let start = path.iter().position(|p| *p == at).unwrap_or(0);
                let mut cycle: Vec<usize> = path[start..].iter().rev().copied().collect();
                let lowest = cycle.iter().enumerate().min_by_key(|(_, t)| **t).map_or(0, |(i, _)| i);
                cycle.rotate_left(lowest);
                cycle.push(cycle[0]);
                return Err(cycle);
            }
            Mark::New => {}
        }
        marks[at] = Mark::Open;
        path.push(at);
        for (node, _) in &inputs[at] {
            if let Node::Transform(from) = node {
                visit(*from, inputs, marks, path, order)?;
            }
        }
        path.pop();
        marks[at] = Mark::Done;
        order.push(at);
        Ok(())
    }
    let mut marks = vec![Mark::New; inputs.len()];
    let mut order = Vec::new();
    for at in 0..inputs.len() {
        visit(at, inputs, &mut marks, &mut Vec::new(), &mut order)?;
    }
    Ok(order)
}

/// Joins a transform to the one before it where neither has another neighbour there.
fn fuse(
    order: &[usize],
    transform_inputs: &[Vec<Output>],
    sink_inputs: &[Vec<Output>],
    ports: &[Vec<String>],
) -> Vec<Vec<usize>> {
    let readers = |output: Output| {
        transform_inputs.iter().chain(sink_inputs).filter(|inputs| inputs.contains(&output)).count()
    };
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for at in order {
        let before = match transform_inputs[*at][..] {
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
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a String>) -> Option<String> {
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
