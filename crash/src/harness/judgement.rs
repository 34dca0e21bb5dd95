//! Asking the judge.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use dendro_crash::Failure;
use dendro_crash::setup::Format;

use super::child::beside;

/// What the judge says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judgement {
    /// By name: `records`, `delivered`, `duplicates`, `lost`, ...
    pub(crate) numbers: BTreeMap<String, u64>,
    pub(crate) is_well: bool,
    /// All that it said.
    pub(crate) text: String,
}

/// What the judge is asked about.
pub(crate) struct Case<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) format: Format,
    /// Name, and files in order.
    pub(crate) destinations: Vec<(&'static str, Vec<PathBuf>)>,
    /// The destination that refuses teapots.
    pub(crate) refused_by: Option<&'static str>,
    pub(crate) dead: Vec<PathBuf>,
    /// What an aggregate has told.
    pub(crate) windows: Vec<PathBuf>,
    /// The most duplicates, where that can be said.
    pub(crate) bound: Option<u64>,
    /// Whether first deliveries have to be in order.
    pub(crate) in_order: bool,
}

impl Case<'_> {
    pub(crate) fn ask(&self) -> Result<Judgement, Failure> {
        let program = beside("dendro-crash-judge")?;
        let mut command = Command::new(&program);
        command.arg("--input").arg(self.dir.join("input")).args(["--format", self.format.word()]);
        for (name, files) in &self.destinations {
            for file in files {
                command.arg("--destination").arg(format!("{name}={}", file.display()));
            }
        }
        for file in &self.windows {
            command.arg("--windows").arg(file);
        }
        for file in &self.dead {
            command.arg("--dead").arg(file);
        }
        if let Some(name) = self.refused_by {
            command.args(["--refused-by", name]);
        }
        if let Some(bound) = self.bound {
            command.args(["--bound", &bound.to_string()]);
        }
        let turned_away = self.dir.join("turned_away");
        if turned_away.exists() {
            command.arg("--turned-away").arg(turned_away);
        }
        let given_up = self.dir.join(super::damage::GIVEN_UP);
        if given_up.exists() {
            command.arg("--given-up").arg(given_up);
        }
        if !self.in_order {
            command.arg("--any-order");
        }
        let output = command.output().map_err(Failure::io(program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !matches!(output.status.code(), Some(0 | 1)) {
            return Err(Failure::new(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        let numbers = pairs.filter_map(|(name, n)| Some((name.to_owned(), n.parse().ok()?))).collect();
        Ok(Judgement { numbers, is_well: output.status.success(), text })
    }
}
