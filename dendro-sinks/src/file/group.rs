//! The events of a write by the file that they go to.

use std::collections::HashMap;
use std::path::PathBuf;

use dendro_core::json::JsonEncoder;
use dendro_core::{Batch, EventRef};

use super::template::Template;
use crate::encode::in_turns;

/// What a write has for one file.
pub(super) struct Group {
    pub(super) path: PathBuf,
    /// A line for each event.
    pub(super) text: Vec<u8>,
    /// The events' numbers in the write.
    pub(super) events: Vec<u32>,
}

const MINUTE_NANOS: i64 = 60_000_000_000;

/// Encodes the events of a write, in their order, to one buffer per file.
pub(super) async fn group(
    batches: &[Batch],
    template: &Template,
    json: &mut JsonEncoder,
    mut buffer: impl FnMut() -> Vec<u8>,
) -> Vec<Group> {
    let mut sorter =
        Sorter { template, path: String::new(), minute: None, known: HashMap::new(), names: Vec::new() };
    let mut groups: Vec<Group> = Vec::new();
    let mut number = 0;
    let mut run: Vec<EventRef<'_>> = Vec::new();
    let total = batches.iter().map(Batch::len).sum();
    for batch in batches {
        json.prepare(batch);
        in_turns(batch, |events| {
            let mut current = None;
            for event in events {
                let to = sorter.find(event);
                if current.is_some_and(|c| c != to) {
                    flush(current, &mut run, &mut groups, json);
                }
                current = Some(to);
                if groups.len() == to {
                    let path = PathBuf::from(sorter.names.get(to).map_or("", String::as_str));
                    // Most writes go to one file.
                    let events = Vec::with_capacity(if to == 0 { total } else { 0 });
                    groups.push(Group { path, text: buffer(), events });
                }
                if let Some(group) = groups.get_mut(to) {
                    group.events.push(number);
                }
                number += 1;
                run.push(event);
            }
            flush(current, &mut run, &mut groups, json);
        })
        .await;
    }
    groups
}

/// Encodes events that follow one another and go to the same file.
fn flush(to: Option<usize>, run: &mut Vec<EventRef<'_>>, groups: &mut [Group], json: &mut JsonEncoder) {
    if let Some(group) = to.and_then(|to| groups.get_mut(to)) {
        json.encode_events(run.drain(..), &mut group.text);
    }
}

/// Numbers the paths in the order in which they occur.
struct Sorter<'a> {
    template: &'a Template,
    path: String,
    minute: Option<(i64, usize)>,
    known: HashMap<String, usize>,
    names: Vec<String>,
}

impl Sorter<'_> {
    fn find(&mut self, event: EventRef<'_>) -> usize {
        // Without fields, all events of a minute, or all there are, have the same path.
        let minute =
            if self.template.by_time { event.timestamp().as_nanos().div_euclid(MINUTE_NANOS) } else { 0 };
        if let Some((_, group)) = self.minute.filter(|(m, _)| *m == minute && !self.template.by_field) {
            return group;
        }
        self.template.write_path(event, &mut self.path);
        let group = match self.known.get(&self.path) {
            Some(group) => *group,
            None => {
                let group = self.names.len();
                self.known.insert(self.path.clone(), group);
                self.names.push(self.path.clone());
                group
            }
        };
        self.minute = Some((minute, group));
        group
    }
}
