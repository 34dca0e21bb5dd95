//! The HTTP sink against servers that do what servers do, right and wrong.

use std::io::Read as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::http_server::{Reply, Seen, Server};
use dendro_core::{Batch, Outcome, Secret, Sink, SinkError, SinkErrorKind, WriteContext, Written};
use dendro_sinks::HttpSink;
use dendro_sinks::http::{Compression, Encoding, HttpSinkBuilder, StatusAction};
use dendro_test::{SinkHarness, batches};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn events(n: u64) -> [Batch; 2] {
    [batches::numbered("a", 0..n / 2), batches::numbered("a", n / 2..n)]
}

fn sink(server: &Server) -> HttpSinkBuilder {
    HttpSink::builder(server.url("/in?key=hunter2"))
}

async fn write(sink: &HttpSink, n: u64) -> Result<Written, SinkError> {
    sink.write(&events(n), &WriteContext::new("0f".repeat(16), 1, LONG)).await
}

fn message(error: &SinkError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

#[tokio::test]
async fn events_are_posted_as_lines_with_their_id() {
    let server = Server::replies([]);
    let sink = sink(&server).header("X-Team", "web").bearer("s3cret").build().unwrap();
    assert_eq!(write(&sink, 10).await.unwrap(), Written::Durable);
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/in?key=hunter2"));
    for (name, value) in [
        ("Host", server.address().to_string().as_str()),
        ("Content-Type", "application/x-ndjson"),
        ("Idempotency-Key", &"0f".repeat(16)),
        ("Dendro-Attempt", "1"),
        ("Authorization", "Bearer s3cret"),
        ("x-team", "web"),
        ("Content-Length", &seen.body.len().to_string()),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    assert_eq!(seen.header("Content-Encoding"), None);
    assert_eq!(seen.ids(), batches::ids("a", 0..10));
    assert!(seen.body.ends_with(b"\n"));
}

#[tokio::test]
async fn an_array_is_posted_compressed() {
    let server = Server::replies([]);
    let codings: [(Compression, &str); 2] = [(Compression::Gzip(6), "gzip"), (Compression::Zstd(3), "zstd")];
    for (n, (compression, coding)) in codings.into_iter().enumerate() {
        let builder = sink(&server).encoding(Encoding::JsonArray).compression(compression);
        let sink = builder.method("PUT").basic_auth("me", Secret::new("pw")).build().unwrap();
        write(&sink, 100).await.unwrap();
        let seen = &server.seen()[n];
        assert_eq!(seen.method, "PUT");
        assert_eq!(seen.header("Content-Encoding"), Some(coding));
        assert_eq!(seen.header("Content-Type"), Some("application/json"));
        assert_eq!(seen.header("Authorization"), Some("Basic bWU6cHc="));
        let mut text = Vec::new();
        match coding {
            "gzip" => drop(flate2::read::GzDecoder::new(&seen.body[..]).read_to_end(&mut text).unwrap()),
            _ => text = zstd::stream::decode_all(&seen.body[..]).unwrap(),
        }
        let array: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
        let ids: Vec<&str> = array.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(ids, batches::ids("a", 0..100));
    }
}

#[tokio::test]
async fn connections_are_used_again_and_not_once_the_server_has_closed_them() {
    let server = Server::replies([Reply::ok(), Reply::ok(), Reply::AnswerAndClose(200), Reply::ok()]);
    let sink = sink(&server).build().unwrap();
    for _ in 0..4 {
        write(&sink, 2).await.unwrap();
    }
    let connections: Vec<usize> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 0, 1]);
}

#[tokio::test]
async fn an_answer_that_closes_says_so_and_is_believed() {
    let closing = Reply::Answer(200, "Connection: close\r\n", Vec::new());
    let server = Server::replies([closing, Reply::ok()]);
    let sink = sink(&server).build().unwrap();
    for _ in 0..2 {
        write(&sink, 2).await.unwrap();
    }
    assert_eq!(server.seen()[1].connection, 1);
}

#[tokio::test]
async fn a_kept_connection_that_is_lost_in_a_request_is_replaced_only_where_that_cannot_duplicate() {
    for (method, retried) in [("POST", false), ("PUT", true)] {
        let server = Server::replies([Reply::ok(), Reply::Close, Reply::ok()]);
        let sink = sink(&server).method(method).build().unwrap();
        write(&sink, 2).await.unwrap();
        let second = write(&sink, 2).await;
        match retried {
            true => assert_eq!(second.unwrap(), Written::Durable),
            false => {
                let error = second.unwrap_err();
                assert_eq!(error.kind(), SinkErrorKind::Retry);
                assert!(message(&error).contains("may have been taken"), "{}", message(&error));
            }
        }
        assert_eq!(server.seen().len(), if retried { 3 } else { 2 });
    }
    // On a fresh connection it is the server's doing, and not old age: one attempt, whatever the method.
    let server = Server::replies([Reply::Close, Reply::ok()]);
    let sink = sink(&server).method("PUT").build().unwrap();
    assert_eq!(write(&sink, 2).await.unwrap_err().kind(), SinkErrorKind::Retry);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_status_decides_what_happens_and_says_why() {
    let html = "<html>\n<h1>no\tsuch table</h1>".to_owned() + &"x".repeat(1000);
    for (status, kind, hint) in [
        (200, None, ""),
        (204, None, ""),
        (299, None, ""),
        (301, Some(SinkErrorKind::Retry), "redirects are not followed"),
        (307, Some(SinkErrorKind::Retry), "give that address"),
        (400, Some(SinkErrorKind::Rejected), ""),
        (401, Some(SinkErrorKind::Retry), "still valid?"),
        (403, Some(SinkErrorKind::Retry), "nothing is written until that is mended"),
        (404, Some(SinkErrorKind::Rejected), "is the path right?"),
        (408, Some(SinkErrorKind::Retry), ""),
        (422, Some(SinkErrorKind::Rejected), ""),
        (429, Some(SinkErrorKind::Retry), ""),
        (500, Some(SinkErrorKind::Retry), ""),
        (501, Some(SinkErrorKind::Rejected), ""),
        (503, Some(SinkErrorKind::Retry), ""),
    ] {
        let body = if status == 204 { Vec::new() } else { html.clone().into_bytes() };
        let server = Server::replies([Reply::Answer(status, "", body)]);
        let sink = sink(&server).build().unwrap();
        let result = write(&sink, 2).await;
        assert_eq!(result.as_ref().err().map(SinkError::kind), kind, "{status}");
        if let Err(error) = result {
            let text = message(&error);
            assert!(text.contains(&format!("answered {status}")) && text.contains(hint), "{text}");
            assert!(text.contains("<html> <h1>no such table</h1>") && text.len() < 600, "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}

#[tokio::test]
async fn the_user_may_decide_otherwise() {
    let server = Server::replies([404, 409, 200, 413].map(Reply::status));
    let sink = sink(&server)
        .on_status([404], StatusAction::Hold)
        .on_status([409], StatusAction::Deliver)
        .on_status(200..=299, StatusAction::Fatal)
        .on_status([413], StatusAction::Reject)
        .hold_interval(Duration::from_secs(7))
        .build()
        .unwrap();
    let held = write(&sink, 2).await.unwrap_err();
    assert_eq!((held.kind(), held.retry_after()), (SinkErrorKind::Retry, Some(Duration::from_secs(7))));
    assert_eq!(write(&sink, 2).await.unwrap(), Written::Durable);
    assert_eq!(write(&sink, 2).await.unwrap_err().kind(), SinkErrorKind::Fatal);
    assert_eq!(write(&sink, 2).await.unwrap_err().kind(), SinkErrorKind::Rejected);
}

#[tokio::test]
async fn a_servers_wish_to_wait_is_heeded_up_to_a_limit() {
    for (header, seconds) in [
        ("Retry-After: 17\r\n", Some(17)),
        ("Retry-After: 99999999999\r\n", Some(60)),
        ("Date: Sun, 06 Nov 1994 08:49:00 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", Some(37)),
        ("Retry-After: soon\r\n", None),
    ] {
        let server = Server::replies([Reply::Answer(503, header, Vec::new())]);
        let sink = sink(&server).max_retry_after(Duration::from_secs(60)).build().unwrap();
        let error = write(&sink, 2).await.unwrap_err();
        assert_eq!(error.retry_after(), seconds.map(Duration::from_secs), "{header}");
    }
}

#[tokio::test]
async fn a_redirect_is_told_without_its_query() {
    let elsewhere = "Location: https://elsewhere.example/in?token=hunter2\r\n";
    let server = Server::replies([Reply::Answer(302, elsewhere, Vec::new())]);
    let error = write(&sink(&server).build().unwrap(), 2).await.unwrap_err();
    let text = message(&error);
    assert!(text.contains("(https://elsewhere.example/in)") && !text.contains("hunter2"), "{text}");
    assert_eq!(server.seen().len(), 1);
}

/// Refuses what is longer.
fn takes_up_to(bytes: usize) -> impl Fn(&Seen) -> Reply {
    move |seen| {
        let length: usize = seen.header("content-length").unwrap().parse().unwrap();
        if length > bytes { Reply::status(413) } else { Reply::ok() }
    }
}

#[tokio::test]
async fn what_is_too_large_is_halved_down_to_the_event_that_is() {
    let server = Server::new(takes_up_to(1_000));
    let sink = sink(&server).build().unwrap();
    let mut batches = events(100);
    let text = "x".repeat(1_000);
    batches[1].get_mut(20).unwrap().insert("text", text.as_str()).unwrap();
    let cx = WriteContext::new("w", 1, LONG);
    let error = sink.write(&batches, &cx).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Partial);
    let [(70, reason)] = error.rejected() else { panic!("{:?}", error.rejected()) };
    assert!(reason.contains("413") && reason.contains("one event alone"), "{reason}");
    assert!(error.retry_events().is_empty());
    let taken: Vec<Seen> = server.seen().into_iter().filter(|seen| seen.body.len() <= 1_000).collect();
    let ids: Vec<String> = taken.iter().flat_map(Seen::ids).collect();
    let expected: Vec<String> =
        batches::ids("a", 0..100).into_iter().filter(|id| id != "a 00000070").collect();
    assert_eq!(ids, expected);
    // Each part has an id of its own.
    let mut keys: Vec<&str> = taken.iter().map(|seen| seen.header("Idempotency-Key").unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), taken.len());
    assert!(keys.iter().all(|key| key.starts_with("w-")));
    // The size is remembered: nothing too large is sent again.
    let before = server.seen().len();
    sink.write(&events(100), &WriteContext::new("v", 1, LONG)).await.unwrap();
    let after = server.seen();
    assert!(after[before..].iter().all(|seen| seen.body.len() <= 1_000), "{}", after.len() - before);
}

#[tokio::test]
async fn what_is_longer_than_a_body_may_be_is_sent_in_parts_and_the_rest_is_retried_when_one_fails() {
    let server = Server::replies([Reply::ok(), Reply::Answer(503, "Retry-After: 3\r\n", Vec::new())]);
    let sink = sink(&server).max_body_bytes(400).build().unwrap();
    let error = write(&sink, 20).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (SinkErrorKind::Partial, Some(Duration::from_secs(3))));
    let first = server.seen()[0].ids();
    assert!(server.seen()[0].body.len() <= 400 && first.len() > 1);
    let rest: Vec<u32> = (first.len() as u32..20).collect();
    let mut retried = error.retry_events().to_vec();
    retried.sort_unstable();
    assert_eq!(retried, rest);
}

#[tokio::test]
async fn an_answer_names_the_events_that_have_failed() {
    let named = r#"{"rejected":[{"index":3,"reason":"no such table"}],"retry":[4,7]}"#;
    let server = Server::replies([Reply::json(200, named)]);
    let sink = sink(&server).partial_answers(true).build().unwrap();
    let run = SinkHarness::new(sink).run(events(10)).await;
    assert_eq!(run.outcomes, [Some(Outcome::DeadLettered), Some(Outcome::Delivered)]);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].ids(), [batches::number("a", 4), batches::number("a", 7)]);
    assert_eq!(run.dead_raws(), [batches::number("a", 3)]);
    // Another set of events, another id.
    assert_ne!(seen[0].header("Idempotency-Key"), seen[1].header("Idempotency-Key"));
}

#[tokio::test]
async fn an_answer_that_cannot_be_understood_delivers_nothing_if_it_is_asked_for() {
    let endless = format!("{{\"retry\":[{}0]}}", "0,".repeat(600_000));
    for body in ["{", r#"{"retry":[10]}"#, r#"{"rejected":0}"#, &endless] {
        let server = Server::replies([Reply::json(200, body)]);
        let error = write(&sink(&server).partial_answers(true).build().unwrap(), 10).await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Retry);
        assert!(message(&error).contains("does not say which events"), "{}", message(&error));
        // Without the option nobody looks.
        let server = Server::replies([Reply::json(200, body)]);
        assert_eq!(write(&sink(&server).build().unwrap(), 10).await.unwrap(), Written::Durable);
    }
    // Half of an answer.
    let half =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"retry\":[";
    let server = Server::replies([Reply::Raw(half.to_vec())]);
    let error = write(&sink(&server).partial_answers(true).build().unwrap(), 10).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Retry);
}

#[tokio::test]
async fn without_an_answer_the_events_are_retried() {
    let head = b"HTTP/1.1 200 OK\r\nContent-".to_vec();
    let headers: Vec<u8> = [b"HTTP/1.1 200 OK\r\n".to_vec(), b"X-A: b\r\n".repeat(100_000)].concat();
    for reply in [
        Reply::HangBefore,
        Reply::HangAfter,
        Reply::Close,
        Reply::Reset,
        Reply::Raw(head),
        Reply::Raw(headers),
        Reply::Raw(b"220 mail.example ESMTP\r\n".to_vec()),
        Reply::Raw(Vec::new()),
    ] {
        let server = Server::replies([reply.clone()]);
        let sink = sink(&server).request_timeout(Duration::from_secs(2)).build().unwrap();
        let error = write(&sink, 10_000).await.unwrap_err();
        assert_eq!((error.kind(), error.retry_after()), (SinkErrorKind::Retry, None), "{reply:?}");
        assert!(message(&error).contains("has not answered"), "{}", message(&error));
        assert_eq!(write(&sink, 10).await.unwrap(), Written::Durable, "{reply:?}");
    }
}

#[tokio::test]
async fn an_answer_before_the_body_was_read_counts() {
    let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad".to_vec();
    let server = Server::replies([Reply::Early(answer)]);
    let sink = sink(&server).max_body_bytes(64 << 20).build().unwrap();
    // More than fits the buffers of the connection.
    let error = write(&sink, 200_000).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Rejected, "{}", message(&error));
}

#[tokio::test]
async fn a_success_counts_however_its_body_comes() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".to_vec();
    let endless: Vec<u8> = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), b"x".repeat(4 << 20)].concat();
    let began = Instant::now();
    for reply in [
        // The end of the last chunk never comes.
        Reply::Trickle([chunked, b"1\r\nx\r\n".repeat(1_000)].concat(), Duration::from_millis(5)),
        Reply::Raw(endless),
        Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec()),
    ] {
        let server = Server::replies([reply]);
        assert_eq!(write(&sink(&server).build().unwrap(), 10).await.unwrap(), Written::Durable);
    }
    // The trickle alone would take half a minute.
    assert!(began.elapsed() < Duration::from_secs(25));
}

#[tokio::test]
async fn a_retry_has_the_same_bytes_and_id_and_says_which_it_is() {
    let server = Server::replies([Reply::status(503), Reply::Close, Reply::status(500), Reply::ok()]);
    let sink = sink(&server).compression(Compression::Gzip(6)).build().unwrap();
    let run = SinkHarness::new(sink).run(events(10)).await;
    assert_eq!(run.outcomes, [Some(Outcome::Delivered); 2]);
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    for (n, request) in seen.iter().enumerate() {
        assert_eq!(request.body, seen[0].body);
        assert_eq!(request.header("Idempotency-Key"), seen[0].header("Idempotency-Key"));
        assert_eq!(request.header("Dendro-Attempt"), Some((n + 1).to_string().as_str()));
    }
}

#[tokio::test]
async fn expired_credentials_cost_no_event_and_are_told() {
    let server = Server::replies([Reply::status(401), Reply::status(403), Reply::ok()]);
    let sink = sink(&server).hold_interval(Duration::from_millis(10)).build().unwrap();
    let run = SinkHarness::new(sink).run(events(10)).await;
    assert_eq!(run.outcomes, [Some(Outcome::Delivered); 2]);
    assert!(run.dead_letters.is_empty());
    let told = format!("{:?}", run.problems());
    assert!(told.contains("Error") && told.contains("still valid?") && !told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn nobody_there_is_told_by_address_and_not_by_url() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sink = HttpSink::builder(format!("http://{address}/hunter2")).build().unwrap();
    let error = write(&sink, 2).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Retry);
    let text = message(&error);
    assert!(
        text.starts_with(&format!("can't connect to {address}: ")) && !text.contains("hunter2"),
        "{text}"
    );
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_whole_url_or_for_a_tunnel() {
    let proxy = Server::replies([]);
    let through = HttpSink::builder("http://logs.example:8080/in").proxy_with_auth(proxy.url(""), "me", "pw");
    write(&through.build().unwrap(), 2).await.unwrap();
    let seen = &proxy.seen()[0];
    assert_eq!(seen.target, "http://logs.example:8080/in");
    assert_eq!(seen.header("Host"), Some("logs.example:8080"));
    assert_eq!(seen.header("Proxy-Authorization"), Some("Basic bWU6cHc="));

    let proxy = Server::replies([Reply::status(407)]);
    let through = HttpSink::builder("https://logs.example/in").proxy_with_auth(proxy.url(""), "me", "pw");
    let error = write(&through.build().unwrap(), 2).await.unwrap_err();
    let text = message(&error);
    assert!(text.contains("gave no tunnel to logs.example:443: HTTP/1.1 407"), "{text}");
    let seen = &proxy.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("CONNECT", "logs.example:443"));
    assert_eq!(seen.header("Proxy-Authorization"), Some("Basic bWU6cHc="));
}

#[tokio::test]
async fn writes_at_the_same_time_have_connections_of_their_own() {
    let (sender, waiting) = std::sync::mpsc::channel::<()>();
    let waiting = Mutex::new(waiting);
    let server = Server::new(move |seen| {
        // The first waits for the second.
        match seen.header("Idempotency-Key") {
            Some("1") => drop(waiting.lock().unwrap().recv_timeout(LONG)),
            _ => drop(sender.send(())),
        }
        Reply::ok()
    });
    let sink = sink(&server).build().unwrap();
    let both = [WriteContext::new("1", 1, LONG), WriteContext::new("2", 1, LONG)];
    let batches = events(10);
    let (first, second) = tokio::join!(sink.write(&batches, &both[0]), sink.write(&batches, &both[1]));
    assert_eq!((first.unwrap(), second.unwrap()), (Written::Durable, Written::Durable));
}
