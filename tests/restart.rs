//! A process that dies at any moment, as one built with `panic = "abort"` does when a component panics, goes on where it
//! was: no line is lost, and a stream stays in order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dendro::parsers::nginx::NginxAccess;
use dendro::sinks::file::{FileSink, Fsync};
use dendro::sources::FileSource;
use dendro::{Pipeline, from_fn};

const LINES: u64 = 12_000;
const FOLDER: &str = "DENDRO_TEST_FOLDER";
const LIVES: &str = "DENDRO_TEST_EVENTS_TO_LIVE";

/// Not a test of its own: what the parent runs, in a process that it can lose.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let lives = Arc::new(AtomicU64::new(std::env::var(LIVES).unwrap().parse().unwrap()));
    let folder = Path::new(&folder);
    let pipeline = Pipeline::line(
        FileSource::new(folder.join("access.log"))
            .follow(false)
            .read_bytes(4_096)
            .checkpoints(folder.join("checkpoints")),
    )
    .transform(NginxAccess::combined())
    .transform(from_fn(move |batch| {
        let events = batch.len() as u64;
        if lives.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(events)).is_err() {
            std::process::abort();
        }
        // Long enough that a process stores a checkpoint or two in its life: it does so every half second.
        std::thread::sleep(Duration::from_millis(10));
        Ok(())
    }))
    .sink(ndjson(&folder.join("out.ndjson")))
    .dead_letters(ndjson(&folder.join("dead.ndjson")))
    .build()
    .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(pipeline.run(std::future::pending())).unwrap();
    std::fs::write(folder.join("done"), "").unwrap();
}

/// Acknowledges what survives the process.
fn ndjson(path: &Path) -> FileSink {
    FileSink::builder(path.display().to_string()).fsync(Fsync::Never).build().unwrap()
}

#[test]
fn a_process_that_dies_again_and_again_loses_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = String::new();
    for n in 0..LINES {
        let request =
            if n % 97 == 0 { "not a request line".to_owned() } else { format!("GET /{n} HTTP/1.1") };
        if n % 101 == 0 {
            writeln!(log, "refused {n}").unwrap();
        } else {
            writeln!(log, "192.0.2.1 - - [20/Nov/2026:16:59:47 +0000] \"{request}\" 200 {n} \"-\" \"-\"")
                .unwrap();
        }
    }
    std::fs::write(folder.path().join("access.log"), log).unwrap();

    let mut deaths = 0;
    let mut random = 0x2545_f491_4f6c_dd1du64;
    while !folder.path().join("done").exists() {
        // xorshift: how many events the next process lives for.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let lives = 3_000 + random % 3_000;
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(LIVES, lives.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        deaths += u32::from(!status.success());
        assert!(deaths < 200, "it makes no progress");
    }

    let mut seen: HashMap<u64, u32> = HashMap::new();
    let mut last = None;
    let mut order_of_first = true;
    for line in std::fs::read_to_string(folder.path().join("out.ndjson")).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("no line is torn");
        let n = event["body_bytes_sent"].as_u64().unwrap();
        let count = seen.entry(n).or_default();
        if *count == 0 {
            order_of_first &= last.is_none_or(|l| l < n);
            last = Some(n);
        }
        *count += 1;
    }
    let mut refused = HashMap::new();
    for line in std::fs::read_to_string(folder.path().join("dead.ndjson")).unwrap().lines() {
        let letter: serde_json::Value = serde_json::from_str(line).expect("no line is torn");
        *refused.entry(letter["raw"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    let missing: Vec<u64> = (0..LINES).filter(|n| n % 101 != 0 && !seen.contains_key(n)).collect();
    assert!(missing.is_empty(), "lost after {deaths} deaths: {missing:?}");
    let unrefused: Vec<u64> =
        (0..LINES).filter(|n| n % 101 == 0 && !refused.contains_key(&format!("refused {n}"))).collect();
    assert!(unrefused.is_empty(), "lost after {deaths} deaths: {unrefused:?}");
    assert!(order_of_first, "first deliveries are in order");
    let repeated: u32 = seen.values().map(|n| n - 1).sum();
    println!("{deaths} deaths, {LINES} lines in, 0 lost, {repeated} delivered again");
    assert!(deaths > 1, "it did not die often enough to mean anything");
}
