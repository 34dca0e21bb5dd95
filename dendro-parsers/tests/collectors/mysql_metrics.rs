//! A real MariaDB tells how it is, goes away and comes back.

use crate::live;
use std::time::Duration;

use crate::collect_support::{Asked, Scraped, check_schemas, is, number, text};
use dendro_core::{Event, MetricKind, Role, Source, Value};
use dendro_parsers::collect::CollectSource;
use dendro_parsers::collect::mysql::MysqlStatus;

fn status(mariadb: &live::Server) -> MysqlStatus {
    MysqlStatus::new(&format!("127.0.0.1:{}", mariadb.port())).unwrap()
}

fn run(mariadb: &live::Server, sql: &str) {
    live::mysql(mariadb, &[sql]);
}

#[tokio::test]
async fn mariadb_tells_of_itself_goes_away_and_comes_back() {
    let Some(mut mariadb) = live::mariadb("max-connections=77\n") else { return };
    let asked = Asked::often(status(&mariadb));
    let first = asked.until(true).await;
    let event = first.one("mysql_status");
    assert!(text(event, "version").contains("MariaDB"));
    assert_eq!((number(event, "max_connections"), event.get("read_only")), (77.0, Some(&Value::Bool(false))));
    assert!(number(event, "threads_connected") >= 1.0 && number(event, "uptime") < 600.0);
    assert!(number(event, "innodb_buffer_pool_pages_total") > 0.0);
    assert!(event.fields.len() > 300, "what is not known is told as well: {}", event.fields.len());
    assert!(first.of("mysql_replica").is_empty());
    run(&mariadb, "CREATE DATABASE d; CREATE TABLE d.t (n INT); INSERT INTO d.t VALUES (1), (2), (3)");
    let after = asked.until_it(|s| s.any("mysql_command", |e| is(e, "command", "insert"))).await;
    assert_eq!(number(after.with("mysql_command", "command", "insert"), "count"), 1.0);
    assert!(number(after.one("mysql_status"), "questions") > number(event, "questions"));
    let connections = |scraped: &Scraped| number(scraped.one("mysql_status"), "connections");
    assert_eq!(connections(&asked.until(true).await), connections(&after), "one connection is kept");

    mariadb.kill();
    let down = asked.until(false).await;
    assert!(down.error().contains("127.0.0.1:") || down.error().contains("lost"), "{}", down.error());
    assert_eq!(down.0.len(), 1);
    mariadb.start();
    assert_eq!(asked.until(true).await.of("mysql_status").len(), 1);
}

#[tokio::test]
async fn a_replica_tells_how_far_it_is() {
    let Some(source) = live::mariadb("log-bin=binlog\nserver-id=1\n") else { return };
    let Some(replica) = live::mariadb("server-id=2\n") else { return };
    run(
        &source,
        "CREATE USER repl@'127.0.0.1' IDENTIFIED BY 'r3pl'; GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'",
    );
    let port = source.port();
    run(
        &replica,
        &format!(
            "CHANGE MASTER 'up' TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='repl', MASTER_PASSWORD='r3pl', \
         MASTER_LOG_FILE='binlog.000001', MASTER_LOG_POS=4; START SLAVE 'up'"
        ),
    );
    let asked = Asked::often(status(&replica));
    let runs = |e: &Event| is(e, "io_running", "Yes") && e.get("seconds_behind").is_some();
    let scraped = asked.until_it(|s| s.any("mysql_replica", runs)).await;
    let event = scraped.one("mysql_replica");
    assert_eq!((text(event, "channel"), text(event, "source_host")), ("up", "127.0.0.1"));
    assert_eq!((number(event, "source_port"), text(event, "sql_running")), (f64::from(port), "Yes"));
    assert_eq!((number(event, "last_io_errno"), number(event, "seconds_behind") >= 0.0), (0.0, true));
    run(&replica, "STOP SLAVE 'up'");
    let stopped = asked.until_it(|s| s.any("mysql_replica", |e| is(e, "io_running", "No"))).await;
    assert_eq!(stopped.one("mysql_replica").get("seconds_behind"), None);
}

#[tokio::test]
async fn a_password_gets_in_and_never_out_and_a_socket_is_as_good() {
    let Some(mariadb) = live::mariadb("") else { return };
    run(&mariadb, "CREATE USER monitor@'%' IDENTIFIED BY 's3cret'");
    let right = status(&mariadb).user("monitor").password("s3cret");
    assert!(!format!("{right:?}").contains("s3cret"));
    let asked = Asked::often(right);
    let scraped = asked.scrape().await;
    assert!(scraped.is_up(), "{scraped:?}");
    asked.scrape().await;
    let told: Vec<String> = asked.harness.problems().into_iter().map(|problem| problem.message).collect();
    assert!(told.len() == 1 && told[0].contains("gives no mysql_replica: Access denied"), "{told:?}");
    let asked = Asked::often(status(&mariadb).user("monitor").password("hunter2"));
    let wrong = asked.scrape().await;
    assert!(
        wrong.error().starts_with("MySQL lets us not in: Access denied for user 'monitor'"),
        "{}",
        wrong.error()
    );
    assert!(!format!("{wrong:?} {:?}", asked.harness.problems()).contains("hunter2"));
    let socket = mariadb.folder().join("mysqld.sock");
    let scraped = Asked::often(MysqlStatus::socket(&socket)).scrape().await;
    assert!(scraped.is_up(), "{scraped:?}");
    assert_eq!(text(scraped.one("mysql_status"), "target"), socket.display().to_string());
}

#[test]
fn schemas_are_complete_and_tell_counters_from_gauges() {
    let source = CollectSource::new(MysqlStatus::new("localhost").unwrap(), Duration::from_secs(1));
    assert_eq!(check_schemas(&source).len(), 4);
    let status = source.schemas().into_iter().find(|schema| schema.name == "mysql_status").unwrap();
    let is_counter =
        |name: &str| matches!(status.get(name).unwrap().role, Role::Measure(MetricKind::Counter(_)));
    assert!(is_counter("questions") && is_counter("slow_queries") && !is_counter("threads_running"));
}
