//! What transforms cost against the plainest loop for the same work on the same batch, and how often they allocate:
//! `cargo bench -p dendro-transforms --bench transforms`.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::alloc::System;
use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use dendro_core::{Batch, Event, SignedDuration, Timestamp, Transform};
use dendro_transforms::aggregate::{Aggregate, Measure};
use dendro_transforms::{CastTo, Condition, Dedupe, Filter, Map, Redact, Route, Sample, Throttle};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const EVENTS: u64 = 1_000;
const TURNS: usize = 300;

fn events() -> Batch {
    let event = |n: u64| {
        Event::new("request")
            .at(Timestamp::from_nanos(1_700_000_000_000_000_000 + n as i64 * 10_000_000))
            .with("method", ["GET", "POST", "PUT"][n as usize % 3])
            .with("path", format!("/shop/items/{}", n % 50))
            .with("status", [200u64, 200, 200, 404, 503][n as usize % 5])
            .with("size", n * 37 % 10_000)
            .with("took", SignedDuration::from_nanos((n * 7_919 % 1_000) as i64 * 1_000_000))
            .with("user", format!("user {}", n % 97))
            .with("agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
            .with("count", "17")
    };
    Batch::from_events(&(0..EVENTS).map(event).collect::<Vec<_>>()).unwrap()
}

/// Nanoseconds and allocations an event, without what copying the batch costs.
fn measure(batch: &Batch, mut work: impl FnMut(&mut Batch)) -> (f64, f64) {
    let mut times = Vec::with_capacity(TURNS);
    let mut allocations = usize::MAX;
    for _ in 0..TURNS {
        let mut copy = batch.without_acks();
        let region = Region::new(ALLOCATOR);
        let started = Instant::now();
        work(&mut copy);
        times.push(started.elapsed());
        let change = region.change();
        allocations = allocations.min(change.allocations + change.reallocations);
        black_box(copy);
    }
    times.sort();
    (times[TURNS / 2].as_nanos() as f64 / EVENTS as f64, allocations as f64 / EVENTS as f64)
}

fn compare(name: &str, mut transform: impl Transform, plain: impl FnMut(&mut Batch)) {
    let batch = events();
    let (ours, allocations) = measure(&batch, |batch| transform.transform(batch).unwrap());
    let (loop_, _) = measure(&batch, plain);
    println!(
        "{name:12} {ours:7.1} ns an event, {allocations:.3} allocations; loop {loop_:7.1} ns; ratio {:.2}",
        loop_ / ours
    );
}

fn main() {
    let status = |e: dendro_core::EventRef<'_>, key| e.get_key(key).and_then(|v| v.as_u64()).unwrap_or(0);
    compare("filter", Filter::drop(Condition::field("status").at_least(500u64)), |batch| {
        let key = batch.find_key("status").unwrap();
        batch.retain(|e| status(e, key) < 500);
    });
    let failed = Condition::field("status").at_least(500u64);
    compare("route", Route::new().port("failed", failed).unwrap(), |batch| {
        let key = batch.find_key("status").unwrap();
        let _ = batch.try_for_each(|mut e| {
            let port = u16::from(status(e.view(), key) < 500);
            e.set_port(port);
            Ok::<(), ()>(())
        });
    });
    compare(
        "map",
        Map::new().set("env", "prod").rename("agent", "user_agent").cast("count", CastTo::U64),
        |batch| {
            let (env, count) = (batch.add_key("env").unwrap(), batch.add_key("count").unwrap());
            batch
                .try_for_each(|mut e| {
                    e.insert_key(env, "prod")?;
                    e.rename("agent", "user_agent")?;
                    let number = e.view().get_key(count).and_then(|v| v.as_str()?.parse::<u64>().ok());
                    e.insert_key(count, number.unwrap_or(0))
                })
                .unwrap();
        },
    );
    compare("sample", Sample::share(0.5).unwrap().by(["user"]), |batch| {
        let key = batch.find_key("user").unwrap();
        batch.retain(|e| {
            let user = e.get_key(key).and_then(|v| v.as_bytes()).unwrap_or_default();
            xxhash_rust::xxh3::xxh3_64(user) < u64::MAX / 2
        });
    });
    compare("throttle", Throttle::events_per_second(1e6).unwrap().by(["user"]), |batch| {
        let key = batch.find_key("user").unwrap();
        let mut seen = HashMap::<Vec<u8>, u64>::new();
        batch.retain(|e| {
            let user = e.get_key(key).and_then(|v| v.as_bytes()).unwrap_or_default();
            let count = match seen.get_mut(user) {
                Some(count) => count,
                None => seen.entry(user.to_vec()).or_default(),
            };
            *count += 1;
            *count < 1_000_000
        });
    });
    compare("dedupe", Dedupe::within(Duration::from_secs(60)).by(["user"]), |batch| {
        let key = batch.find_key("user").unwrap();
        let mut seen = std::collections::HashSet::new();
        batch.retain(|e| {
            seen.insert(xxhash_rust::xxh3::xxh3_128(e.get_key(key).unwrap().as_bytes().unwrap()))
        });
    });
    let aggregate = Aggregate::tumbling(Duration::from_secs(3_600))
        .group_by(["method", "status"])
        .measure(Measure::count())
        .measure(Measure::sum("size"))
        .measure(Measure::max("took"))
        .measure(Measure::quantiles("took", [0.5, 0.99]))
        .build()
        .unwrap();
    // The loop knows the fields and their types, and keeps all values instead of a sketch.
    compare("aggregate", aggregate, |batch| {
        let key = |name| batch.find_key(name).unwrap();
        let (method, code, size, took) = (key("method"), key("status"), key("size"), key("took"));
        let mut groups = HashMap::<(String, u64), (u64, u64, f64, Vec<f64>)>::new();
        for e in batch.iter() {
            let group = (e.get_key(method).unwrap().as_str().unwrap().to_owned(), status(e, code));
            let group = groups.entry(group).or_default();
            let seconds = e.get_key(took).unwrap().as_f64().unwrap();
            group.0 += 1;
            group.1 += e.get_key(size).unwrap().as_u64().unwrap();
            group.2 = group.2.max(seconds);
            group.3.push(seconds);
        }
        for group in groups.values_mut() {
            group.3.sort_by(f64::total_cmp);
        }
        black_box(groups);
        batch.retain(|_| false);
    });
    let redact = Redact::new().emails().unwrap().ip_addresses().unwrap().card_numbers().unwrap();
    // Looks for one byte that an address would have, in each text: the least that can be done.
    compare("redact", redact, |batch| {
        let found = batch.iter().flat_map(|e| e.fields()).filter(|(_, value)| {
            value.as_bytes().is_some_and(|text| memchr::memchr3(b'@', b'.', b':', text).is_some())
        });
        black_box(found.count());
    });
}
