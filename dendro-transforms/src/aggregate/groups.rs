//! The groups of a window, and what was measured of each.

use std::collections::HashMap;

use dendro_core::EventRef;

use super::distinct::Distinct;
use super::measure::Kind;
use super::number::{Extreme, Sum};
use super::plan::Plan;
use super::quantile::Buckets;
use super::spec::Spec;
use super::top::{self, Top};
use crate::field::{Bindings, Bound};
use crate::scalar;
use crate::wire::{Reader, Writer};

/// The longest key of a group, in bytes: events of longer ones are measured with those beyond the highest number of groups.
const MAX_KEY_BYTES: usize = 4_096;

/// The groups of one window of one type, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    rows: Vec<Group>,
    index: HashMap<Box<[u8]>, u32>,
    overflow: Option<Box<Group>>,
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) key: Box<[u8]>,
    pub(super) events: u64,
    pub(super) skipped: u64,
    pub(super) parts: Box<[Part]>,
}

/// What one measure keeps.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// It is left out.
    Nothing,
    Count(u64),
    Sum(Sum),
    Extreme(Extreme),
    Buckets(Box<Buckets>),
    Distinct(Box<Distinct>),
    Top(Box<Top>),
}

/// Where the fields of a batch are that the events of a type are measured by.
pub(super) struct Binding {
    group: Vec<Option<Bound>>,
    measures: Vec<Option<Bound>>,
    conditions: Vec<Option<Bindings>>,
}

impl Binding {
    pub(super) fn new(
        spec: &Spec,
        plan: &Plan,
        batch: &dendro_core::Batch,
        schema: Option<&dendro_core::Schema>,
    ) -> Self {
        let bind = |field: &crate::Field| field.bind(batch, schema);
        let group =
            spec.group_by.iter().zip(&plan.group).map(|(f, name)| (!name.is_empty()).then(|| bind(f)));
        let measures = spec.measures.iter().zip(&plan.measures);
        Self {
            group: group.collect(),
            measures: measures
                .map(|(m, p)| m.kind.field().filter(|_| p.numeric.is_some()).map(bind))
                .collect(),
            conditions: spec.matchers.iter().map(|m| m.as_ref().map(|m| m.bind(batch))).collect(),
        }
    }
}

impl Groups {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Group, bool)> {
        self.rows.iter().map(|g| (g, false)).chain(self.overflow.iter().map(|g| (&**g, true)))
    }

    /// `key` is room for the group's key.
    pub(super) fn add(
        &mut self,
        spec: &Spec,
        plan: &Plan,
        binding: &Binding,
        event: EventRef<'_>,
        key: &mut Vec<u8>,
    ) {
        key.clear();
        for (field, bound) in spec.group_by.iter().zip(&binding.group) {
            scalar::write(bound.and_then(|b| field.get(b, event)), key);
        }
        let group = self.group(spec, plan, key);
        group.events += 1;
        for (i, measure) in spec.measures.iter().enumerate() {
            let holds = match (&spec.matchers[i], &binding.conditions[i]) {
                (Some(matcher), Some(bindings)) => matcher.holds(bindings, event),
                _ => true,
            };
            let (Some(numeric), true) = (plan.measures[i].numeric, holds) else { continue };
            let part = &mut group.parts[i];
            let value = match (measure.kind.field(), binding.measures[i]) {
                (Some(field), Some(bound)) => match field.get(bound, event) {
                    Some(value) if !value.is_null() => Some(value),
                    _ => continue,
                },
                _ => None,
            };
            let taken = match (part, value) {
                (Part::Count(count), None) => {
                    *count += 1;
                    true
                }
                (Part::Sum(sum), Some(value)) => numeric.read(value).map(|n| sum.add(n)).is_some(),
                (Part::Extreme(extreme), Some(value)) => {
                    let greatest = matches!(measure.kind, Kind::Max(_));
                    numeric.read(value).map(|n| extreme.add(n, greatest)).is_some()
                }
                (Part::Buckets(buckets), Some(value)) => {
                    let number = numeric.read(value).map(|n| numeric.as_f64(n));
                    number.is_some_and(|n| buckets.add(n, spec.scales[i]))
                }
                (Part::Distinct(distinct), Some(value)) => {
                    // The group's key is found by now.
                    key.clear();
                    scalar::write_by_value(value, key);
                    distinct.add(key);
                    true
                }
                (Part::Top(top), Some(value)) => {
                    key.clear();
                    scalar::write(Some(value), key);
                    let fits = key.len() <= MAX_KEY_BYTES;
                    if fits {
                        top.add(key, capacity_of(&measure.kind));
                    }
                    fits
                }
                _ => true,
            };
            group.skipped += u64::from(!taken);
        }
    }

    fn group(&mut self, spec: &Spec, plan: &Plan, key: &[u8]) -> &mut Group {
        if let Some(at) = self.index.get(key) {
            return &mut self.rows[*at as usize];
        }
        if self.rows.len() >= spec.max_groups || key.len() > MAX_KEY_BYTES {
            return self.overflow.get_or_insert_with(|| Box::new(Group::new(spec, plan, &[])));
        }
        let at = self.rows.len();
        self.index.insert(key.into(), at as u32);
        self.rows.push(Group::new(spec, plan, key));
        &mut self.rows[at]
    }

    /// Adds what was measured in a part of the window.
    pub(super) fn merge(&mut self, spec: &Spec, plan: &Plan, other: &Self) {
        for (theirs, beyond) in other.iter() {
            let own = match beyond {
                true => &mut **self.overflow.get_or_insert_with(|| Box::new(Group::new(spec, plan, &[]))),
                false => self.group(spec, plan, &theirs.key),
            };
            own.events = own.events.saturating_add(theirs.events);
            own.skipped = own.skipped.saturating_add(theirs.skipped);
            for (i, (own, theirs)) in own.parts.iter_mut().zip(&theirs.parts).enumerate() {
                own.merge(theirs, &spec.measures[i].kind, spec.scales[i]);
            }
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_count(self.rows.len());
        out.put_flag(self.overflow.is_some());
        for (group, _) in self.iter() {
            out.put_bytes(&group.key);
            out.put_u64(group.events);
            out.put_u64(group.skipped);
            group.parts.iter().for_each(|p| p.encode(out));
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, spec: &Spec, plan: &Plan) -> Option<Self> {
        let len = reader.count(3)?;
        if len > spec.max_groups {
            return None;
        }
        let has_overflow = reader.flag()?;
        let mut groups = Self::default();
        for _ in 0..len {
            let group = Group::decode(reader, spec, plan)?;
            let mut key = Reader::new(&group.key);
            for _ in &spec.group_by {
                scalar::read(&mut key)?;
            }
            if !key.is_at_end() || groups.index.insert(group.key.clone(), groups.rows.len() as u32).is_some()
            {
                return None;
            }
            groups.rows.push(group);
        }
        if has_overflow {
            groups.overflow = Some(Box::new(Group::decode(reader, spec, plan)?));
        }
        Some(groups)
    }
}

impl Group {
    fn new(spec: &Spec, plan: &Plan, key: &[u8]) -> Self {
        let parts = spec.measures.iter().zip(&plan.measures);
        let parts = parts.map(|(measure, planned)| match planned.numeric {
            Some(_) => Part::new(&measure.kind),
            None => Part::Nothing,
        });
        Self { key: key.into(), events: 0, skipped: 0, parts: parts.collect() }
    }

    fn decode(reader: &mut Reader<'_>, spec: &Spec, plan: &Plan) -> Option<Self> {
        let key = reader.bytes()?.into();
        // Counts that never overflow when they are added to.
        let mut count = || reader.u64().filter(|n| *n < 1 << 62);
        let (events, skipped) = (count()?, count()?);
        let parts = spec.measures.iter().zip(&plan.measures);
        let parts = parts.map(|(measure, planned)| match planned.numeric {
            Some(_) => Part::decode(reader, &measure.kind),
            None => Some(Part::Nothing),
        });
        Some(Self { key, events, skipped, parts: parts.collect::<Option<_>>()? })
    }
}

impl Part {
    fn new(kind: &Kind) -> Self {
        match kind {
            Kind::Count | Kind::Rate | Kind::Share => Self::Count(0),
            Kind::Sum(_) | Kind::PerSecond(_) | Kind::Mean(_) => Self::Sum(Sum::default()),
            Kind::Min(_) | Kind::Max(_) => Self::Extreme(Extreme::default()),
            Kind::Quantiles { .. } | Kind::Sketch { .. } => Self::Buckets(Box::default()),
            Kind::Distinct(_) => Self::Distinct(Box::default()),
            Kind::Top { .. } => Self::Top(Box::default()),
        }
    }

    fn merge(&mut self, other: &Self, kind: &Kind, scale: i32) {
        match (self, other) {
            (Self::Count(a), Self::Count(b)) => *a = a.saturating_add(*b),
            (Self::Sum(a), Self::Sum(b)) => a.merge(b),
            (Self::Extreme(a), Self::Extreme(b)) => a.merge(b, matches!(kind, Kind::Max(_))),
            (Self::Buckets(a), Self::Buckets(b)) => a.merge(b, scale),
            (Self::Distinct(a), Self::Distinct(b)) => a.merge(b),
            (Self::Top(a), Self::Top(b)) => a.merge(b, capacity_of(kind)),
            _ => {}
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Nothing => {}
            Self::Count(count) => out.put_u64(*count),
            Self::Sum(sum) => sum.encode(out),
            Self::Extreme(extreme) => extreme.encode(out),
            Self::Buckets(buckets) => buckets.encode(out),
            Self::Distinct(distinct) => distinct.encode(out),
            Self::Top(top) => top.encode(out),
        }
    }

    fn decode(reader: &mut Reader<'_>, kind: &Kind) -> Option<Self> {
        Some(match kind {
            Kind::Count | Kind::Rate | Kind::Share => Self::Count(reader.u64().filter(|n| *n < 1 << 62)?),
            Kind::Sum(_) | Kind::PerSecond(_) | Kind::Mean(_) => Self::Sum(Sum::decode(reader)?),
            Kind::Min(_) | Kind::Max(_) => Self::Extreme(Extreme::decode(reader)?),
            Kind::Quantiles { .. } | Kind::Sketch { .. } => Self::Buckets(Box::new(Buckets::decode(reader)?)),
            Kind::Distinct(_) => Self::Distinct(Box::new(Distinct::decode(reader)?)),
            Kind::Top { .. } => Self::Top(Box::new(Top::decode(reader, capacity_of(kind))?)),
        })
    }
}

fn capacity_of(kind: &Kind) -> usize {
    match kind {
        Kind::Top { k, .. } => top::capacity(*k),
        _ => 0,
    }
}
