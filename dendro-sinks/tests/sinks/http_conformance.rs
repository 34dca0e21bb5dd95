//! The HTTP sink holds what every sink has to hold, over a server that can be taken down, refuses single events and tells
//! writes apart by their id.

use std::collections::HashSet;
use std::time::Duration;

use crate::http_server::{Reply, Seen, Server};
use dendro_core::{Event, Sink};
use dendro_sinks::HttpSink;
use dendro_sinks::http::{Compression, Encoding};
use dendro_test::conformance::SinkFixture;
use dendro_test::sink_conformance;

struct World {
    server: Server,
    encoding: Encoding,
    compression: Compression,
    max_body_bytes: usize,
}

impl World {
    fn new(encoding: Encoding, compression: Compression, max_body_bytes: usize) -> Self {
        let_time_go_on();
        // Numbered events have no field of this name.
        let server = Server::judging(|seen| {
            let refused = events(seen).iter().position(|event| event.get("unwritable").is_some());
            refused.map_or_else(Reply::ok, |_| Reply::json(200, &rejected(seen)))
        });
        Self { server, encoding, compression, max_body_bytes }
    }
}

/// Called on the runtime of a test, whose time is paused: there it goes on by itself whenever all wait, also for a server,
/// so that every time-out would pass at once. With this it goes on with the real one, twenty times as fast.
pub(crate) fn let_time_go_on() {
    tokio::spawn(async {
        loop {
            let real = Duration::from_millis(1);
            if tokio::task::spawn_blocking(move || std::thread::sleep(real)).await.is_err() {
                return;
            }
            tokio::time::advance(20 * real).await;
        }
    });
}

fn rejected(seen: &Seen) -> String {
    let events = events(seen);
    let bad = events.iter().enumerate().filter(|(_, event)| event.get("unwritable").is_some());
    let named: Vec<String> = bad.map(|(n, _)| format!("{{\"index\":{n},\"reason\":\"no\"}}")).collect();
    format!("{{\"rejected\":[{}]}}", named.join(","))
}

fn events(seen: &Seen) -> Vec<serde_json::Value> {
    let body = match seen.header("Content-Encoding") {
        Some("zstd") => zstd::stream::decode_all(&seen.body[..]).unwrap(),
        _ => seen.body.clone(),
    };
    match seen.header("Content-Type") {
        Some("application/json") => serde_json::from_slice(&body).unwrap(),
        _ => {
            let lines = body.split(|b| *b == b'\n').filter(|line| !line.is_empty());
            lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
        }
    }
}

#[async_trait::async_trait]
impl SinkFixture for World {
    fn sink(&self) -> Box<dyn Sink> {
        let builder = HttpSink::builder(self.server.url("/")).partial_answers(true);
        let builder = builder.encoding(self.encoding).compression(self.compression);
        Box::new(builder.max_body_bytes(self.max_body_bytes).build().unwrap())
    }

    async fn read_back(&self) -> Option<Vec<String>> {
        let mut known = HashSet::new();
        let new = |seen: &Seen| known.insert(seen.header("Idempotency-Key").unwrap().to_owned());
        let kept: Vec<Seen> = self.server.seen().into_iter().filter(new).collect();
        let written = kept.iter().flat_map(events).filter(|event| event.get("unwritable").is_none());
        Some(written.map(|event| event["id"].as_str().unwrap().to_owned()).collect())
    }

    async fn set_down(&self, down: bool) -> bool {
        self.server.set_down(down);
        true
    }

    fn is_idempotent(&self) -> bool {
        true
    }

    fn unwritable(&self) -> Option<Event> {
        Some(Event::new("numbered").with("unwritable", true))
    }
}

const MIB: usize = 1 << 20;

sink_conformance!(lines, World::new(Encoding::Ndjson, Compression::None, MIB));
sink_conformance!(array, World::new(Encoding::JsonArray, Compression::Zstd(1), MIB));
sink_conformance!(in_parts, World::new(Encoding::Ndjson, Compression::None, 1_000));
