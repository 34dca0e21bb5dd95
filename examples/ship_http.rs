//! A log to a web server, at least once, with a key by which the server has each line once.
//!
//! `cargo run --example ship_http -- URL FILE` sends an nginx access log and remembers in `FILE.checkpoints` what was
//! delivered. With a variable `TOKEN` that goes along. Without arguments it sends examples/data/nginx_access.log to a server
//! that it starts itself, which answers every third request with 503 after it has taken it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use dendro::parsers::nginx::NginxAccess;
use dendro::sinks::HttpSink;
use dendro::sinks::http::Compression;
use dendro::sources::FileSource;
use dendro::{Pipeline, Secret};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(url) = arguments.next() else { return demo().await };
    let file = arguments.next().ok_or("usage: ship_http URL FILE")?;
    let mut sink = HttpSink::builder(url).compression(Compression::Gzip(6)).dedup_key("event_id");
    if std::env::var_os("TOKEN").is_some() {
        sink = sink.bearer(Secret::from_env("TOKEN")?);
    }
    let source = FileSource::new(&file).follow(false).checkpoints(format!("{file}.checkpoints"));
    ship(source, sink.build()?).await
}

async fn ship(source: FileSource, sink: HttpSink) -> Result<(), Box<dyn std::error::Error>> {
    let report = Pipeline::line(source)
        .transform(NginxAccess::combined())
        .sink_with(sink, |settings| settings.retry.max = Duration::from_secs(5))
        .drop_rejected()
        .build()?
        .run(std::future::pending())
        .await?;
    eprint!("{report}");
    Ok(())
}

async fn demo() -> Result<(), Box<dyn std::error::Error>> {
    let taken = Arc::new(Mutex::new(Taken::default()));
    let shared = taken.clone();
    let take = move |lines: String| async move { take(&shared, &lines) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/in", listener.local_addr()?);
    let server = axum::serve(listener, Router::new().route("/in", post(take)));
    let server = tokio::spawn(IntoFuture::into_future(server));

    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/nginx_access.log");
    let lines = std::fs::read_to_string(log)?.lines().count();
    let sink = HttpSink::builder(url).dedup_key("event_id").max_body_bytes(100_000).build()?;
    ship(FileSource::new(log).follow(false), sink).await?;
    server.abort();

    let Taken { requests, events, keys } = &*taken.lock().map_err(|_| "the server has panicked")?;
    println!(
        "{lines} lines came as {events} events in {requests} requests, with {} different keys",
        keys.len()
    );
    if keys.len() == lines { Ok(()) } else { Err("that is not every line once".into()) }
}

#[derive(Default)]
struct Taken {
    requests: usize,
    events: usize,
    keys: HashSet<String>,
}

fn take(taken: &Mutex<Taken>, lines: &str) -> StatusCode {
    let Ok(mut taken) = taken.lock() else { return StatusCode::INTERNAL_SERVER_ERROR };
    taken.requests += 1;
    for line in lines.lines() {
        let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else {
            return StatusCode::BAD_REQUEST;
        };
        taken.events += 1;
        taken.keys.extend(event["event_id"].as_str().map(str::to_owned));
    }
    if taken.requests.is_multiple_of(3) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
}
