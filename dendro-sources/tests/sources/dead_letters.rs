//! Dead letters in files are replayed exactly, each once, whatever they are rotated to, and none is lost on the way.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_core::{
    Batch, Outcome, Pipeline, PipelineBuilder, RunError, RunReport, Sink, SinkError, WriteContext, Written,
    from_fn, json, sink_fn,
};
use dendro_sources::dead_letters::{self, DeadLetterSource};
use dendro_test::batches;
use dendro_test::mock::MockLog;

/// Appends each event as a line of JSON, as the file sink does.
#[derive(Clone)]
struct Ndjson(PathBuf);

#[async_trait::async_trait]
impl Sink for Ndjson {
    async fn write(&self, batches: &[Batch], _cx: &WriteContext) -> Result<Written, SinkError> {
        let mut text = Vec::new();
        for event in batches.iter().flat_map(Batch::iter) {
            json::write_event(event, &mut text);
            text.push(b'\n');
        }
        let mut file = std::fs::File::options().create(true).append(true).open(&self.0).unwrap();
        file.write_all(&text).unwrap();
        Ok(Written::Durable)
    }
}

type Seen = Arc<Mutex<Vec<String>>>;

/// What has come to a sink, which refuses what `refuse` says.
fn collect(seen: &Seen, refuse: impl Fn(&str) -> bool + Clone + Send + Sync + 'static) -> impl Sink {
    let seen = seen.clone();
    sink_fn(move |batches: Vec<Batch>| {
        let mut error = SinkError::partial("refused");
        let ids: Vec<String> = batches.iter().flat_map(batches::ids_of).collect();
        let mut any = false;
        for (n, id) in ids.into_iter().enumerate() {
            if refuse(&id) {
                error = error.reject(n as u32, "not now");
                any = true;
            } else {
                seen.lock().unwrap().push(id);
            }
        }
        async move { if any { Err(error) } else { Ok(()) } }
    })
}

/// A source, a transform that refuses every third event while it is broken, and two sinks, the second of which refuses
/// every fifth.
fn pipeline(log: &MockLog, broken: bool, one: &Seen, two: &Seen) -> PipelineBuilder {
    let number = |id: &str| id.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    let third = move |batch: &mut Batch| {
        for index in 0..batch.end_index() {
            let refused = batch.get(index).is_some_and(|e| broken && number(&batches::id(e)) % 3 == 0);
            if refused {
                batch.reject(index, "every third");
            }
        }
        Ok(())
    };
    Pipeline::builder()
        .source("log", log.source())
        .transform("pass", "log", from_fn(|_| Ok(())))
        .transform("third", "pass", from_fn(third))
        .sink("one", "third", collect(one, |_| false))
        .sink("two", "third", collect(two, move |id| broken && number(id) % 5 == 0))
        .lanes(0)
}

async fn run(builder: PipelineBuilder) -> Result<RunReport, RunError> {
    builder.build().unwrap().run(std::future::pending()).await
}

struct World {
    dir: tempfile::TempDir,
    one: Seen,
    two: Seen,
}

const EVENTS: u64 = 3_000;

impl World {
    /// Letters of `EVENTS` events, in the file `name`.
    async fn with_letters(name: &str) -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap(), one: Seen::default(), two: Seen::default() };
        let log = MockLog::of((0..EVENTS / 100).map(|n| batches::numbered("s", n * 100..n * 100 + 100)));
        let dead = Ndjson(world.path(name));
        let broken = pipeline(&log, true, &world.one, &world.two).dead_letters(dead);
        let report = run(broken).await.unwrap();
        let refused = |name: &str| report.component(name).unwrap().rejected;
        assert_eq!((refused("third"), refused("two")), (1_000, 400));
        assert!(log.outcomes().iter().all(|o| *o == Some(Outcome::DeadLettered)));
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn replay(&self) -> PipelineBuilder {
        let log = MockLog::new();
        pipeline(&log, false, &self.one, &self.two).replay(DeadLetterSource::new(self.dir.path()))
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|n| n != ".replay.lock").collect();
        names.sort();
        names
    }

    fn ensure_all_once(&self) {
        for seen in [&self.one, &self.two] {
            let seen = seen.lock().unwrap();
            let different: HashSet<&String> = seen.iter().collect();
            assert_eq!((seen.len() as u64, different.len() as u64), (EVENTS, EVENTS));
        }
    }
}

fn waiting(path: &Path) -> usize {
    dead_letters::read(path).unwrap().inspect(|(place, letter)| assert!(letter.is_ok(), "{place}")).count()
}

#[tokio::test(start_paused = true)]
async fn every_letter_is_replayed_once_from_the_component_that_refused_it() {
    let world = World::with_letters("dead.ndjson").await;
    // Two letters of one event where two branches have refused it is two letters.
    assert_eq!(waiting(world.dir.path()), 1_400);
    let report = run(world.replay().drop_rejected()).await.unwrap();
    assert_eq!(report.component("replay").unwrap().events_out, 1_400);
    assert_eq!(report.component("pass").unwrap().events_in, 0);
    assert_eq!(report.component("third").unwrap().events_in, 1_000);
    assert_eq!(report.component("two").unwrap().events_out, 1_400);
    world.ensure_all_once();
    assert_eq!((world.names(), waiting(world.dir.path())), (vec!["dead.ndjson.replayed".to_owned()], 0));
    // There is nothing left to do.
    let report = run(world.replay().drop_rejected()).await.unwrap();
    assert_eq!(report.component("replay").unwrap().events_out, 0);
}

#[tokio::test(start_paused = true)]
async fn rotated_and_compressed_files_are_read_as_one() {
    let world = World::with_letters("all").await;
    let text = std::fs::read(world.path("all")).unwrap();
    let lines: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').collect();
    std::fs::remove_file(world.path("all")).unwrap();
    let part = |range: std::ops::Range<usize>| lines[range].concat();
    std::fs::write(world.path("a.ndjson"), part(0..300)).unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&part(300..900)).unwrap();
    std::fs::write(world.path("b.ndjson.gz"), gz.finish().unwrap()).unwrap();
    // Two frames behind each other, and the name of a file whose writer was killed.
    let zst = [zstd::encode_all(&part(900..901)[..], 1), zstd::encode_all(&part(901..1_400)[..], 1)];
    std::fs::write(world.path("c.ndjson.zst.partial"), zst.map(Result::unwrap).concat()).unwrap();
    std::fs::write(world.path("notes.txt"), "no letters").unwrap();
    let source = DeadLetterSource::new(world.dir.path()).remove_replayed(true);
    let builder = pipeline(&MockLog::new(), false, &world.one, &world.two).replay(source).drop_rejected();
    let report = run(builder).await.unwrap();
    assert_eq!(report.component("replay").unwrap().events_out, 1_400);
    world.ensure_all_once();
    assert_eq!(world.names(), ["notes.txt"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_again_is_in_a_new_file() {
    let world = World::with_letters("dead.ndjson").await;
    let again = pipeline(&MockLog::new(), true, &world.one, &world.two)
        .replay(DeadLetterSource::new(world.path("dead.ndjson")))
        .dead_letters(Ndjson(world.path("dead.ndjson")));
    let report = run(again).await.unwrap();
    // What was refused by the transform is again, and by the sink too.
    assert_eq!(report.component("dead_letters").unwrap().events_out, 1_400);
    assert_eq!(world.names(), ["dead.ndjson", "dead.ndjson.replayed"]);
    let report = run(world.replay().drop_rejected()).await.unwrap();
    assert_eq!(report.component("replay").unwrap().events_out, 1_400);
    world.ensure_all_once();
    assert_eq!(world.names(), ["dead.ndjson.replayed", "dead.ndjson~1.replayed"]);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_cannot_be_replayed_is_named_and_left_and_the_rest_goes_on() {
    let world = World::with_letters("dead.ndjson").await;
    let text = std::fs::read_to_string(world.path("dead.ndjson")).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let renamed = first.replacen("\"component\":\"third\"", "\"component\":\"thrid\"", 1);
    assert_ne!(first, renamed);
    let torn = &first[..first.len() / 2];
    let damaged = format!("no letter\n{renamed}\n\n{rest}{torn}");
    std::fs::write(world.path("dead.ndjson"), damaged).unwrap();

    let error = run(world.replay().drop_rejected()).await.unwrap_err();
    assert!(error.to_string().contains("letters that can't be replayed are left: 2 in"), "{error}");
    let told: Vec<&str> = error.report.problems.iter().map(|p| p.message.as_str()).collect();
    for says in [
        "dead.ndjson.replaying:1: not a JSON object",
        "dead.ndjson.replaying:2: the pipeline has no component `thrid`: did you mean `third`?",
        "dead.ndjson.replaying:1403: a torn line at the end is passed over",
    ] {
        assert!(told.iter().any(|t| t.contains(says)), "{says}: {told:?}");
    }
    assert_eq!(error.report.component("replay").unwrap().events_out, 1_399);
    let left: Vec<_> = dead_letters::read(world.dir.path()).unwrap().map(|(place, _)| place.line).collect();
    assert_eq!(left, [1, 2]);

    // The user mends one, and takes the other out.
    let path = world.path("dead.ndjson.replaying");
    let text = std::fs::read_to_string(&path).unwrap();
    let mended = text.replacen("no letter\n", "\n", 1).replacen("\"thrid\"", "\"third\"", 1);
    std::fs::write(&path, mended).unwrap();
    let error = run(world.replay().drop_rejected()).await;
    assert_eq!(error.unwrap().component("replay").unwrap().events_out, 1);
    world.ensure_all_once();
    assert_eq!(world.names(), ["dead.ndjson.replayed"]);
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_was_cut_off_goes_on_and_repeats_no_more_than_it_said() {
    let world = World::with_letters("dead.ndjson").await;
    let mut runs = 0;
    // Each run is dropped, as by a crash, after some time; a sink takes a second for ten events.
    loop {
        let slow = sink_fn({
            let two = world.two.clone();
            move |batches: Vec<Batch>| {
                let two = two.clone();
                async move {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    two.lock().unwrap().extend(batches.iter().flat_map(batches::ids_of));
                    Ok(())
                }
            }
        });
        let builder = Pipeline::builder()
            .source("log", MockLog::new().source())
            .transform("third", "log", from_fn(|_| Ok(())))
            .sink("one", "third", collect(&world.one, |_| false))
            .sink_with("two", "third", slow, |s| s.max_events = 10)
            .queue({
                let mut limits = dendro_core::QueueLimits::default();
                limits.max_events = 10;
                limits
            })
            .lanes(0)
            .drop_rejected()
            .replay(DeadLetterSource::new(world.dir.path()));
        runs += 1;
        let run = tokio::time::timeout(Duration::from_secs(30), run(builder)).await;
        // The lock of a dropped run is free when its tasks are gone.
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Ok(report) = run {
            report.unwrap();
            break;
        }
        assert!(runs < 20, "it does not come to an end");
    }
    assert!(runs > 3, "{runs}");
    for (seen, letters) in [(&world.one, 1_000), (&world.two, 1_400)] {
        let seen = seen.lock().unwrap();
        let different: HashSet<&String> = seen.iter().collect();
        assert_eq!(different.len() as u64, EVENTS);
        // What had settled in the last second, and what was under way: two queues, two writes, one in hand.
        let most = (runs - 1) * (10 + 2 * 10 + 2 * 10 + 1);
        let repeated = seen.len() as u64 - EVENTS;
        assert!(repeated <= most, "{repeated} of {letters} were repeated in {runs} runs");
    }
    assert_eq!(world.names(), ["dead.ndjson.replayed"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_being_written_is_left_alone_and_a_second_replay_refused() {
    let world = World::with_letters("dead.ndjson").await;
    let writer = std::fs::File::open(world.path("dead.ndjson")).unwrap();
    writer.lock().unwrap();
    let report = run(world.replay().drop_rejected()).await.unwrap();
    assert_eq!(report.component("replay").unwrap().events_out, 0);
    assert!(report.problems[0].message.contains("is being written"), "{:?}", report.problems);
    drop(writer);

    let lock = std::fs::File::open(world.path(".replay.lock")).unwrap();
    lock.lock().unwrap();
    let error = run(world.replay().drop_rejected()).await.unwrap_err();
    assert!(error.to_string().contains("another replay is running"), "{error}");
    drop(lock);
    run(world.replay().drop_rejected()).await.unwrap();
    world.ensure_all_once();
}
