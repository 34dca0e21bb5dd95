//! A sink of one's own: lines over TCP, with the driver doing the rest.
//!
//! `cargo run --example custom_sink` sends demo events to a server that it starts itself and that hangs up
//! now and then; nothing is lost.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::time::Duration;

use async_trait::async_trait;
use dendro::json::JsonEncoder;
use dendro::sources::DemoSource;
use dendro::{Batch, Pipeline, Sink, SinkError, SinkSettings, WriteContext, Written};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Sends events as NDJSON and waits for a byte in return.
struct TcpLines {
    address: String,
}

#[async_trait]
impl Sink for TcpLines {
    async fn write(&self, batches: &[Batch], _cx: &WriteContext) -> Result<Written, SinkError> {
        let mut lines = Vec::new();
        let mut encoder = JsonEncoder::new();
        batches.iter().for_each(|batch| encoder.encode_lines(batch, &mut lines));
        // An empty line ends the request. A new connection for each write keeps the example short.
        lines.push(b'\n');
        let failed = |what, e| SinkError::retry(format!("{what} {}", self.address)).with_source(e);
        let mut server =
            TcpStream::connect(&self.address).await.map_err(|e| failed("can't connect to", e))?;
        server.write_all(&lines).await.map_err(|e| failed("can't send to", e))?;
        // Durable means that the other side has said so.
        server.read_u8().await.map_err(|e| failed("no answer from", e))?;
        Ok(Written::Durable)
    }

    // What the driver does unless the user says otherwise: retries, order and time-outs are its business.
    fn settings(&self) -> SinkSettings {
        let mut settings = SinkSettings::default();
        settings.max_events = 100;
        settings.linger = Duration::from_millis(50);
        settings.timeout = Duration::from_secs(5);
        settings
    }
}

/// Counts lines; every third connection is closed without an answer.
async fn server(listener: TcpListener) -> std::io::Result<()> {
    for n in 1.. {
        let (stream, _) = listener.accept().await?;
        let mut stream = BufReader::new(stream);
        let (mut lines, mut line) = (0, String::new());
        while stream.read_line(&mut line).await? > 1 {
            lines += 1;
            line.clear();
        }
        match n % 3 {
            0 => eprintln!("server: hangs up on {lines} lines"),
            _ => {
                stream.write_u8(b'+').await?;
                eprintln!("server: has {lines} lines");
            }
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(server(listener));
    let pipeline =
        Pipeline::line(DemoSource::new().count(300)).sink(TcpLines { address }).drop_rejected().build()?;
    let report = pipeline.run(std::future::pending()).await?;
    eprintln!("{report}");
    Ok(())
}
