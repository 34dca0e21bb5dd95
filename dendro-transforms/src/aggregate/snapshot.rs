//! The state of a stream as bytes.
//!
//! ```text
//! version       1 byte
//! fingerprint   8 bytes, of what is measured and how: a state of another aggregate is refused
//! latest, closed_to, dropped (late, ahead, told), changed windows, origin
//! plans         for each: the input type, the result's schema, the names of groups, of each measure kind and names, panes
//! ```
//! Integers are variable-length, text and bytes stand behind their length. A state from outside is not trusted.

use std::borrow::Cow;
use std::sync::Arc;

use dendro_core::{FieldSchema, MetricKind, Origin, Role, Schema, Temporality, ValueType};

use super::groups::Groups;
use super::number::Numeric;
use super::plan::{Plan, PlannedMeasure};
use super::spec::Spec;
use super::stream::{Dropped, Stream, floor};
use crate::wire::{Reader, Writer};

const VERSION: u8 = 1;

/// Why a state is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Version(u8),
    OtherAggregate,
    Malformed,
}

pub(super) fn encode(stream: &Stream, spec: &Spec) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.put_raw(&spec.fingerprint.to_le_bytes());
    out.put_i64(stream.latest);
    // What was told and is not known to have arrived will be told again.
    out.put_i64(stream.confirmed_to());
    out.put_u64(stream.dropped.late);
    out.put_u64(stream.dropped.ahead);
    out.put_flag(stream.dropped.told);
    out.put_count(stream.changed.len());
    stream.changed.iter().for_each(|end| out.put_i64(*end));
    put_origin(stream.origin.as_deref(), &mut out);
    out.put_count(stream.panes.len());
    for (plan, panes) in &stream.panes {
        put_plan(plan, &mut out);
        out.put_count(panes.len());
        for (start, groups) in panes {
            out.put_i64(*start);
            groups.encode(&mut out);
        }
    }
    out
}

pub(super) fn decode(bytes: &[u8], spec: &Spec) -> Result<Stream, Refused> {
    let mut reader = Reader::new(bytes);
    match reader.byte() {
        Some(VERSION) => {}
        Some(other) => return Err(Refused::Version(other)),
        None => return Err(Refused::Malformed),
    }
    if reader.take(8).ok_or(Refused::Malformed)? != spec.fingerprint.to_le_bytes() {
        return Err(Refused::OtherAggregate);
    }
    read(&mut reader, spec).filter(|_| reader.is_at_end()).ok_or(Refused::Malformed)
}

fn read(reader: &mut Reader<'_>, spec: &Spec) -> Option<Stream> {
    let (latest, closed_to) = (reader.i64()?, reader.i64()?);
    // Steps are counted from there.
    if floor(closed_to, spec.every) != closed_to {
        return None;
    }
    let dropped = Dropped { late: reader.u64()?, ahead: reader.u64()?, told: reader.flag()? };
    let changed = (0..reader.count(1)?).map(|_| reader.i64()).collect::<Option<_>>()?;
    let origin = read_origin(reader)?;
    let mut stream = Stream { origin, latest, closed_to, dropped, changed, ..Stream::default() };
    for _ in 0..reader.count(1)? {
        let plan = Arc::new(read_plan(reader, spec)?);
        let mut panes = std::collections::BTreeMap::new();
        for _ in 0..reader.count(3)? {
            let start = reader.i64()?;
            if floor(start, spec.every) != start {
                return None;
            }
            panes.insert(start, Groups::decode(reader, spec, &plan)?);
        }
        stream.panes.push((plan, panes));
    }
    Some(stream)
}

fn put_origin(origin: Option<&Origin>, out: &mut Vec<u8>) {
    out.put_flag(origin.is_some());
    let Some(origin) = origin else { return };
    for field in [&origin.host, &origin.service, &origin.source, &origin.tenant, &origin.stream] {
        put_text(field.as_deref(), out);
    }
    out.put_count(origin.tags.len());
    for (name, value) in &origin.tags {
        out.put_bytes(name.as_bytes());
        out.put_bytes(value.as_bytes());
    }
}

fn read_origin(reader: &mut Reader<'_>) -> Option<Option<Arc<Origin>>> {
    if !reader.flag()? {
        return Some(None);
    }
    let mut text = || read_text(reader);
    let mut origin = Origin {
        host: text()?,
        service: text()?,
        source: text()?,
        tenant: text()?,
        stream: text()?,
        // What comes of several events has no place in what they were read from.
        identity: None,
        tags: Vec::new(),
    };
    for _ in 0..reader.count(2)? {
        origin.tags.push((reader.str()?.to_owned(), reader.str()?.to_owned()));
    }
    Some(Some(Arc::new(origin)))
}

fn put_text(text: Option<&str>, out: &mut Vec<u8>) {
    out.put_flag(text.is_some());
    if let Some(text) = text {
        out.put_bytes(text.as_bytes());
    }
}

fn read_text(reader: &mut Reader<'_>) -> Option<Option<String>> {
    if reader.flag()? { Some(Some(reader.str()?.to_owned())) } else { Some(None) }
}

fn put_plan(plan: &Plan, out: &mut Vec<u8>) {
    out.put_bytes(plan.input.as_bytes());
    out.put_bytes(plan.out.name.as_bytes());
    out.put_bytes(plan.out.doc.as_bytes());
    out.put_count(plan.out.fields.len());
    for field in &plan.out.fields {
        out.put_bytes(field.name.as_bytes());
        out.put_byte(position(&ROLES, &field.role));
        out.put_byte(position(&TYPES, &field.value_type));
        put_text(field.unit.as_deref(), out);
        put_text(field.otel.as_deref(), out);
        out.put_bytes(field.doc.as_bytes());
    }
    plan.group.iter().for_each(|name| out.put_bytes(name.as_bytes()));
    for measure in &plan.measures {
        out.put_byte(measure.numeric.map_or(0, |numeric| position(&NUMERICS, &numeric) + 1));
        out.put_count(measure.names.len());
        measure.names.iter().for_each(|name| out.put_bytes(name.as_bytes()));
    }
}

fn read_plan(reader: &mut Reader<'_>, spec: &Spec) -> Option<Plan> {
    let input = reader.str()?.to_owned();
    let mut out = Schema::new(reader.str()?.to_owned()).doc(reader.str()?.to_owned());
    for _ in 0..reader.count(5)? {
        let name = reader.str()?.to_owned();
        let role = *ROLES.get(usize::from(reader.byte()?))?;
        let value_type = *TYPES.get(usize::from(reader.byte()?))?;
        let mut field = FieldSchema::attribute(name, value_type);
        field.role = role;
        field.unit = read_text(reader)?.map(Cow::Owned);
        field.otel = read_text(reader)?.map(Cow::Owned);
        field.doc = reader.str()?.to_owned().into();
        out.fields.push(field);
    }
    let group = spec.group_by.iter().map(|_| Some(reader.str()?.to_owned())).collect::<Option<_>>()?;
    let mut measures = Vec::new();
    for _ in &spec.measures {
        let numeric = match reader.byte()? {
            0 => None,
            n => Some(*NUMERICS.get(usize::from(n - 1))?),
        };
        let names = (0..reader.count(1)?).map(|_| Some(reader.str()?.to_owned())).collect::<Option<_>>()?;
        measures.push(PlannedMeasure { numeric, names });
    }
    Some(Plan { input, out: Arc::new(out), group, measures })
}

/// The tables that the bytes of a state are numbers of: what is new goes to the end.
const ROLES: [Role; 5] = [
    Role::Dimension,
    Role::Attribute,
    Role::Measure(MetricKind::Gauge),
    Role::Measure(MetricKind::Counter(Temporality::Delta)),
    Role::Measure(MetricKind::Counter(Temporality::Cumulative)),
];
const TYPES: [ValueType; 13] = [
    // What is not in the table is number 0.
    ValueType::Any,
    ValueType::Bool,
    ValueType::I64,
    ValueType::U64,
    ValueType::F64,
    ValueType::Timestamp,
    ValueType::Duration,
    ValueType::Str,
    ValueType::Bytes,
    ValueType::Array,
    ValueType::Object,
    ValueType::Histogram,
    ValueType::Sketch,
];
const NUMERICS: [Numeric; 4] = [Numeric::Unsigned, Numeric::Signed, Numeric::Duration, Numeric::Float];

fn position<T: PartialEq>(table: &[T], value: &T) -> u8 {
    table.iter().position(|v| v == value).unwrap_or(0) as u8
}
