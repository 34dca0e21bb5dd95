//! The InfluxDB sink against InfluxDB 1, VictoriaMetrics, and servers that answer as versions 2 and 3 do, which can't be had here.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use dendro_core::{
    Batch, Event, FieldSchema, Origin, Outcome, RecordRow, Schema, Sink, SinkError, SinkErrorKind, Timestamp,
    Value, ValueType, WriteContext, Written,
};
use dendro_sinks::influxdb::{Api, InfluxDbSink, InfluxDbSinkBuilder};
use dendro_test::conformance::SinkFixture;
use dendro_test::{SinkHarness, batches, sink_conformance};

use crate::http_conformance::let_time_go_on;
use crate::http_server::{Reply, Seen, Server};
use crate::live;

const LONG: Duration = Duration::from_secs(60);
/// A whole second.
const TIME: Timestamp = Timestamp::from_nanos(1_767_225_600_000_000_000);

async fn write(sink: &InfluxDbSink, batch: Batch) -> Result<Written, SinkError> {
    sink.write(&[batch], &WriteContext::new("0f".repeat(16), 1, LONG)).await
}

/// Events of the type `request` with these values, one a line of one file, all in the same second.
fn requests(values: &[Value]) -> Batch {
    let mut batch = Batch::new(vec![b'x'; values.len() * 100].into()).unwrap();
    let schema = Schema::new("request")
        .field(FieldSchema::dimension("status", ValueType::U64))
        .field(FieldSchema::gauge("size", ValueType::Any));
    let identity = NonZeroU64::new(0x1234_5678_9abc_def0);
    let origin = Origin { host: Some("web, 1".into()), identity, ..Origin::default() };
    let row = RecordRow {
        ty: batch.add_type(&Arc::new(schema)).unwrap(),
        origin: batch.add_origin(&Arc::new(origin)).unwrap(),
        observed: TIME,
    };
    for (n, value) in values.iter().enumerate() {
        batch.push_record(n * 100..n * 100 + 99, n as u64 * 100, row);
        let mut event = batch.get_mut(n).unwrap();
        event.set_parsed();
        event.set_time(Some(TIME));
        event.insert("status", 200u64).unwrap();
        event.insert("size", value).unwrap();
        event.insert("path", "/a \"b\" \\ c").unwrap();
    }
    batch
}

fn integers(n: i64) -> Vec<Value> {
    (0..n).map(Value::I64).collect()
}

/// The text of a request.
fn lines(seen: &Seen) -> Vec<String> {
    let mut text = String::new();
    match seen.header("Content-Encoding") {
        Some("gzip") => drop(flate2::read::GzDecoder::new(&seen.body[..]).read_to_string(&mut text).unwrap()),
        _ => text = String::from_utf8(seen.body.clone()).unwrap(),
    }
    text.lines().map(str::to_owned).collect()
}

/// What InfluxDB 1 answers to a query, as rows of values.
fn query(server: &live::Server, query: &str) -> Vec<Vec<serde_json::Value>> {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let body = server.http_get(&format!("/query?db=logs&u=me&p=hunter2&q={encoded}"));
    // Chunked, in one piece.
    let json = &body[body.find('{').unwrap()..=body.rfind('}').unwrap()];
    let answer: serde_json::Value = serde_json::from_str(json).unwrap();
    assert!(answer["error"].is_null() && answer["results"][0]["error"].is_null(), "{answer}");
    let rows = answer["results"][0]["series"][0]["values"].as_array().cloned().unwrap_or_default();
    rows.into_iter().map(|row| row.as_array().unwrap().clone()).collect()
}

fn create_database(server: &live::Server) {
    let create = "POST /query?u=me&p=hunter2&q=CREATE%20DATABASE%20logs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(server.http(create.as_bytes()).starts_with(b"HTTP/1.1 200"));
}

fn to(server: &live::Server) -> InfluxDbSinkBuilder {
    InfluxDbSink::builder(format!("http://127.0.0.1:{}", server.port()), Api::v1("logs"))
}

#[tokio::test]
async fn every_line_of_a_second_is_a_row_in_influxdb_and_comes_again_as_the_same() {
    let Some(server) = live::influxdb("") else { return };
    create_database(&server);
    let sink = to(&server).build().unwrap();
    for _ in 0..2 {
        assert_eq!(write(&sink, requests(&integers(2_000))).await.unwrap(), Written::Durable);
        let rows = query(&server, "SELECT size, path FROM request ORDER BY time");
        let sizes: Vec<i64> = rows.iter().map(|row| row[1].as_i64().unwrap()).collect();
        assert_eq!(sizes, (0..2_000).collect::<Vec<i64>>(), "in order, and each once");
        assert!(rows.iter().all(|row| row[2] == "/a \"b\" \\ c"));
    }
    let tags = query(&server, "SELECT size FROM request WHERE host = 'web, 1' AND status = '200'");
    assert_eq!(tags.len(), 2_000);
    // Without it there is one.
    let plain = to(&server).distinct_times(false).build().unwrap();
    let mut batch = requests(&integers(50));
    batch.try_for_each(|mut event| event.set_type(&Arc::new(Schema::new("plain")))).unwrap();
    write(&plain, batch).await.unwrap();
    assert_eq!(query(&server, "SELECT size FROM plain").len(), 1);
}

#[tokio::test]
async fn what_influxdb_refuses_is_found_among_the_others() {
    let Some(server) = live::influxdb("") else { return };
    create_database(&server);
    let mut values = integers(300);
    for bad in [7, 8, 250] {
        values[bad] = Value::Str("no integer".into());
    }
    let run = SinkHarness::new(to(&server).build().unwrap()).run([requests(&values)]).await;
    assert_eq!(run.outcomes, [Some(Outcome::DeadLettered)]);
    assert_eq!(run.dead_letters.len(), 3);
    assert!(format!("{:?}", run.dead_letters).contains("field type conflict"), "{:?}", run.dead_letters);
    assert_eq!(query(&server, "SELECT size FROM request").len(), 297);
    // All of them: one request is enough to know.
    let texts = vec![Value::Str("no".into()); 100];
    let run = SinkHarness::new(to(&server).build().unwrap()).run([requests(&texts)]).await;
    assert_eq!(run.dead_letters.len(), 100);
    let log = String::from_utf8(server.read("output")).unwrap();
    let writes = log.lines().filter(|line| line.contains("POST /write")).count();
    assert!(writes < 60, "{writes} requests");
}

#[tokio::test]
async fn a_database_that_is_not_there_yet_and_wrong_credentials_cost_no_event() {
    let Some(server) = live::influxdb("auth-enabled = true") else { return };
    let user = "POST /query?q=CREATE%20USER%20me%20WITH%20PASSWORD%20%27hunter2%27%20WITH%20ALL%20PRIVILEGES HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(server.http(user.as_bytes()).starts_with(b"HTTP/1.1 200"));
    for (sink, why) in [
        (to(&server), "401"),
        (to(&server).basic_auth("me", "wrong"), "401"),
        (to(&server).basic_auth("me", "hunter2"), "database not found"),
    ] {
        let error = write(&sink.build().unwrap(), requests(&integers(3))).await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Retry);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
        assert!(error.to_string().contains(why), "{error}");
    }
    create_database(&server);
    let sink = to(&server).basic_auth("me", "hunter2").build().unwrap();
    write(&sink, requests(&integers(3))).await.unwrap();
    assert_eq!(query(&server, "SELECT size FROM request").len(), 3);
}

#[tokio::test]
async fn victoria_metrics_takes_the_numbers_by_versions_1_and_2() {
    let Some(server) = live::victoria_metrics() else { return };
    let url = format!("http://127.0.0.1:{}", server.port());
    for (api, name) in [(Api::v1("a"), "one"), (Api::v2("org", "bucket"), "two")] {
        let sink = InfluxDbSink::builder(url.clone(), api).build().unwrap();
        let mut batch = requests(&integers(1_000));
        batch.try_for_each(|mut event| event.set_type(&Arc::new(Schema::new(name)))).unwrap();
        write(&sink, batch).await.unwrap();
        // It keeps milliseconds, and all of what was sent to it there.
        server.http_get("/internal/force_flush");
        let exported = server.http_get(&format!("/api/v1/export?match={name}_size"));
        let json = &exported[exported.find('{').unwrap()..=exported.rfind('}').unwrap()];
        let series: serde_json::Value = serde_json::from_str(json).unwrap();
        let values: Vec<f64> =
            series["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
        assert_eq!(values.len(), 1_000);
        assert_eq!(values.iter().sum::<f64>(), 499_500.0);
        assert_eq!(series["metric"]["host"], "web, 1");
    }
}

#[tokio::test]
async fn each_version_is_asked_as_it_wants_to_be() {
    for (api, target, authorization) in [
        (Api::v1("logs"), "/write?precision=ns&db=logs", "Token hunter2"),
        (Api::v2("o", "b"), "/api/v2/write?precision=ns&org=o&bucket=b", "Token hunter2"),
        (
            Api::v3("logs"),
            "/api/v3/write_lp?precision=nanosecond&accept_partial=true&db=logs",
            "Bearer hunter2",
        ),
    ] {
        let server = Server::replies([Reply::status(204)]);
        let sink = InfluxDbSink::builder(server.url(""), api).token("hunter2").build().unwrap();
        assert!(!format!("{sink:?}").contains("hunter2"));
        write(&sink, requests(&integers(2))).await.unwrap();
        let seen = &server.seen()[0];
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", target));
        assert_eq!(seen.header("Authorization"), Some(authorization));
        assert_eq!(seen.header("Content-Encoding"), Some("gzip"));
        assert_eq!(lines(seen).len(), 2);
    }
}

/// As version 3 answers where some lines are bad, by what its documentation shows.
fn judged(seen: &Seen, is_bad: impl Fn(&str) -> bool) -> Reply {
    let lines = lines(seen);
    let bad = lines.iter().enumerate().filter(|(_, line)| is_bad(line));
    let named: Vec<String> = bad
        .map(|(n, line)| {
            let line = serde_json::to_string(line).unwrap();
            format!("{{\"original_line\":{line},\"line_number\":{},\"error_message\":\"no\"}}", n + 1)
        })
        .collect();
    match named.is_empty() {
        true => Reply::status(204),
        false => {
            let data = named.join(",");
            let error = "partial write of line protocol occurred";
            Reply::json(400, &format!("{{\"error\":\"{error}\",\"data\":[{data}]}}"))
        }
    }
}

#[tokio::test]
async fn lines_that_version_3_names_are_the_events_that_are_rejected() {
    let server = Server::judging(|seen| judged(seen, |line| line.contains("\"bad\"")));
    let sink = InfluxDbSink::builder(server.url(""), Api::v3("logs")).build().unwrap();
    let mut values = integers(10);
    // 2 and 3 are in no request, so that the numbers of its lines are not those of the events.
    values[2] = Value::U64(u64::MAX);
    values[3] = Value::U64(u64::MAX);
    values[5] = Value::Str("bad".into());
    values[9] = Value::Str("bad".into());
    let error = write(&sink, requests(&values)).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Partial);
    let mut rejected: Vec<u32> = error.rejected().iter().map(|(event, _)| *event).collect();
    rejected.sort_unstable();
    assert_eq!((rejected, error.retry_events()), (vec![2, 3, 5, 9], &[][..]));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_batch_of_which_nothing_can_be_written_sends_nothing() {
    let server = Server::replies([]);
    let sink = InfluxDbSink::builder(server.url(""), Api::v3("logs")).build().unwrap();
    let error = write(&sink, requests(&vec![Value::U64(u64::MAX); 3])).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Rejected);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_write_that_fails_names_what_could_not_be_written_and_sends_the_rest_again() {
    let server = Server::replies([Reply::status(503), Reply::status(204)]);
    let sink = InfluxDbSink::builder(server.url(""), Api::v1("logs")).build().unwrap();
    let mut values = integers(4);
    values[1] = Value::U64(u64::MAX);
    let error = write(&sink, requests(&values)).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Partial);
    assert_eq!((error.rejected()[0].0, error.retry_events()), (1, &[0, 2, 3][..]));
}

/// A server that keeps points as InfluxDB does: the same one again changes nothing.
struct World {
    server: Server,
    api: Api,
}

impl World {
    fn new(api: Api) -> Self {
        let_time_go_on();
        let named = matches!(api, Api::V3 { .. });
        let server = Server::judging(move |seen| {
            let bad = |line: &str| line.contains("unwritable=");
            match named {
                true => judged(seen, bad),
                false if lines(seen).iter().any(|line| bad(line)) => {
                    Reply::json(400, "{\"error\":\"partial write: field type conflict dropped=1\"}")
                }
                false => Reply::status(204),
            }
        });
        Self { server, api }
    }
}

#[async_trait::async_trait]
impl SinkFixture for World {
    fn sink(&self) -> Box<dyn Sink> {
        Box::new(InfluxDbSink::builder(self.server.url(""), self.api.clone()).build().unwrap())
    }

    async fn read_back(&self) -> Option<Vec<String>> {
        let mut known = BTreeSet::new();
        let points = self.server.seen().iter().flat_map(lines).collect::<Vec<_>>();
        let new =
            points.into_iter().filter(|line| !line.contains("unwritable") && known.insert(line.clone()));
        let id = |line: String| line.split_once("id=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
        Some(new.map(id).collect())
    }

    async fn set_down(&self, down: bool) -> bool {
        self.server.set_down(down);
        true
    }

    fn is_idempotent(&self) -> bool {
        true
    }

    fn unwritable(&self) -> Option<Event> {
        Some(Event::new("numbered").with("unwritable", true))
    }
}

sink_conformance!(points_that_are_searched, World::new(Api::v1("logs")));
sink_conformance!(points_that_are_named, World::new(Api::v3("logs")));

#[tokio::test]
async fn a_run_of_the_pipeline_delivers_what_the_server_takes() {
    let server = Server::judging(|seen| judged(seen, |line| line.contains("n=7i")));
    let sink = InfluxDbSink::builder(server.url(""), Api::v3("logs")).build().unwrap();
    let run = SinkHarness::new(sink).run([batches::numbered("a", 0..10), batches::numbered("b", 0..5)]).await;
    assert_eq!(run.outcomes, [Some(Outcome::DeadLettered), Some(Outcome::Delivered)]);
    assert_eq!(run.dead_raws(), [batches::number("a", 7)]);
}
