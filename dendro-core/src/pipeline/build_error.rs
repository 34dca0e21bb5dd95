//! What is wrong with a pipeline that was to be built.

use std::fmt;

use super::builder::DEAD_LETTERS;

/// All that is wrong with a pipeline that was to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    pub(super) problems: Vec<BuildProblem>,
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
    /// Components read from each other in a circle.
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
                "nobody reads from `{component}.{port}`: connect it to a transform, a buffer or a sink"
            ),
            Self::Cycle(names) => write!(f, "components read from each other in a circle: {}", names.join(" -> ")),
        }
    }
}
