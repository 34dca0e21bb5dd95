//! The HTTP sink against a real nginx: TLS, limits of size and rate.

use crate::live;
use std::time::Duration;

use crate::certificates::Certificates;
use dendro_core::{Batch, Outcome, Sink, SinkErrorKind, WriteContext, Written};
use dendro_sinks::HttpSink;
use dendro_sinks::http::{Compression, Tls};
use dendro_test::{SinkHarness, batches};

const LONG: Duration = Duration::from_secs(60);

/// As the message and those behind it, in one line.
async fn error_of(url: &str, tls: Tls) -> String {
    let sink = HttpSink::builder(url).tls(tls).build().unwrap();
    let batch = [batches::numbered("a", 0..2)];
    let error = sink.write(&batch, &WriteContext::new("id", 1, LONG)).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Retry, "a certificate can be renewed");
    let mut text = error.to_string();
    let mut next = std::error::Error::source(&error);
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

async fn writes(url: &str, tls: Tls) {
    let sink = HttpSink::builder(url).tls(tls).compression(Compression::Gzip(6)).build().unwrap();
    let cx = WriteContext::new("id", 1, LONG);
    for _ in 0..3 {
        let written = sink.write(&[batches::numbered("a", 0..1_000)], &cx).await;
        assert_eq!(written.unwrap(), Written::Durable);
    }
}

fn tls_server(port: u16, more: &str) -> String {
    format!(
        "listen 127.0.0.1:{port} ssl; ssl_certificate server.pem; ssl_certificate_key server.key; {more}
        location /in {{ return 200 ok; }}"
    )
}

#[tokio::test]
async fn the_servers_certificate_is_checked_by_authority_name_and_time() {
    let own = Certificates::new("localhost");
    let port = live::free_port();
    let Some(_nginx) = live::nginx_with(&own.files(), "", &tls_server(port, "")) else { return };
    let url = format!("https://localhost:{port}/in");
    let trusting = || Tls::new().authorities_pem(own.authority.clone());
    writes(&url, trusting()).await;

    let other = Certificates::new("localhost");
    let text = error_of(&url, Tls::new().authorities_pem(other.authority)).await;
    assert!(text.contains("no TLS with localhost") && text.contains("invalid peer certificate"), "{text}");
    let text = error_of(&url, trusting().server_name("other.example")).await;
    assert!(text.contains("no TLS with other.example") && text.contains("not valid for name"), "{text}");
    // Not a name of the certificate either, though it is the same machine.
    let text = error_of(&format!("https://127.0.0.1:{port}/in"), trusting()).await;
    assert!(text.contains("invalid peer certificate"), "{text}");
    // No TLS there at all.
    let text = error_of(&format!("https://localhost:{}/in", _nginx.port()), trusting()).await;
    assert!(text.contains("no TLS with localhost"), "{text}");

    let expired = Certificates::expired("localhost");
    let port = live::free_port();
    let Some(_nginx) = live::nginx_with(&expired.files(), "", &tls_server(port, "")) else { return };
    let tls = Tls::new().authorities_pem(expired.authority.clone());
    let text = error_of(&format!("https://localhost:{port}/in"), tls).await;
    assert!(text.contains("expired"), "{text}");
}

#[tokio::test]
async fn a_client_certificate_gets_in_where_it_is_asked_for() {
    let (server, client) = (Certificates::new("localhost"), Certificates::new("client"));
    let port = live::free_port();
    let mut files = server.files().to_vec();
    files.push(("client.pem", &client.authority));
    let asking = "ssl_client_certificate client.pem; ssl_verify_client on;";
    let Some(_nginx) = live::nginx_with(&files, "", &tls_server(port, asking)) else { return };
    let url = format!("https://localhost:{port}/in");
    let tls = Tls::new().authorities_pem(server.authority.clone());
    writes(&url, tls.clone().identity_pem(client.certificate.clone(), client.key.clone())).await;
    // nginx answers 400 to who shows none.
    let sink = HttpSink::builder(&*url).tls(tls).build().unwrap();
    let batch = [batches::numbered("a", 0..2)];
    let error = sink.write(&batch, &WriteContext::new("id", 1, LONG)).await.unwrap_err();
    assert!(error.to_string().contains("No required SSL certificate was sent"), "{error}");
}

#[tokio::test]
async fn what_nginx_finds_too_large_is_halved() {
    let limits = "client_max_body_size 2k; location /in { return 204; }";
    let Some(nginx) = live::nginx("", limits) else { return };
    let sink = HttpSink::builder(format!("http://127.0.0.1:{}/in", nginx.port())).build().unwrap();
    let mut large = batches::numbered("long", 0..3);
    let text = "x".repeat(4_000);
    large.get_mut(1).unwrap().insert("text", text.as_str()).unwrap();
    let run = SinkHarness::new(sink).run([batches::numbered("a", 0..1_000), large]).await;
    assert_eq!(run.outcomes, [Some(Outcome::Delivered), Some(Outcome::DeadLettered)]);
    assert_eq!(run.dead_raws(), [batches::number("long", 1)]);
    // nginx closes the connection with the rest of the body unread; the answer comes through all the same.
    let log = std::fs::read_to_string(nginx.folder().join("error.log")).unwrap();
    assert!(log.contains("client intended to send too large body"), "{log}");
}

#[tokio::test]
async fn a_limit_of_the_rate_delays_and_costs_nothing() {
    for status in [429, 503] {
        let http = "limit_req_zone $server_port zone=z:64k rate=5r/s;";
        let server = format!(
            "location /in {{ return 204; }}
            location /limited {{
                limit_req zone=z; limit_req_status {status}; proxy_pass http://127.0.0.1:$server_port/in;
            }}"
        );
        let Some(nginx) = live::nginx(http, &server) else { return };
        let url = format!("http://127.0.0.1:{}/limited", nginx.port());
        let sink = HttpSink::builder(url).build().unwrap();
        let batches: Vec<Batch> = (0..4).map(|n| batches::numbered("a", n * 10..n * 10 + 10)).collect();
        let run = SinkHarness::new(sink).settings(|s| s.max_events = 10).run(batches).await;
        assert_eq!(run.outcomes, [Some(Outcome::Delivered); 4]);
        assert!(run.dead_letters.is_empty());
        let told = format!("{:?}", run.problems());
        assert!(told.contains(&format!("answered {status}")), "{told}");
    }
}

#[tokio::test]
async fn an_nginx_that_restarts_is_waited_for() {
    let Some(mut nginx) = live::nginx("", "location /in { return 204; }") else { return };
    let sink = HttpSink::builder(format!("http://127.0.0.1:{}/in", nginx.port())).build().unwrap();
    let cx = WriteContext::new("id", 1, LONG);
    let batch = [batches::numbered("a", 0..10)];
    sink.write(&batch, &cx).await.unwrap();
    nginx.kill();
    assert_eq!(sink.write(&batch, &cx).await.unwrap_err().kind(), SinkErrorKind::Retry);
    nginx.start();
    assert_eq!(sink.write(&batch, &cx).await.unwrap(), Written::Durable);
}
