//! The servers that the live tests are about start, answer, end and start again.

use crate::live;
use std::net::{Ipv4Addr, TcpStream};

/// Stops it, sees that it is gone, and starts it again on its port.
fn restart(mut server: live::Server) {
    let listens = |server: &live::Server| TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).is_ok();
    server.stop();
    assert!(!listens(&server));
    server.start();
    assert!(listens(&server));
    server.kill();
    assert!(!listens(&server));
    server.start();
    assert!(listens(&server));
}

#[test]
fn nginx_serves_logs_and_restarts() {
    let Some(nginx) = live::nginx("access_log access.log combined;", "location = /hello { return 200 hi; }")
    else {
        return;
    };
    assert_eq!(nginx.http_get("/hello"), "hi");
    nginx.wait_for("access.log", |log| log.ends_with(b"\n"));
    restart(nginx);
}

#[test]
fn apache_serves_logs_and_restarts() {
    let config = "CustomLog ${FOLDER}/access.log \"%h %>s\"\nAliasMatch ^/hello$ ${FOLDER}/www/hello.txt";
    let Some(apache) = live::apache(config) else { return };
    assert!(apache.http_get("/hello").contains("404"));
    apache.wait_for("access.log", |log| log == b"127.0.0.1 404\n");
    restart(apache);
}

#[test]
fn redis_answers_and_restarts() {
    let Some(redis) = live::redis("") else { return };
    assert_eq!(redis.http(b"PING\r\nQUIT\r\n"), b"+PONG\r\n+OK\r\n");
    restart(redis);
}

#[test]
fn postgres_logs_and_restarts() {
    let Some(postgres) = live::postgres("log_line_prefix = 'here '", "") else { return };
    postgres.wait_for("output", |log| log.starts_with(b"here LOG:"));
    restart(postgres);
}

#[test]
fn mariadb_logs_and_restarts() {
    let Some(mariadb) = live::mariadb("") else { return };
    mariadb.wait_for("error.log", |log| log.windows(21).any(|w| w == b"ready for connections"));
    restart(mariadb);
}
