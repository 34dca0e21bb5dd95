//! A real Redis tells how it is, goes away and comes back.

use crate::live;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use crate::certificates::Certificates;
use crate::collect_support::{Asked, check_schemas, is, number, text};
use dendro_core::{MetricKind, Role, Source, Value};
use dendro_parsers::collect::redis::RedisInfo;
use dendro_parsers::collect::{CollectSource, Tls};

fn info(redis: &live::Server) -> RedisInfo {
    RedisInfo::new(&format!("127.0.0.1:{}", redis.port())).unwrap()
}

#[tokio::test]
async fn redis_tells_of_itself_goes_away_and_comes_back() {
    let Some(mut redis) = live::redis("maxmemory-policy noeviction\n") else { return };
    let commands =
        b"SET a 1\r\nGET a\r\nGET none\r\nSETEX b 1000 2\r\nSELECT 3\r\nLPUSH l 1\r\nGET l\r\nQUIT\r\n";
    redis.http(commands);
    let asked = Asked::often(info(&redis).command_stats(true));
    let scraped = asked.until(true).await;
    let event = scraped.one("redis_info");
    assert_eq!((text(event, "role"), text(event, "maxmemory_policy")), ("master", "noeviction"));
    assert_eq!((number(event, "keyspace_hits"), number(event, "keyspace_misses")), (2.0, 1.0));
    assert!(number(event, "used_memory") > 100_000.0 && number(event, "used_cpu_sys") >= 0.0);
    assert!(text(event, "redis_version").contains('.'));
    assert_eq!(event.get("rdb_last_bgsave_duration"), None, "there was none");
    let first = scraped.with("redis_keyspace", "db", 0u64);
    assert_eq!((number(first, "keys"), number(first, "expires")), (2.0, 1.0));
    assert_eq!(number(scraped.with("redis_keyspace", "db", 3u64), "keys"), 1.0);
    let get = scraped.with("redis_command", "command", "get");
    assert_eq!((number(get, "calls"), number(get, "failed_calls")), (3.0, 1.0));
    assert_eq!(number(scraped.with("redis_error", "error", "WRONGTYPE"), "count"), 1.0);
    let next = asked.until(true).await;
    let connections = |event| number(event, "total_connections_received");
    assert_eq!(connections(next.one("redis_info")), connections(event), "one connection is kept");

    redis.kill();
    let down = asked.until(false).await;
    assert!(down.error().starts_with("can't connect to 127.0.0.1:"), "{}", down.error());
    redis.start();
    asked.until(true).await;
}

#[tokio::test]
async fn a_replica_is_told_by_both_sides() {
    let Some(master) = live::redis("repl-diskless-sync-delay 0\n") else { return };
    let Some(replica) = live::redis(&format!("replicaof 127.0.0.1 {}\n", master.port())) else { return };
    let (of_master, of_replica) = (Asked::often(info(&master)), Asked::often(info(&replica)));
    let upper = of_master.until_it(|s| s.any("redis_replica", |e| is(e, "state", "online"))).await;
    let event = upper.with("redis_replica", "state", "online");
    assert_eq!((text(event, "ip"), number(event, "port")), ("127.0.0.1", f64::from(replica.port())));
    assert!(number(event, "lag") < 60.0);
    let lower = of_replica.until_it(|s| s.any("redis_info", |e| is(e, "master_link_status", "up"))).await;
    assert_eq!(text(lower.one("redis_info"), "role"), "slave");
}

#[tokio::test]
async fn a_password_gets_in_and_never_out() {
    let Some(redis) = live::redis("user monitor on >s3cret +info\nuser default off\n") else { return };
    let right = info(&redis).user("monitor").password("s3cret");
    assert!(!format!("{right:?}").contains("s3cret"));
    assert!(Asked::often(right).scrape().await.is_up());
    let asked = Asked::often(info(&redis).user("monitor").password("hunter2"));
    let wrong = asked.scrape().await;
    assert!(wrong.error().starts_with("AUTH was refused: WRONGPASS"), "{}", wrong.error());
    assert!(!format!("{wrong:?} {:?}", asked.harness.problems()).contains("hunter2"));
    let without = Asked::often(info(&redis)).scrape().await;
    assert!(without.error().starts_with("INFO was refused: NOAUTH"), "{}", without.error());
}

#[tokio::test]
async fn tls_is_spoken() {
    let own = Certificates::new("localhost");
    let port = live::free_port();
    let tls = format!(
        "tls-port {port}\ntls-cert-file server.pem\ntls-key-file server.key\ntls-ca-cert-file server.pem\ntls-auth-clients no\n"
    );
    let Some(_redis) = live::redis_with(&own.files(), &tls) else { return };
    let redis = RedisInfo::new(&format!("localhost:{port}")).unwrap();
    let scraped = Asked::often(redis.tls(Tls::new().authorities_pem(own.authority.clone()))).scrape().await;
    assert!(scraped.is_up(), "{scraped:?}");
}

/// Answers one connection after the other with these bytes.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(answer);
        }
    });
    address
}

#[tokio::test]
async fn what_is_no_redis_says_what_was_found() {
    for (answer, expected) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "INFO was not answered as Redis does, but with `HTTP/1.1 400 Bad Request`",
        ),
        (b"", "INFO was not answered: the connection was closed"),
        (b"$-1\r\n", "INFO was not answered as Redis does, but with `$-1`"),
        (b"$99999999999\r\n", "INFO was not answered as Redis does, but with `$99999999999`"),
        (b"$100\r\nrole:master\r\n", "INFO was not answered to the end"),
        (b"$3\r\nabc\r\n", "INFO was answered with nothing that is known"),
    ] {
        let scraped = Asked::often(RedisInfo::new(&answering(answer)).unwrap()).scrape().await;
        assert_eq!(scraped.error(), expected);
    }
}

#[tokio::test]
async fn numbers_of_other_versions_become_fields_too() {
    let address = answering(
        b"$66\r\n# New\r\nrole:master\r\nbrand_new:12.5\r\nNot Plain:1\r\nwords:a b\r\nx:-1\r\n\r\n",
    );
    let collector = RedisInfo::new(&address).unwrap();
    let scraped = Asked::often(collector).scrape().await;
    let event = scraped.one("redis_info");
    assert_eq!(event.get("brand_new"), Some(&Value::F64(12.5)));
    let names: Vec<&str> = event.fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["brand_new", "role", "target"]);
}

#[test]
fn schemas_are_complete() {
    let source = CollectSource::new(RedisInfo::new("localhost").unwrap(), Duration::from_secs(1));
    assert_eq!(check_schemas(&source).len(), 6);
    let info = source.schemas().into_iter().find(|schema| schema.name == "redis_info").unwrap();
    let is_counter =
        |name: &str| matches!(info.get(name).unwrap().role, Role::Measure(MetricKind::Counter(_)));
    assert!(is_counter("total_commands_processed") && !is_counter("connected_clients"));
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_is_opened_anew_within_the_scrape() {
    let Some(redis) = live::redis("") else { return };
    let asked = Asked::often(info(&redis));
    asked.until(true).await;
    for _ in 0..3 {
        redis.http(b"CLIENT KILL TYPE normal SKIPME yes\r\nQUIT\r\n");
        assert!(asked.scrape().await.is_up());
        assert!(asked.scrape().await.is_up());
    }
}
