//! A disk that is really full.

use dendro_test::SmallDisk;

use super::*;

#[tokio::test]
async fn a_full_disk_is_waited_for_and_loses_tears_and_doubles_nothing() {
    for (fsync, compression) in [
        (Fsync::EveryWrite, Compression::None),
        (Fsync::Interval(SECOND), Compression::Gzip(1)),
        (Fsync::Never, Compression::Zstd(1)),
    ] {
        let Some(small) = SmallDisk::mount("1m") else { return };
        let ballast = small.path().join("ballast");
        std::fs::write(&ballast, vec![0; 850 << 10]).unwrap();
        let path = small.path().join("a.ndjson");
        let sink =
            FileSink::builder(path.to_str().unwrap()).fsync(fsync).compression(compression).build().unwrap();
        let (mut failures, mut word) = (0, 1u64);
        for n in 0..100 {
            // Some noise, so that compression can't make it fit.
            let mut noise = || {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                format!("{word:x}")
            };
            let text: String = std::iter::repeat_with(&mut noise).take(400).collect();
            let events = [Batch::from_events([&event(n).with("text", text)]).unwrap()];
            loop {
                match write(&sink, &n.to_string(), &events).await {
                    Ok(_) => break,
                    Err(error) => {
                        let text = error.to_string();
                        assert!(text.starts_with("no space left on device under /"), "{text}");
                        failures += 1;
                        if failures > 3 && ballast.exists() {
                            std::fs::remove_file(&ballast).unwrap();
                        }
                        assert!(failures < 10);
                    }
                }
            }
        }
        assert!(failures > 3, "the disk was never full");
        drain(&sink).await;
        let text = decoded(&path.with_extension(format!("ndjson{}", compression.extension())));
        assert_eq!(text.lines().map(number).collect::<Vec<u64>>(), (0..100).collect::<Vec<u64>>());
    }
}
