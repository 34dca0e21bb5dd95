//! Counting what goes by, for the answer at the end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dendro::{Batch, Sink, SinkError, Timestamp, WriteContext, Written};

/// What was seen so far.
#[derive(Default)]
pub(crate) struct Summary {
    requests: u64,
    by_class: [u64; 10],
    paths: HashMap<String, u64>,
    sizes: Vec<u64>,
    times: Option<(Timestamp, Timestamp)>,
}

/// A sink that only looks: the same events go to the file.
pub(crate) struct Summarize(pub(crate) Arc<Mutex<Summary>>);

#[async_trait::async_trait]
impl Sink for Summarize {
    async fn write(&self, batches: &[Batch], _: &WriteContext) -> Result<Written, SinkError> {
        let mut s = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for event in batches.iter().flat_map(Batch::iter) {
            s.requests += 1;
            let status = event.get("status").and_then(|v| v.as_u64()).unwrap_or(0);
            s.by_class[(status / 100 % 10) as usize] += 1;
            s.sizes.extend(event.get("body_bytes_sent").and_then(|v| v.as_u64()));
            let path = event.get("path").and_then(|v| v.as_str()).unwrap_or("(none)");
            // Bounded, whatever a scanner asks for.
            if let Some(count) = s.paths.get_mut(path) {
                *count += 1;
            } else if s.paths.len() < 100_000 {
                s.paths.insert(path.to_owned(), 1);
            }
            let time = event.timestamp();
            let (first, last) = s.times.unwrap_or((time, time));
            s.times = Some((first.min(time), last.max(time)));
        }
        Ok(Written::Durable)
    }
}

/// Prints what one would want to know.
pub(crate) fn print(s: &mut Summary) {
    let Some((first, last)) = s.times else { return println!("no requests") };
    let seconds = last.since(first).as_secs_f64().max(1.0);
    println!("{} requests from {first} to {last}, {:.1} a second", s.requests, s.requests as f64 / seconds);
    let classes = [("1xx", 1), ("2xx", 2), ("3xx", 3), ("4xx client errors", 4), ("5xx server errors", 5)];
    for (name, class) in classes.into_iter().filter(|(_, c)| s.by_class[*c] > 0) {
        let count = s.by_class[class];
        println!("  {name:<18} {count:>9}  {:5.1}%", 100.0 * count as f64 / s.requests as f64);
    }
    s.sizes.sort_unstable();
    let at = |q: f64| s.sizes[((s.sizes.len() - 1) as f64 * q) as usize];
    if !s.sizes.is_empty() {
        println!("response size, bytes: p50 {}, p90 {}, p99 {}, max {}", at(0.5), at(0.9), at(0.99), at(1.0));
    }
    let mut paths: Vec<_> = s.paths.iter().collect();
    paths.sort_by_key(|(path, count)| (std::cmp::Reverse(**count), path.as_str()));
    println!("top paths:");
    paths.iter().take(10).for_each(|(path, count)| println!("  {count:>9}  {path}"));
}
