//! Comparing the two.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use crate::arguments::{Arguments, Destination};
use crate::deliveries::{self, Delivery};
use crate::formats::Expected;
use crate::input::{Id, Input, Record};
use crate::json::Json;
use crate::windows;

/// How many cases of a fault are shown.
const SHOWN: usize = 5;

#[derive(Default)]
pub(crate) struct Verdict {
    records: u64,
    destinations: u64,
    delivered: u64,
    dead_lettered: u64,
    left: u64,
    given_up: u64,
    windows: u64,
    duplicates: u64,
    bound: Option<u64>,
    order_checked: bool,
    faults: BTreeMap<Fault, Vec<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Lost,
    Altered,
    Invented,
    OutOfOrder,
    WronglyDead,
    NotRefused,
    CountedTwice,
    Miscounted,
    TooManyDuplicates,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::Lost,
        Self::Altered,
        Self::Invented,
        Self::OutOfOrder,
        Self::WronglyDead,
        Self::NotRefused,
        Self::CountedTwice,
        Self::Miscounted,
        Self::TooManyDuplicates,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Altered => "altered",
            Self::Invented => "invented",
            Self::OutOfOrder => "out_of_order",
            Self::WronglyDead => "wrongly_dead_lettered",
            Self::NotRefused => "not_refused",
            Self::CountedTwice => "counted_twice",
            Self::Miscounted => "miscounted",
            Self::TooManyDuplicates => "duplicates_beyond_bound",
        }
    }
}

impl Verdict {
    pub(crate) fn reach(input: &Input, arguments: &Arguments) -> Result<Self, String> {
        let mut verdict = Self {
            records: input.records.len() as u64,
            destinations: arguments.destinations.len() as u64,
            bound: arguments.bound,
            order_checked: !arguments.any_order,
            ..Self::default()
        };
        let mut dead = Vec::new();
        for path in &arguments.dead {
            dead.extend(deliveries::read(path)?);
        }
        let in_dead = verdict.look_at_dead_letters(input, &dead, arguments);
        let names = Names {
            in_dead,
            late: names(arguments.turned_away.as_deref())?,
            given_up: names(arguments.given_up.as_deref())?,
        };
        for destination in &arguments.destinations {
            verdict.look_at(input, destination, &names)?;
        }
        if !arguments.windows.is_empty() {
            verdict.look_at_windows(input, arguments)?;
        }
        if let Some(bound) = arguments.bound.filter(|bound| verdict.duplicates > *bound) {
            let n = verdict.duplicates;
            verdict.fault(Fault::TooManyDuplicates, || format!("{n} duplicates, {bound} may be"));
        }
        Ok(verdict)
    }

    pub(crate) fn is_well(&self) -> bool {
        self.faults.is_empty()
    }

    fn fault(&mut self, fault: Fault, case: impl FnOnce() -> String) {
        self.faults.entry(fault).or_default().push(case());
    }

    /// The records that are among the dead letters.
    fn look_at_dead_letters(
        &mut self,
        input: &Input,
        dead: &[Delivery],
        arguments: &Arguments,
    ) -> BTreeSet<Id> {
        let mut seen = BTreeSet::new();
        let some_refuse = arguments.destinations.iter().any(|d| d.refuses);
        for letter in dead {
            let Some((id, record)) = known(input, letter) else {
                self.fault(Fault::Invented, || format!("dead letter {:?}", letter.fields));
                continue;
            };
            if letter.field("raw").and_then(Json::text) != Some(&record.text) {
                let raw = letter.field("raw");
                self.fault(Fault::Altered, || format!("dead letter {id}: {raw:?} for `{}`", record.text));
            }
            let says = |name| letter.field(name).and_then(Json::text).is_some_and(|t| !t.is_empty());
            let is_meant = match &record.expected {
                Expected::DeadLetter => true,
                Expected::Event { is_teapot, .. } => *is_teapot && some_refuse,
            };
            if !is_meant || !says("component") || !says("reason") {
                let reason = letter.field("reason");
                self.fault(Fault::WronglyDead, || format!("{id}: {reason:?} for `{}`", record.text));
            }
            self.duplicates += u64::from(!seen.insert(id));
        }
        self.dead_lettered = seen.len() as u64;
        for (id, record) in &input.records {
            if matches!(record.expected, Expected::DeadLetter) && !seen.contains(id) {
                self.fault(Fault::Lost, || format!("{id} is not among the dead letters: `{}`", record.text));
            }
        }
        seen
    }

    fn look_at(&mut self, input: &Input, destination: &Destination, names: &Names) -> Result<(), String> {
        let Names { in_dead, late, given_up } = names;
        let name = &destination.name;
        let mut seen = BTreeSet::new();
        let mut last: BTreeMap<u32, u64> = BTreeMap::new();
        let mut deliveries = Vec::new();
        for file in &destination.files {
            deliveries.extend(deliveries::read(file)?);
        }
        for delivery in deliveries {
            let Some((id, record)) = known(input, &delivery) else {
                self.fault(Fault::Invented, || format!("in {name}: {:?}", delivery.fields));
                continue;
            };
            match &record.expected {
                Expected::Event { fields, is_teapot } => {
                    if let Some(wrong) = difference(fields, &delivery) {
                        self.fault(Fault::Altered, || {
                            format!("{id} in {name}: {wrong} of `{}`", record.text)
                        });
                    }
                    if *is_teapot && destination.refuses {
                        self.fault(Fault::NotRefused, || format!("{id} was refused, and is in {name}"));
                    }
                }
                Expected::DeadLetter => {
                    self.fault(Fault::Invented, || {
                        format!("{id} in {name}, which is not of the format: `{}`", record.text)
                    });
                }
            }
            if !seen.insert(id) {
                self.duplicates += 1;
                continue;
            }
            let before = last.get(&id.stream).copied();
            if before.is_some_and(|b| b > id.number) {
                if self.order_checked && !late.contains(&id) {
                    let before = before.unwrap_or_default();
                    self.fault(Fault::OutOfOrder, || {
                        format!("{id} came first to {name} behind number {before} of its stream")
                    });
                }
            } else {
                last.insert(id.stream, id.number);
            }
        }
        self.delivered += seen.len() as u64;
        let mut left = BTreeSet::new();
        if let Some(path) = &destination.left {
            left.extend(deliveries::read(path)?.iter().filter_map(|d| d.id));
        }
        self.left += left.len() as u64;
        for (id, record) in &input.records {
            let Expected::Event { is_teapot, .. } = record.expected else { continue };
            let arrived = match is_teapot && destination.refuses {
                true => in_dead.contains(id),
                false => seen.contains(id),
            };
            if !arrived && given_up.contains(id) {
                self.given_up += 1;
            } else if !arrived && !left.contains(id) {
                self.fault(Fault::Lost, || format!("{id} never came to {name}: `{}`", record.text));
            }
        }
        Ok(())
    }

    /// The last result of each window has to count each of its records once.
    fn look_at_windows(&mut self, input: &Input, arguments: &Arguments) -> Result<(), String> {
        let counts = windows::count(input);
        let mut told = BTreeMap::new();
        for path in &arguments.windows {
            for delivery in deliveries::read(path)? {
                let Some((key, count)) = windows::result(&delivery) else {
                    self.fault(Fault::Invented, || format!("among the windows: {:?}", delivery.fields));
                    continue;
                };
                let right = counts.get(&key).copied().unwrap_or_default();
                if count > right {
                    self.fault(Fault::CountedTwice, || format!("{key:?}: {count} of {right}"));
                }
                told.insert(key, count);
            }
        }
        self.windows = told.len() as u64;
        for (key, right) in &counts {
            let count = told.get(key).copied().unwrap_or_default();
            if count != *right {
                self.fault(Fault::Miscounted, || format!("{key:?}: at last {count} of {right}"));
            }
        }
        Ok(())
    }
}

/// Records that are something special.
struct Names {
    in_dead: BTreeSet<Id>,
    late: BTreeSet<Id>,
    given_up: BTreeSet<Id>,
}

/// The names in a file, one a line.
fn names(path: Option<&Path>) -> Result<BTreeSet<Id>, String> {
    let Some(path) = path else { return Ok(BTreeSet::new()) };
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(text.lines().filter_map(Id::find).collect())
}

fn known<'a>(input: &'a Input, delivery: &Delivery) -> Option<(Id, &'a Record)> {
    let id = delivery.id?;
    Some((id, input.records.get(&id)?))
}

/// What is not as it should be.
fn difference(expected: &[(&'static str, Json)], delivery: &Delivery) -> Option<String> {
    expected.iter().find_map(|(name, value)| {
        let found = delivery.field(name).unwrap_or(&Json::Null);
        (found != value).then(|| format!("{name} is {found:?} instead of {value:?}"))
    })
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "records {}", self.records)?;
        writeln!(f, "destinations {}", self.destinations)?;
        writeln!(f, "delivered {}", self.delivered)?;
        writeln!(f, "dead_lettered {}", self.dead_lettered)?;
        writeln!(f, "left {}", self.left)?;
        writeln!(f, "given_up {}", self.given_up)?;
        writeln!(f, "windows {}", self.windows)?;
        writeln!(f, "duplicates {}", self.duplicates)?;
        if let Some(bound) = self.bound {
            writeln!(f, "bound {bound}")?;
        }
        writeln!(f, "order_checked {}", self.order_checked)?;
        for fault in Fault::ALL {
            let cases = self.faults.get(&fault).map_or(&[][..], Vec::as_slice);
            writeln!(f, "{} {}", fault.name(), cases.len())?;
            for case in cases.iter().take(SHOWN) {
                writeln!(f, "  {case}")?;
            }
        }
        writeln!(f, "verdict {}", if self.is_well() { "well" } else { "FAILED" })
    }
}
