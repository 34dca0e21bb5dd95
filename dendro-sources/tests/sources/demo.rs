use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dendro_core::pipeline::{OutputReceiver, QueueLimits, StopSwitch};
use dendro_core::{ManualClock, Outcome, Output, Source, SourceContext, SourceError, Timestamp};
use dendro_sources::demo::DemoSource;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// 2023-11-14 22:13:20 UTC.
const NOW: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);

fn start(mut source: DemoSource) -> (JoinHandle<Result<(), SourceError>>, OutputReceiver, StopSwitch) {
    let (out, sent) = Output::for_test(QueueLimits::default());
    let (cx, stop) = SourceContext::for_test("demo", Arc::new(ManualClock::new(NOW)));
    (tokio::spawn(async move { source.run(out, cx).await }), sent, stop)
}

async fn lines(source: DemoSource) -> Vec<String> {
    let (_run, sent, _stop) = start(source);
    let mut lines = Vec::new();
    while let Some(mut batch) = sent.recv().await {
        lines.extend(batch.iter().map(|e| e.get("message").unwrap().as_str().unwrap().to_owned()));
        batch.take_acks().resolve(Outcome::Delivered);
    }
    lines
}

#[tokio::test(start_paused = true)]
async fn a_seed_gives_the_same_lines_however_they_are_paced() {
    let first = lines(DemoSource::new().unlimited().count(2_500).seed(7)).await;
    let paced = lines(DemoSource::new().rate(333.0).count(2_500).seed(7)).await;
    assert_eq!(first.len(), 2_500);
    assert_eq!(first, paced);
    assert_ne!(first, lines(DemoSource::new().unlimited().count(2_500).seed(8)).await);
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_kept_to() {
    let began = Instant::now();
    let (_run, sent, _stop) = start(DemoSource::new().rate(1_000.0).count(10_000));
    let mut seen = 0;
    while let Some(mut batch) = sent.recv().await {
        seen += batch.len();
        let allowed = began.elapsed().as_secs_f64() * 1_000.0 + 1.0;
        assert!(seen as f64 <= allowed, "{seen} > {allowed}");
        batch.take_acks().resolve(Outcome::Delivered);
    }
    let took = began.elapsed();
    assert_eq!(seen, 10_000);
    assert!(took > Duration::from_millis(9_900) && took < Duration::from_millis(10_100), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_rate_sends_one_event_at_a_time() {
    let began = Instant::now();
    assert_eq!(lines(DemoSource::new().rate(0.1).count(4)).await.len(), 4);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(30) && took < Duration::from_secs(31), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn it_stops_when_told_and_waits_for_its_receipts() {
    for source in [DemoSource::new(), DemoSource::new().rate(0.0), DemoSource::new().unlimited()] {
        let (run, sent, stop) = start(source);
        tokio::time::sleep(Duration::from_millis(500)).await;
        stop.stop();
        while let Some(mut batch) = sent.recv().await {
            assert!(!run.is_finished());
            batch.take_acks().resolve(Outcome::Delivered);
        }
        run.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn positions_are_those_of_the_lines_in_one_stream() {
    let (_run, sent, _stop) = start(DemoSource::new().unlimited().count(3_000));
    let mut next = 0;
    while let Some(mut batch) = sent.recv().await {
        for e in batch.iter() {
            assert_eq!(e.position(), next);
            next += e.raw().len() as u64 + 1;
            assert!(e.is_unparsed());
        }
        batch.take_acks().resolve(Outcome::Delivered);
    }
}

#[tokio::test(start_paused = true)]
async fn the_lines_are_combined_format_and_look_like_a_site() {
    let lines = lines(DemoSource::new().unlimited().count(20_000)).await;
    let (mut paths, mut statuses, mut agents, mut hosts) =
        (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
    for line in &lines {
        let parts: Vec<&str> = line.split('"').collect();
        assert_eq!(parts.len(), 7, "{line}");
        let head: Vec<&str> = parts[0].trim().split(' ').collect();
        assert_eq!(
            (head.len(), head[1], head[3], head[4]),
            (5, "-", "[14/Nov/2023:22:13:20", "+0000]"),
            "{line}"
        );
        let documented = ["192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:"];
        assert!(documented.iter().any(|net| head[0].starts_with(net)), "{line}");
        assert!(head[0].parse::<std::net::IpAddr>().is_ok(), "{line}");
        let request: Vec<&str> = parts[1].split(' ').collect();
        assert_eq!(request.len(), 3, "{line}");
        let (status, bytes) = parts[2].trim().split_once(' ').unwrap();
        bytes.parse::<u64>().unwrap();
        assert!(parts[3] == "-" || parts[3].contains("://"), "{line}");
        assert!(line.len() < 380, "{line}");
        *paths.entry(request[1]).or_insert(0) += 1;
        *statuses.entry(status.parse::<u16>().unwrap() / 100).or_insert(0) += 1;
        *agents.entry(parts[5]).or_insert(0) += 1;
        *hosts.entry(head[0]).or_insert(0) += 1;
    }
    let share = |n: i32| f64::from(n) / lines.len() as f64;
    assert!(share(statuses[&2]) > 0.6 && share(statuses[&2]) < 0.9, "{statuses:?}");
    assert!(share(statuses[&3]) > 0.05 && share(statuses[&4]) > 0.02, "{statuses:?}");
    assert!(share(statuses[&5]) > 0.003 && share(statuses[&5]) < 0.02, "{statuses:?}");
    assert!(share(paths["/"]) > 0.05 && paths.len() > 300, "{} paths", paths.len());
    assert_eq!(agents.len(), 10);
    assert!(hosts.len() > 300);
}
