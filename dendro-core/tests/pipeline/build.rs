//! Building a pipeline is its validation: every mistake is named, with its component, all at once.

use crate::common::{Numbers, Scripted};
use dendro_core::pipeline::BuildProblem;
use dendro_core::{Batch, Pipeline, PipelineBuilder, Transform, TransformError, filter};

fn source() -> Numbers {
    Numbers::new(1, 1)
}

fn sink() -> Scripted {
    Scripted::new([])
}

fn pass() -> impl Transform + Clone {
    filter(|_| true)
}

fn errors(builder: PipelineBuilder) -> Vec<String> {
    let error = builder.drop_rejected().build().err().expect("it is wrong");
    error.problems().iter().map(ToString::to_string).collect()
}

#[derive(Clone)]
struct TwoPorts;
impl Transform for TwoPorts {
    fn transform(&mut self, _: &mut Batch) -> Result<(), TransformError> {
        Ok(())
    }
    fn ports(&self) -> Vec<String> {
        vec!["hot".into(), "cold".into()]
    }
}

#[test]
fn an_unknown_input_names_who_reads_and_what_was_meant() {
    let builder = Pipeline::builder().source("access", source()).transform("parse", "acces", pass()).sink(
        "out",
        ["parse", "access"],
        sink(),
    );
    assert_eq!(errors(builder), ["`parse` reads from `acces`, which does not exist: did you mean `access`?"]);
}

#[test]
fn an_unused_output_is_named_with_its_port() {
    let builder = Pipeline::builder().source("in", source()).transform("t", "in", TwoPorts).sink(
        "out",
        "t.hot",
        sink(),
    );
    assert_eq!(
        errors(builder),
        ["nobody reads from `t.cold`: connect it to a transform, a buffer or a sink"]
    );
    let builder = Pipeline::builder().source("a", source()).source("b", source()).sink("out", "a", sink());
    assert_eq!(errors(builder), ["nobody reads from `b.out`: connect it to a transform, a buffer or a sink"]);
}

#[test]
fn a_circle_is_named_in_the_order_of_the_flow() {
    let builder = Pipeline::builder()
        .source("in", source())
        .transform("a", ["in", "c"], pass())
        .transform("b", "a", pass())
        .transform("c", "b", pass())
        .sink("out", "c", sink());
    assert_eq!(errors(builder), ["components read from each other in a circle: a -> b -> c -> a"]);
}

#[test]
fn every_mistake_is_told_at_once() {
    let builder = Pipeline::builder()
        .source("x", source())
        .source("x", source())
        .transform("bad.name", "x", pass())
        .sink("out", Vec::<String>::new(), sink())
        .sink("twice", ["x", "x"], sink());
    let error = builder.build().err().unwrap();
    let has = |p: BuildProblem| assert!(error.problems().contains(&p), "{p:?} in {error}");
    has(BuildProblem::NoDeadLetters);
    has(BuildProblem::DuplicateName("x".into()));
    has(BuildProblem::BadName("bad.name".into()));
    has(BuildProblem::NoInput("out".into()));
    has(BuildProblem::RepeatedInput { component: "twice".into(), input: "x".into() });
    has(BuildProblem::UnusedOutput { component: "bad.name".into(), port: "out".into() });
}

#[test]
fn an_empty_pipeline_says_what_to_add() {
    let text = Pipeline::builder().build().err().unwrap().to_string();
    for part in [".source(", ".sink(", ".dead_letters("] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn building_needs_no_runtime_and_starts_nothing() {
    let pipeline = Pipeline::line(source()).transform(pass()).sink(sink()).drop_rejected().build().unwrap();
    let names: Vec<String> = pipeline.handle().stats().into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["source", "transform", "sink"]);
}
