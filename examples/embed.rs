//! A pipeline inside a web service: its own `tracing` events, its requests and its metrics, all in one process.
//!
//! `cargo run --example embed` serves on a free port of 127.0.0.1 until Ctrl-C, then drains. With `--once` it asks itself
//! a few times and stops.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Router, routing::get};
use dendro::sinks::ConsoleSink;
use dendro::sources::MetricsSource;
use dendro::sources::memory::{self, MemoryHandle};
use dendro::{Event, Pipeline, sources};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Each request becomes an event. A full pipeline must not hold a request up, so what finds no room is counted instead.
async fn log_request(State(log): State<MemoryHandle>, request: Request, next: Next) -> Response {
    let (method, path, started) =
        (request.method().to_string(), request.uri().path().to_owned(), Instant::now());
    let response = next.run(request).await;
    let event = Event::new("http_request")
        .with("method", method)
        .with("path", path)
        .with("status", u32::from(response.status().as_u16()))
        .with("duration", started.elapsed());
    if log.try_send(event).is_err() {
        metrics::counter!("request_log_shed").increment(1);
    }
    metrics::counter!("requests").increment(1);
    response
}

async fn hello() -> &'static str {
    tracing::info!(visitor = "someone", "saying hello");
    "hello\n"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let once = std::env::args().any(|a| a == "--once");
    let (layer, events) = sources::tracing::layer();
    tracing_subscriber::registry().with(layer).init();
    let metrics = MetricsSource::new(Duration::from_secs(10));
    metrics::set_global_recorder(metrics.recorder())?;
    let (log, requests) = memory::channel();

    let pipeline = Pipeline::builder()
        .source("events", events)
        .source("requests", requests)
        .source("metrics", metrics)
        .sink("console", ["events", "requests", "metrics"], ConsoleSink::stdout())
        .drop_rejected()
        .build()?;
    let handle = pipeline.handle();
    let running = tokio::spawn(pipeline.run(std::future::pending()));

    let app = Router::new().route("/", get(hello)).layer(middleware::from_fn_with_state(log, log_request));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    eprintln!("listening on http://{address}/ (Ctrl-C stops)");
    let stop = async move {
        if once {
            visit(address).await.unwrap_or_else(|e| eprintln!("visit: {e}"));
        } else {
            let _ = tokio::signal::ctrl_c().await;
        }
    };
    // First the service stops taking requests, then the pipeline drains what they left.
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    tracing::info!("the service has stopped");
    handle.stop();
    let report = running.await??;
    eprintln!("{report}");
    Ok(())
}

async fn visit(address: std::net::SocketAddr) -> std::io::Result<()> {
    for path in ["/", "/nowhere", "/"] {
        let mut server = tokio::net::TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        server.write_all(request.as_bytes()).await?;
        server.read_to_end(&mut Vec::new()).await?;
    }
    Ok(())
}
