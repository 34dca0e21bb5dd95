//! A transform of one's own: the requests of each client since the start, as a field of every event.
//!
//! `cargo run --example custom_transform` prints demo traffic with `client_requests` on each line. The same
//! `impl Transform` can run in the sandbox as a plugin.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::HashMap;
use std::sync::Arc;

use dendro::parsers::nginx::NginxAccess;
use dendro::sinks::ConsoleSink;
use dendro::sources::DemoSource;
use dendro::{Batch, FieldSchema, Pipeline, Schema, Transform, TransformError, ValueType, filter};

/// Counts by `remote_addr`. Clients that come too late to be counted get no field: what is kept stays bounded.
#[derive(Clone, Default)]
struct ClientRequests {
    seen: HashMap<String, u64>,
}

const MOST_CLIENTS: usize = 10_000;

impl Transform for ClientRequests {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        // Once a batch, not once an event.
        let out = batch.add_key("client_requests")?;
        let Some(client) = batch.find_key("remote_addr") else { return Ok(()) };
        batch.try_for_each(|mut event| {
            let view = event.view();
            let Some(address) = view.get_key(client).and_then(|v| v.as_str()) else { return Ok(()) };
            if !self.seen.contains_key(address) {
                if self.seen.len() >= MOST_CLIENTS {
                    return Ok(());
                }
                self.seen.insert(address.to_owned(), 0);
            }
            let Some(count) = self.seen.get_mut(address) else { return Ok(()) };
            *count += 1;
            let count = *count;
            event.insert_key(out, count)?;
            Ok(())
        })
    }

    // Sinks, documentation and the config schema are made from what a transform says that it emits.
    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        let field = FieldSchema::cumulative("client_requests", ValueType::U64)
            .unit("{request}")
            .doc("Requests of this client since the pipeline began.");
        input.iter().map(|s| Arc::new((**s).clone().field(field.clone()))).collect()
    }

    // The batches of one stream then always meet the same instance, in order.
    fn is_stateful(&self) -> bool {
        true
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pipeline = Pipeline::line(DemoSource::new().count(20))
        .transform(NginxAccess::combined())
        .transform(ClientRequests::default())
        // Small things are closures.
        .transform(filter(|e| e.get("status").and_then(|v| v.as_u64()).is_some_and(|s| s < 500)))
        .sink(ConsoleSink::stdout())
        .drop_rejected()
        .build()?;
    let report = pipeline.run(std::future::pending()).await?;
    eprintln!("{report}");
    Ok(())
}
