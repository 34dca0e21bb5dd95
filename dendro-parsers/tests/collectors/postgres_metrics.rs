//! A real PostgreSQL tells how it is, goes away and comes back.

use crate::live;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::certificates::Certificates;
use crate::collect_support::{Asked, Scraped, check_schemas, is, number, number_of, text};
use dendro_core::{Event, Value};
use dendro_parsers::collect::postgres::PostgresStats;
use dendro_parsers::collect::{CollectSource, Tls};

fn stats(postgres: &live::Server) -> PostgresStats {
    PostgresStats::new(&format!("127.0.0.1:{}", postgres.port())).unwrap()
}

fn psql(postgres: &live::Server, sql: &str) -> Command {
    let mut command = Command::new("psql");
    command.args([
        "-X",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-h",
        "127.0.0.1",
        "-U",
        "postgres",
        "-d",
        "postgres",
        "-c",
        sql,
    ]);
    command.args(["-p", &postgres.port().to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn run(postgres: &live::Server, sql: &str) {
    assert!(psql(postgres, sql).status().unwrap().success(), "{sql}");
}

/// A session in the background, until it is dropped.
struct Session(Child);

impl Session {
    fn new(postgres: &live::Server, sql: &str) -> Self {
        Self(psql(postgres, sql).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn postgres_tells_of_itself_goes_away_and_comes_back() {
    let Some(mut postgres) = live::postgres("track_io_timing = on\n", "") else { return };
    let asked = Asked::often(stats(&postgres));
    let first = asked.until(true).await;
    let server = first.one("postgres_server");
    assert_eq!(
        (server.get("in_recovery"), number(server, "max_connections")),
        (Some(&Value::Bool(false)), 20.0)
    );
    assert!(number(server, "uptime") < 60.0 && number(server, "wal_position") > 0.0);
    let of = |scraped: &Scraped, name: &str| {
        number(scraped.with("postgres_database", "datname", "postgres"), name)
    };
    let before = (of(&first, "xact_commit"), of(&first, "tup_inserted"));
    assert!(of(&first, "frozen_xid_age") >= 0.0);
    run(&postgres, "CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 1000)");
    let after = asked.until_it(|s| of(s, "tup_inserted") >= before.1 + 1000.0).await;
    assert!(of(&after, "xact_commit") > before.0);
    assert!(after.of("postgres_bgwriter").len() == 1 && after.of("postgres_archiver").len() == 1);
    assert!(number(after.one("postgres_bgwriter"), "buffers_alloc") >= 0.0);
    assert!(after.of("postgres_standby").is_empty() && after.of("postgres_replication").is_empty());
    assert!(after.of("postgres_table").is_empty() && after.of("postgres_database_size").is_empty());
    assert!(
        after.of("postgres_activity").iter().any(|event| event.get("state").is_none()),
        "its own processes"
    );

    postgres.stop();
    let down = asked.until(false).await;
    // It ends the connection, lets no other in, and then listens no more.
    let error = down.error();
    let known =
        ["has ended the connection", "connection to PostgreSQL was lost", "lets us not in", "127.0.0.1:"];
    assert!(known.iter().any(|known| error.contains(known)), "{error}");
    assert_eq!(down.0.len(), 1);
    postgres.start();
    let again = asked.until(true).await;
    assert_eq!(again.of("postgres_server").len(), 1);
    let told: Vec<String> = asked.harness.problems().into_iter().map(|problem| problem.message).collect();
    assert!(told.iter().all(|told| told.contains("is down") || told.contains("is up again")), "{told:?}");
}

#[tokio::test]
async fn who_waits_and_for_what_is_told() {
    let Some(postgres) = live::postgres("", "") else { return };
    run(&postgres, "CREATE TABLE t (n int)");
    let asked = Asked::often(stats(&postgres).tables(5));
    let _holds = Session::new(&postgres, "BEGIN; LOCK TABLE t; SELECT pg_sleep(300)");
    asked.until_it(|s| s.any("postgres_locks", |e| is(e, "mode", "AccessExclusiveLock"))).await;
    let _waits = Session::new(&postgres, "SELECT * FROM t");
    let waits = |e: &Event| is(e, "wait_event_type", "Lock") && is(e, "state", "active");
    let scraped = asked.until_it(|s| s.any("postgres_activity", waits)).await;
    let lock = scraped.with("postgres_locks", "granted", false);
    assert_eq!(
        (text(lock, "mode"), text(lock, "locktype"), number(lock, "locks")),
        ("AccessShareLock", "relation", 1.0)
    );
    let waiting = scraped.with("postgres_activity", "wait_event_type", "Lock");
    assert!(number(waiting, "longest_query") >= 0.0 && number(waiting, "connections") == 1.0);
    // The size of the table can't be had, and the rest can.
    assert!(scraped.of("postgres_table").is_empty());
    let told: Vec<String> = asked.harness.problems().into_iter().map(|problem| problem.message).collect();
    let expected = "gives no postgres_table: canceling statement due to lock timeout";
    assert_eq!(told.iter().filter(|message| message.contains(expected)).count(), 1, "{told:?}");
}

#[tokio::test]
async fn the_largest_tables_and_indexes_are_told_by_choice() {
    let Some(postgres) = live::postgres("", "") else { return };
    run(
        &postgres,
        "CREATE TABLE small (n int); CREATE TABLE large (n int PRIMARY KEY, t text); \
                    INSERT INTO large SELECT n, repeat('x', 100) FROM generate_series(1, 5000) n; DELETE FROM large WHERE n < 100",
    );
    run(&postgres, "VACUUM");
    let asked = Asked::often(stats(&postgres).tables(1).database_sizes(true));
    let scraped = asked.until_it(|s| s.of("postgres_table").len() == 1).await;
    let table = scraped.one("postgres_table");
    assert_eq!(
        (text(table, "relname"), text(table, "schemaname"), text(table, "datname")),
        ("large", "public", "postgres")
    );
    let size = |name| number(table, name);
    assert!(
        size("table_size") > 500_000.0 && size("total_size") == size("table_size") + size("indexes_size")
    );
    assert_eq!(text(scraped.one("postgres_index"), "indexrelname"), "large_pkey");
    assert!(number(scraped.with("postgres_database_size", "datname", "postgres"), "size") > 1e6);
    assert!(number(table, "last_vacuum_ago") >= 0.0);
}

#[tokio::test]
async fn replication_is_told_by_both_sides() {
    let Some(primary) = live::postgres("wal_level = replica\n", "") else { return };
    let Some(standby) = live::postgres_standby(&primary, "primary_slot_name = ''\n") else { return };
    run(&primary, "SELECT pg_create_physical_replication_slot('kept', true)");
    let (above, below) = (Asked::often(stats(&primary)), Asked::often(stats(&standby)));
    // The copy that the standby was made from has streamed too; and of a standby that has not answered yet, the primary
    // knows no position.
    let upper = above
        .until_it(|s| {
            let answers =
                |e: &Event| is(e, "state", "streaming") && number_of(e, "replay_lag_bytes").is_some();
            s.of("postgres_replication").len() == 1 && s.any("postgres_replication", answers)
        })
        .await;
    let event = upper.one("postgres_replication");
    assert_eq!((text(event, "client_addr"), text(event, "sync_state")), ("127.0.0.1", "async"));
    assert!(number(event, "replay_lag_bytes") >= 0.0);
    let slot = upper.one("postgres_replication_slot");
    assert_eq!((text(slot, "slot_name"), slot.get("active")), ("kept", Some(&Value::Bool(false))));
    assert!(number(slot, "retained_bytes") >= 0.0);
    let receives = |e: &Event| is(e, "receiver_status", "streaming");
    let lower = below.until_it(|s| s.any("postgres_standby", receives)).await;
    let event = lower.one("postgres_standby");
    assert_eq!(event.get("replay_paused"), Some(&Value::Bool(false)));
    assert!(number(event, "replay_lag_bytes") >= 0.0);
    assert_eq!(lower.one("postgres_server").get("in_recovery"), Some(&Value::Bool(true)));
    run(&standby, "SELECT pg_wal_replay_pause()");
    run(&primary, "CREATE TABLE t (n int)");
    let lags = |e: &Event| number_of(e, "replay_lag_bytes").is_some_and(|lag| lag > 0.0);
    let behind = below.until_it(|s| s.any("postgres_standby", lags)).await;
    assert_eq!(behind.one("postgres_standby").get("replay_paused"), Some(&Value::Bool(true)));
}

#[tokio::test]
async fn a_password_gets_in_over_tls_and_never_out() {
    let own = Certificates::new("localhost");
    let settings = "ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\npassword_encryption = 'scram-sha-256'\n";
    let hba = "hostssl all monitor all scram-sha-256\nhost all monitor all reject";
    let Some(postgres) = live::postgres_with(&own.files(), settings, hba) else { return };
    run(&postgres, "CREATE ROLE monitor LOGIN PASSWORD 's3cret' IN ROLE pg_monitor");
    let tls = || Tls::new().authorities_pem(own.authority.clone());
    let at = |host: &str| PostgresStats::new(&format!("{host}:{}", postgres.port())).unwrap().user("monitor");
    let right = at("localhost").password("s3cret").tls(tls());
    assert!(!format!("{right:?}").contains("s3cret"));
    let scraped = Asked::often(right).scrape().await;
    assert!(scraped.is_up(), "{scraped:?}");
    let asked = Asked::often(at("localhost").password("hunter2").tls(tls()));
    let wrong = asked.scrape().await;
    assert_eq!(
        wrong.error(),
        "PostgreSQL lets us not in: password authentication failed for user \"monitor\""
    );
    assert!(!format!("{wrong:?} {:?}", asked.harness.problems()).contains("hunter2"));
    let plain = Asked::often(at("localhost").password("s3cret")).scrape().await;
    assert!(plain.error().contains("pg_hba.conf rejects connection"), "{}", plain.error());
    let other = Asked::often(at("127.0.0.1").password("s3cret").tls(tls())).scrape().await;
    assert!(other.error().contains("invalid peer certificate"), "{}", other.error());
}

#[tokio::test]
async fn without_rights_it_tells_what_it_may_see_and_a_socket_is_as_good() {
    let Some(postgres) = live::postgres("", "") else { return };
    run(&postgres, "CREATE ROLE nobody_special LOGIN");
    let socket = postgres.folder().join(format!(".s.PGSQL.{}", postgres.port()));
    let scraped = Asked::often(PostgresStats::socket(socket).user("nobody_special")).scrape().await;
    assert!(scraped.is_up(), "{scraped:?}");
    assert!(scraped.of("postgres_database").len() >= 3);
}

#[test]
fn schemas_are_complete() {
    let stats = PostgresStats::new("localhost").unwrap().tables(1).database_sizes(true);
    assert_eq!(check_schemas(&CollectSource::new(stats, Duration::from_secs(1))).len(), 15);
}
