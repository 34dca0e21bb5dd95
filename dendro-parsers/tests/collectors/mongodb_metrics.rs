//! A peer that speaks MongoDB's protocol plays the server: it answers with documents that were written by hand from the
//! documentation.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::collect_support::{Asked, check_schemas, number, text};
use dendro_core::Value;
use dendro_parsers::collect::CollectSource;
use dendro_parsers::collect::mongodb::MongodbMetrics;
use mongodb::bson::{Bson, DateTime, Document, doc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const OP_REPLY: i32 = 1;
const OP_QUERY: i32 = 2004;
const OP_MSG: i32 = 2013;

/// What the server answers to which command.
type Answers = Arc<Mutex<Vec<(&'static str, Document)>>>;

/// A server that runs until it is dropped, with its connections.
struct Peer {
    port: u16,
    _tasks: JoinSet<()>,
}

impl Peer {
    async fn start(port: u16, answers: &Answers) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let (port, answers) = (listener.local_addr().unwrap().port(), answers.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let answers = answers.clone();
                connections.spawn(async move { drop(serve(stream, answers).await) });
            }
        });
        Self { port, _tasks: tasks }
    }

    fn metrics(&self) -> MongodbMetrics {
        MongodbMetrics::new(&format!("mongodb://127.0.0.1:{}/", self.port)).unwrap()
    }
}

/// Answers what is asked, by the first key of the command.
async fn serve(mut stream: TcpStream, answers: Answers) -> std::io::Result<()> {
    loop {
        let mut header = [0; 16];
        stream.read_exact(&mut header).await?;
        let int = |at: usize| i32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let (length, id, code) = (int(0), int(4), int(12));
        let mut body = vec![0; length as usize - 16];
        stream.read_exact(&mut body).await?;
        // Behind flags and kind of section; behind flags, collection, and two counts.
        let at = match code {
            OP_QUERY => 4 + body[4..].iter().position(|byte| *byte == 0).unwrap() + 1 + 8,
            _ => 5,
        };
        let command = Document::from_reader(&body[at..]).unwrap();
        let name = command.keys().next().unwrap().clone();
        let answer = answer(&name, &answers).to_vec().unwrap();
        let (code, before) = match code {
            OP_QUERY => {
                // Flags, cursor, first and number of documents.
                let mut before = vec![0; 16];
                before.extend(1i32.to_le_bytes());
                (OP_REPLY, before)
            }
            _ => (OP_MSG, vec![0; 5]),
        };
        let length = (16 + before.len() + answer.len()) as i32;
        let header = [length, 1, id, code].map(i32::to_le_bytes).concat();
        stream.write_all(&[header, before, answer].concat()).await?;
    }
}

fn answer(name: &str, answers: &Answers) -> Document {
    if ["hello", "ismaster"].contains(&name.to_ascii_lowercase().as_str()) {
        return doc! {
            "ok": 1.0, "ismaster": true, "isWritablePrimary": true, "helloOk": true, "minWireVersion": 0, "maxWireVersion": 21,
            "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000,
        };
    }
    let answers = answers.lock().unwrap();
    let known = answers.iter().find(|(command, _)| *command == name).map(|(_, answer)| answer.clone());
    known.unwrap_or_else(|| doc! { "ok": 0.0, "code": 59, "codeName": "CommandNotFound", "errmsg": format!("no such command: '{name}'") })
}

/// As the documentation describes the answer of a standalone server.
fn server_status(inserts: i64) -> Document {
    doc! {
        "ok": 1.0, "host": "db1", "version": "7.0.14", "process": "mongod", "uptime": 1_234.0,
        "connections": { "current": 5, "available": 51_195, "totalCreated": 1_023, "active": 2 },
        "opcounters": { "insert": inserts, "query": 7_i64 },
        "network": { "bytesIn": 1_000_i64, "bytesOut": 2_000_i64, "numRequests": 30_i64 },
        "mem": { "bits": 64, "resident": 101, "virtual": 2_602, "supported": true },
        "storageEngine": { "name": "wiredTiger" },
        "wiredTiger": { "cache": { "bytes currently in the cache": 123_456, "maximum bytes configured": 1_073_741_824_i64 } },
    }
}

fn answers(all: &[(&'static str, Document)]) -> Answers {
    Arc::new(Mutex::new(all.to_vec()))
}

#[tokio::test]
async fn a_server_tells_how_it_is_goes_away_and_comes_back() {
    let answers = answers(&[("serverStatus", server_status(10))]);
    let peer = Peer::start(0, &answers).await;
    let asked = Asked::often(peer.metrics());
    let first = asked.until(true).await;
    let event = first.one("mongodb");
    assert_eq!((text(event, "version"), text(event, "storage_engine")), ("7.0.14", "wiredTiger"));
    assert_eq!((number(event, "connections_current"), number(event, "opcounters_insert")), (5.0, 10.0));
    assert_eq!((number(event, "uptime"), number(event, "cache_max_bytes")), (1_234.0, 1_073_741_824.0));
    assert_eq!(text(event, "target"), format!("127.0.0.1:{}", peer.port));
    assert!(first.of("mongodb_member").is_empty(), "it is of no replica set");
    *answers.lock().unwrap() = vec![("serverStatus", server_status(42))];
    asked.until_it(|scraped| number(scraped.one("mongodb"), "opcounters_insert") == 42.0).await;

    let port = peer.port;
    drop(peer);
    let down = asked.until(false).await;
    assert_eq!(down.0.len(), 1);
    assert!(down.error().starts_with("no answer to serverStatus: "), "{}", down.error());
    let _peer = Peer::start(port, &answers).await;
    asked.until(true).await;
}

#[tokio::test]
async fn a_member_of_a_replica_set_tells_of_all_members() {
    let mut status = server_status(1);
    status.insert("repl", doc! { "setName": "rs0", "isWritablePrimary": true });
    let member = |name: &str, state: &str, millis: i64| {
        doc! { "name": name, "stateStr": state, "health": 1.0, "optimeDate": DateTime::from_millis(millis), "self": state == "PRIMARY" }
    };
    let members: Vec<Bson> =
        vec![member("a:27017", "PRIMARY", 9_000).into(), member("b:27017", "SECONDARY", 7_000).into()];
    let answers = answers(&[
        ("serverStatus", status),
        ("replSetGetStatus", doc! { "ok": 1.0, "set": "rs0", "members": members }),
    ]);
    let peer = Peer::start(0, &answers).await;
    let scraped = Asked::often(peer.metrics()).until(true).await;
    assert_eq!(text(scraped.one("mongodb"), "repl_set_name"), "rs0");
    let behind = scraped.with("mongodb_member", "member", "b:27017");
    assert_eq!((text(behind, "state"), number(behind, "optime_lag")), ("SECONDARY", 2.0));
    let primary = scraped.with("mongodb_member", "is_self", true);
    assert_eq!(primary.get("optime_lag"), Some(&Value::from(Duration::ZERO)));
}

#[tokio::test]
async fn what_may_not_be_asked_is_told_once_and_the_rest_is_read() {
    let mut status = server_status(1);
    status.insert("repl", doc! { "setName": "rs0" });
    let peer = Peer::start(0, &answers(&[("serverStatus", status)])).await;
    let asked = Asked::often(peer.metrics());
    for _ in 0..3 {
        let scraped = asked.until(true).await;
        assert_eq!((scraped.of("mongodb").len(), scraped.of("mongodb_member").len()), (1, 0));
    }
    let told: Vec<String> = asked.harness.problems().into_iter().map(|problem| problem.message).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("no answer to replSetGetStatus") && told[0].contains("no such command"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_password_is_in_no_error() {
    let peer = Peer::start(0, &answers(&[])).await;
    let connection = format!("mongodb://me@127.0.0.1:{}/?authMechanism=SCRAM-SHA-256", peer.port);
    let asked = Asked::often(MongodbMetrics::new(&connection).unwrap().password("hunter2"));
    let refused = asked.scrape().await;
    assert!(refused.error().starts_with("no answer to serverStatus: "), "{}", refused.error());
    let told = format!("{refused:?} {:?}", asked.harness.problems());
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn schemas_are_complete() {
    let mongodb = MongodbMetrics::new("mongodb://a/").unwrap();
    let names = check_schemas(&CollectSource::new(mongodb, Duration::from_secs(10)));
    assert_eq!(names, ["collector_up", "mongodb", "mongodb_member"]);
}
