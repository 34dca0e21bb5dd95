//! Files that are there already, and many of them.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[tokio::test]
async fn a_restart_appends() {
    for compression in [Compression::None, Compression::Gzip(6), Compression::Zstd(3)] {
        let bench = Bench::new();
        for n in 0..3 {
            let sink = bench.builder("a").compression(compression).build().unwrap();
            write(&sink, "1", &batch([n])).await.unwrap();
            drain(&sink).await;
        }
        assert_eq!(bench.files().len(), 1);
        assert_eq!(bench.all_numbers(), [0, 1, 2], "{compression:?}");
        assert_eq!(bench.notices(), "");
    }
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_reported() {
    let bench = Bench::new();
    let line = "{\"timestamp\":\"1970-01-01T00:00:00.000000000Z\",\"n\":7}\n";
    for (before, torn) in [
        (line.to_owned(), "{\"timesta".to_owned()),
        (String::new(), "{\"timestamp\":\"19".to_owned()),
        (line.repeat(5_000), format!("{{\"timestamp\":\"{}", "x".repeat(200_000))),
        (line.to_owned(), line.trim_end().to_owned()),
    ] {
        std::fs::write(bench.path("a.ndjson"), format!("{before}{torn}")).unwrap();
        let sink = bench.builder("a.ndjson").build().unwrap();
        write(&sink, "1", &batch([8])).await.unwrap();
        drain(&sink).await;
        let numbers = bench.numbers("a.ndjson");
        assert_eq!(numbers.len(), before.lines().count() + 1);
        assert_eq!(numbers.last(), Some(&8));
        assert!(bench.notices().contains(&format!("cut off {} bytes", torn.len())), "{}", bench.notices());
    }
}

#[tokio::test]
async fn what_others_have_written_is_never_cut_off() {
    let bench = Bench::new();
    std::fs::write(bench.path("a.ndjson"), "precious, without newline").unwrap();
    let sink = bench.builder("a.ndjson").build().unwrap();
    write(&sink, "1", &batch([8])).await.unwrap();
    let text = std::fs::read_to_string(bench.path("a.ndjson")).unwrap();
    assert!(text.starts_with("precious, without newline\n{\"timestamp\""), "{text}");
}

#[tokio::test]
async fn a_torn_compressed_file_is_put_aside_and_another_begun() {
    for compression in [Compression::Gzip(6), Compression::Zstd(3)] {
        let bench = Bench::new();
        let name = format!("a.ndjson{}", compression.extension());
        let sink = bench.builder("a.ndjson").compression(compression).fsync(Fsync::Never).build().unwrap();
        write(&sink, "1", &batch([1])).await.unwrap();
        // What a killed process leaves.
        let torn = std::fs::read(bench.path(&name)).unwrap();
        drop(sink);
        std::fs::write(bench.path(&name), &torn).unwrap();
        let sink = bench.builder("a.ndjson").compression(compression).build().unwrap();
        write(&sink, "1", &batch([2])).await.unwrap();
        drain(&sink).await;
        assert_eq!(bench.numbers(&name), [2]);
        let files = bench.files();
        assert_eq!(files.len(), 2, "{files:?}");
        let aside = files.iter().find(|f| **f != name).unwrap();
        assert!(std::fs::read(bench.path(aside)).unwrap() == torn);
        assert!(bench.notices().contains("its end is torn"), "{}", bench.notices());
    }
}

#[tokio::test]
async fn more_files_than_may_be_open_are_all_written() {
    for compression in [Compression::None, Compression::Gzip(1), Compression::Zstd(1)] {
        let bench = Bench::new();
        let sink = bench
            .builder("{to}/x.ndjson")
            .compression(compression)
            .max_open(3)
            .atomic_finish(true)
            .build()
            .unwrap();
        let names: Vec<String> = (0..10).map(|n| format!("to{n}")).collect();
        for round in 0..3 {
            let all: Vec<(&str, u64)> = names.iter().map(|n| (n.as_str(), round)).collect();
            write(&sink, &round.to_string(), &batch_to(&all)).await.unwrap();
        }
        let open = || {
            std::fs::read_dir("/proc/self/fd")
                .unwrap()
                .filter_map(|e| std::fs::read_link(e.ok()?.path()).ok())
        };
        let own = bench.dir.path().to_owned();
        assert!(open().filter(|p| p.starts_with(&own)).count() <= 3);
        drain(&sink).await;
        // Whatever was still open is finished; the others are whole, and wait for more.
        for name in bench.files() {
            assert_eq!(bench.numbers(&name), [0, 1, 2], "{compression:?} {name}");
        }
        assert_eq!(bench.files().len(), 10);
    }
}

#[tokio::test]
async fn files_are_private_unless_told_otherwise() {
    let bench = Bench::new();
    let mode = |name: &str| std::fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o777;
    let sink = bench.builder("p/q/a.ndjson").build().unwrap();
    write(&sink, "1", &batch([1])).await.unwrap();
    assert_eq!((mode("p"), mode("p/q"), mode("p/q/a.ndjson")), (0o700, 0o700, 0o600));
    let sink = bench.builder("r/a.ndjson").file_mode(0o640).dir_mode(0o750).build().unwrap();
    write(&sink, "1", &batch([1])).await.unwrap();
    assert_eq!((mode("r"), mode("r/a.ndjson")), (0o750, 0o640));
}

#[tokio::test]
async fn hostile_fields_stay_below_the_base() {
    let bench = Bench::new();
    let sink = bench.builder("base/{to}/{to}.ndjson").build().unwrap();
    let hostile = ["..", "../../x", "/etc/x", ".", "", "a\0b", "a/b", "\\..\\"];
    let all: Vec<(&str, u64)> = hostile.iter().zip(0..).map(|(to, n)| (*to, n)).collect();
    write(&sink, "1", &batch_to(&all)).await.unwrap();
    drain(&sink).await;
    assert!(bench.files().iter().all(|f| f.starts_with("base/")), "{:?}", bench.files());
    let mut numbers = bench.all_numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..8).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_path_by_time_and_origin() {
    let bench = Bench::new();
    let sink = bench.builder("{type}/%Y-%m-%d/{host}-%H%M.ndjson").with_origin(true).build().unwrap();
    let mut batch = Batch::default();
    let schema = Arc::new(dendro_core::Schema::new("nginx_access"));
    let origin = Arc::new(dendro_core::Origin { host: Some("web-1".to_owned()), ..Default::default() });
    let (ty, origin) = (batch.add_type(&schema).unwrap(), batch.add_origin(&origin).unwrap());
    for (n, time) in
        ["2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z", "2026-11-20T23:59:00.5Z"].iter().enumerate()
    {
        let mut event = batch.push_event(ty, origin, Timestamp::EPOCH);
        event.set_time(Timestamp::parse_rfc3339(time));
        event.insert("n", n as u64).unwrap();
    }
    write(&sink, "1", &[batch]).await.unwrap();
    let names = ["nginx_access/2026-11-20/web-1-2359.ndjson", "nginx_access/2026-11-21/web-1-0000.ndjson"];
    assert_eq!(bench.files(), names);
    assert_eq!((bench.numbers(names[0]), bench.numbers(names[1])), (vec![0, 2], vec![1]));
    assert!(decoded(&bench.path(names[0])).contains("\"host\":\"web-1\""));
}
