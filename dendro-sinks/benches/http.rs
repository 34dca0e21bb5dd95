//! What the HTTP sink costs: CPU time of this process for a million events sent to a server in another one, against a bare
//! hyper client that sends as many bodies of the same bytes, ready-made. `cargo bench -p dendro-sinks --features http --bench http`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dendro_core::json::JsonEncoder;
use dendro_core::{Batch, Sink, WriteContext, Written};
use dendro_sinks::HttpSink;
use dendro_sinks::http::{Compression, Encoding};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustix::time::{ClockId, clock_gettime};

const EVENTS_A_WRITE: u64 = 2_000;
const RUNS: usize = 5;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("--serve") => serve(),
        // What cargo passes says nothing here; a test run only looks whether it works.
        _ => measure(if std::env::args().any(|arg| arg == "--quick") { 20 } else { 500 }),
    }
}

/// Ten fields of about twenty bytes, as an access log has them.
fn batch() -> Batch {
    let mut batch = dendro_test::batches::numbered("a", 0..EVENTS_A_WRITE);
    for index in 0..batch.len() {
        let mut event = batch.get_mut(index).unwrap();
        for field in ["host", "method", "path", "query", "referer", "user_agent", "remote_addr", "request_id"]
        {
            event.insert(field, "twenty bytes of text").unwrap();
        }
    }
    batch
}

fn measure(writes: u64) {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let batch = Arc::new(batch());
    let mut body = Vec::new();
    JsonEncoder::new().encode_lines(&batch, &mut body);
    let body = Bytes::from(body);
    let array = Bytes::from([b"[", &body[..body.len() - 1], b"]"].concat());
    let million = 1e6 / (writes * EVENTS_A_WRITE) as f64;
    println!(
        "{} events of {} bytes in {writes} requests; CPU seconds a million events, medians of {RUNS}",
        writes * EVENTS_A_WRITE,
        body.len() as u64 / EVENTS_A_WRITE
    );
    let bare = |body: &Bytes| median(|| runtime.block_on(bare(server.port, body.clone(), writes))) * million;
    let encode = median(|| {
        let (mut out, mut json) = (Vec::new(), JsonEncoder::new());
        for _ in 0..writes {
            out.clear();
            json.encode_lines(&batch, &mut out);
        }
    }) * million;
    println!("encoding alone                       {encode:.3}");
    for (name, encoding, compression, ready) in [
        ("lines", Encoding::Ndjson, Compression::None, &body),
        ("array", Encoding::JsonArray, Compression::None, &array),
        ("lines, zstd 1", Encoding::Ndjson, Compression::Zstd(1), &body),
    ] {
        let bare = bare(ready);
        let builder = HttpSink::builder(format!("http://127.0.0.1:{}/", server.port)).encoding(encoding);
        let sink = builder.compression(compression).build().unwrap();
        let sent = median(|| runtime.block_on(send(&sink, &batch, writes))) * million;
        println!(
            "{name:<14} sink {sent:.3}, bare hyper {bare:.3}: ratio {:.2}; sink without encoding {:.2}",
            sent / bare,
            (sent - encode) / bare
        );
    }
}

async fn send(sink: &HttpSink, batch: &Batch, writes: u64) {
    let batches = [batch.without_acks()];
    for n in 0..writes {
        let cx = WriteContext::new(format!("{n:032x}"), 1, Duration::from_secs(60));
        assert_eq!(sink.write(&batches, &cx).await.unwrap(), Written::Durable);
    }
}

async fn bare(port: u16, body: Bytes, writes: u64) {
    let tcp = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let (mut requests, connection) = http1::handshake(TokioIo::new(tcp)).await.unwrap();
    let driver = tokio::spawn(connection);
    for _ in 0..writes {
        requests.ready().await.unwrap();
        let request = Request::post("/").header("host", "localhost").body(Full::new(body.clone())).unwrap();
        let answer = requests.send_request(request).await.unwrap();
        assert!(answer.status().is_success());
        answer.into_body().collect().await.unwrap();
    }
    driver.abort();
}

fn median(mut run: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let before = clock_gettime(ClockId::ProcessCPUTime);
            run();
            let after = clock_gettime(ClockId::ProcessCPUTime);
            (after.tv_sec - before.tv_sec) as f64 + (after.tv_nsec - before.tv_nsec) as f64 / 1e9
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[RUNS / 2]
}

/// In a process of its own, so that its CPU time does not count.
struct Server {
    port: u16,
    child: Child,
}

impl Server {
    fn start() -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program).arg("--serve").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { port: line.trim().parse().unwrap(), child }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    for tcp in listener.incoming() {
        std::thread::spawn(move || drop(tcp.and_then(answer)));
    }
}

fn answer(tcp: TcpStream) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::with_capacity(256 << 10, tcp.try_clone()?), tcp);
    let mut line = String::new();
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().unwrap();
                }
                Some(_) => {}
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink())?;
        writer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    }
}
