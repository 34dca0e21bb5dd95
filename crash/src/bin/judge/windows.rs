//! The judge's own count of what an aggregate has counted.

use std::collections::BTreeMap;

use crate::deliveries::Delivery;
use crate::formats::Expected;
use crate::input::Input;
use crate::json::Json;

/// A stream, a second and a status.
pub(crate) type Key = (u32, String, String);

/// How many access-log records there are of each.
pub(crate) fn count(input: &Input) -> BTreeMap<Key, u64> {
    let mut counts = BTreeMap::new();
    for (id, record) in &input.records {
        let Expected::Event { fields, .. } = &record.expected else { continue };
        let of = |wanted| fields.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        if let (Some(Json::Text(second)), Some(Json::Number(status))) = (of("timestamp"), of("status")) {
            *counts.entry((id.stream, second.clone(), status.clone())).or_default() += 1;
        }
    }
    counts
}

/// What a result says: of what, and how many.
pub(crate) fn result(delivery: &Delivery) -> Option<(Key, u64)> {
    let number = |name| match delivery.field(name) {
        Some(Json::Number(number)) => Some(number.clone()),
        _ => None,
    };
    let stream = delivery.field("stream")?.text()?.rsplit_once("/app")?.1;
    let stream = stream.strip_suffix(".log")?.parse().ok()?;
    let second = delivery.field("timestamp")?.text()?.to_owned();
    Some(((stream, second, number("status")?), number("count")?.parse().ok()?))
}
