//! A real nginx tells how it is, goes away and comes back. It also plays NGINX Plus, from documents that were written by
//! hand from its documentation.

use crate::live;
use std::fs;
use std::time::Duration;

use crate::certificates::Certificates;
use crate::collect_support::{Asked, check_schemas, number, text};
use dendro_core::{Event, Source, Timestamp, Value};
use dendro_parsers::collect::nginx::{NginxPlus, NginxStatus};
use dendro_parsers::collect::{CollectSource, Tls};

const STATUS: &str = "location = /status { stub_status; }\nlocation = /hello { return 200 hi; }";

fn status(nginx: &live::Server) -> NginxStatus {
    NginxStatus::new(&format!("http://127.0.0.1:{}/status", nginx.port())).unwrap()
}

#[tokio::test]
async fn nginx_tells_its_connections_goes_away_and_comes_back() {
    let Some(mut nginx) = live::nginx("", STATUS) else { return };
    let asked = Asked::often(status(&nginx));
    // The scrape itself, once nginx has seen that whoever looked whether it listens is gone.
    let alone = |e: &Event| number(e, "active") == 1.0 && number(e, "writing") == 1.0;
    let first = asked.until_it(|s| s.any("nginx_status", alone)).await;
    let before = first.one("nginx_status");
    assert_eq!(text(before, "target"), format!("http://127.0.0.1:{}/status", nginx.port()));
    for _ in 0..5 {
        assert_eq!(nginx.http_get("/hello"), "hi");
    }
    let expected = number(before, "requests") + 5.0;
    let after = asked.until_it(|s| s.any("nginx_status", |e| number(e, "requests") >= expected)).await;
    let after = after.one("nginx_status");
    assert!(number(after, "accepts") >= number(after, "handled"));

    nginx.kill();
    let down = asked.until(false).await;
    assert_eq!(down.0.len(), 1);
    let port = nginx.port();
    assert!(down.error().starts_with(&format!("can't connect to 127.0.0.1:{port}: ")), "{}", down.error());
    nginx.start();
    let again = asked.until(true).await;
    assert!(number(again.one("nginx_status"), "requests") < 50.0, "it counts from the start again");
}

#[tokio::test]
async fn what_is_no_status_page_says_what_was_found() {
    let Some(nginx) = live::nginx("", STATUS) else { return };
    let at = |path: &str| NginxStatus::new(&format!("http://127.0.0.1:{}{path}", nginx.port())).unwrap();
    let page = Asked::often(at("/hello")).scrape().await;
    assert_eq!(page.error(), "/hello was answered with something that is no page of stub_status");
    let page = Asked::often(at("/other?x=1")).scrape().await;
    assert_eq!(
        page.error(),
        "/other?x=1 was answered with 404 Not Found: is the status page switched on there?"
    );
}

#[tokio::test]
async fn a_password_gets_in_and_never_out() {
    let locked = "location = /status { stub_status; auth_basic x; auth_basic_user_file users; }";
    let Some(nginx) = live::nginx("", locked) else { return };
    fs::write(nginx.folder().join("users"), "monitor:{PLAIN}s3cret@word\n").unwrap();
    let url = |user: &str| format!("http://{user}127.0.0.1:{}/status", nginx.port());
    let plain = NginxStatus::new(&url("")).unwrap();
    let refused = Asked::often(plain.clone()).scrape().await;
    assert_eq!(refused.error(), "/status was answered with 401 Unauthorized: it lets only some in");
    let right = plain.clone().basic_auth("monitor", "s3cret@word");
    assert!(!format!("{right:?}").contains("s3cret"));
    assert!(Asked::often(right).scrape().await.is_up());
    assert!(Asked::often(NginxStatus::new(&url("monitor:s3cret%40word@")).unwrap()).scrape().await.is_up());
    let asked = Asked::often(plain.basic_auth("monitor", "wrong-hunter2"));
    let wrong = asked.scrape().await;
    let told = format!("{wrong:?} {:?}", asked.harness.problems());
    assert!(!wrong.is_up() && !told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn certificates_are_checked() {
    let own = Certificates::new("localhost");
    let port = live::free_port();
    let tls =
        format!("listen 127.0.0.1:{port} ssl; ssl_certificate server.pem; ssl_certificate_key server.key;");
    let Some(_nginx) = live::nginx_with(&own.files(), "", &format!("{tls}\n{STATUS}")) else { return };
    let at = |tls: Tls| NginxStatus::new(&format!("https://localhost:{port}/status")).unwrap().tls(tls);
    let trusted = Asked::often(at(Tls::new().authorities_pem(own.authority.clone()))).scrape().await;
    assert!(trusted.is_up(), "{trusted:?}");
    let by_name = Tls::new().authorities_pem(own.authority.clone()).server_name("other.example");
    let error = Asked::often(at(by_name)).scrape().await;
    assert!(
        error.error().starts_with("no TLS with other.example: invalid peer certificate"),
        "{}",
        error.error()
    );
    let other = Certificates::new("localhost");
    let error = Asked::often(at(Tls::new().authorities_pem(other.authority))).scrape().await;
    assert!(error.error().contains("invalid peer certificate"), "{}", error.error());
    let error = Asked::often(at(Tls::new().authorities_pem("no PEM"))).scrape().await;
    assert!(error.error().starts_with("no certificate authorities"), "{}", error.error());
}

/// As the documentation of the API describes its objects.
const PLUS: &[(&str, &str)] = &[
    ("index.html", "[1,2,3,4,5,6,7,8,9,10]"),
    (
        "9/nginx",
        r#"{"version":"1.25.5","build":"nginx-plus-r32","address":"192.0.2.1","generation":3,
        "load_timestamp":"2026-11-20T10:00:00.500Z","timestamp":"2026-11-20T12:00:00.000Z","pid":10,"ppid":1}"#,
    ),
    ("9/connections", r#"{"accepted":4968119,"dropped":1,"active":5,"idle":117}"#),
    ("9/http/requests", r#"{"total":10624511,"current":4}"#),
    (
        "9/ssl",
        r#"{"handshakes":79572,"handshakes_failed":21025,"session_reuses":15762,"no_common_protocol":4}"#,
    ),
    ("9/processes", r#"{"respawned":0}"#),
    (
        "9/http/server_zones",
        r#"{"site one":{"processing":2,"requests":736395,"responses":{"1xx":0,"2xx":727290,
        "3xx":4614,"4xx":934,"5xx":1535,"codes":{"200":727270},"total":734373},"discarded":2020,"received":180157219,
        "sent":20183175459,"ssl":{"handshakes":65432,"handshakes_failed":7,"session_reuses":8}},"two":{"requests":1}}"#,
    ),
    (
        "9/http/upstreams",
        r#"{"backend":{"peers":[{"id":0,"server":"10.0.0.1:8088","name":"a:8088","backup":false,"weight":5,
        "state":"up","active":1,"max_conns":20,"requests":667231,"header_time":20,"response_time":36,
        "responses":{"1xx":0,"2xx":666310,"3xx":0,"4xx":915,"5xx":6,"total":667231},"sent":251946292,"received":19222475454,
        "fails":0,"unavail":0,"health_checks":{"checks":26214,"fails":3,"unhealthy":1,"last_passed":true},
        "downtime":60500,"downstart":"2026-11-20T11:00:00.000Z","selected":"2026-11-20T12:00:00.000Z"},
        {"id":1,"server":"10.0.0.2:8088","name":"b:8088","backup":true,"state":"unhealthy"}],
        "keepalive":7,"zombies":0,"zone":"backend","queue":{"size":1,"max_size":10,"overflows":2}},"empty":{"peers":[]}}"#,
    ),
    (
        "9/http/caches",
        r#"{"pages":{"size":530915328,"max_size":536870912,"cold":false,
        "hit":{"responses":254032,"bytes":6685627875},"miss":{"responses":1619201,"bytes":53841943822,"responses_written":9}}}"#,
    ),
    (
        "9/stream/upstreams",
        r#"{"db":{"peers":[{"id":0,"server":"10.0.0.3:5432","connections":9,"connect_time":1.5,
        "response_time":2,"state":"up"}],"zombies":0}}"#,
    ),
];

#[tokio::test]
async fn nginx_plus_tells_its_zones_upstreams_and_caches() {
    let Some(nginx) = live::nginx("", "location /api/ { index index.html; }") else { return };
    for (path, document) in PLUS {
        let file = nginx.folder().join("www/api").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, document).unwrap();
    }
    let at = |path: &str| NginxPlus::new(&format!("http://127.0.0.1:{}{path}", nginx.port())).unwrap();
    let scraped = Asked::often(at("/api/")).scrape().await;
    assert!(scraped.is_up(), "{scraped:?}");
    let whole = scraped.one("nginx_plus");
    assert_eq!(
        (number(whole, "accepted"), number(whole, "requests"), number(whole, "ssl_handshakes")),
        (4_968_119.0, 10_624_511.0, 79_572.0)
    );
    let loaded = Timestamp::parse_rfc3339("2026-11-20T10:00:00.5Z").unwrap();
    assert_eq!(
        (text(whole, "version"), whole.get("load_timestamp")),
        ("1.25.5", Some(&Value::Timestamp(loaded)))
    );
    let zone = scraped.with("nginx_plus_server_zone", "zone", "site one");
    assert_eq!((number(zone, "responses_5xx"), number(zone, "ssl_handshakes")), (1_535.0, 65_432.0));
    assert_eq!(scraped.with("nginx_plus_server_zone", "zone", "two").get("sent"), None);
    let server = scraped.with("nginx_plus_upstream_server", "server", "10.0.0.1:8088");
    assert_eq!(
        (text(server, "upstream"), text(server, "state"), number(server, "server_id")),
        ("backend", "up", 0.0)
    );
    assert_eq!((number(server, "header_time"), number(server, "downtime")), (0.02, 60.5));
    assert_eq!(
        (server.get("backup"), number(server, "health_checks_failed")),
        (Some(&Value::Bool(false)), 3.0)
    );
    assert_eq!(number(scraped.with("nginx_plus_upstream", "upstream", "backend"), "queue_overflows"), 2.0);
    assert_eq!(scraped.of("nginx_plus_upstream").len(), 2);
    let cache = scraped.one("nginx_plus_cache");
    assert_eq!(
        (number(cache, "hit"), number(cache, "miss_bytes"), cache.get("cold")),
        (254_032.0, 53_841_943_822.0, Some(&Value::Bool(false)))
    );
    let stream = scraped.one("nginx_plus_stream_upstream_server");
    assert_eq!((number(stream, "connect_time"), text(stream, "upstream")), (0.0015, "db"));
    assert!(scraped.of("nginx_plus_location_zone").is_empty());

    assert!(Asked::often(at("/api/9")).scrape().await.is_up(), "a version may be given");
    let none = Asked::often(at("/api/8")).scrape().await;
    assert_eq!(none.error(), "there is nothing at /api/8: is the API switched on there?");
    fs::write(nginx.folder().join("www/api/9/http/caches"), "{").unwrap();
    let broken = Asked::often(at("/api")).scrape().await;
    assert!(
        broken.error().starts_with("/api/9/http/caches was not answered with JSON: EOF"),
        "{}",
        broken.error()
    );
    assert_eq!(broken.0.len(), 1, "all or nothing");
    fs::write(nginx.folder().join("www/api/index.html"), "[10]").unwrap();
    let newer = Asked::often(at("/api")).scrape().await;
    assert_eq!(newer.error(), "/api/ names no version of the API that is known, which are those up to 9");
}

#[test]
fn schemas_are_complete() {
    let every = Duration::from_secs(1);
    check_schemas(&CollectSource::new(NginxStatus::new("http://x/").unwrap(), every));
    let plus = CollectSource::new(NginxPlus::new("http://x/api").unwrap(), every);
    assert_eq!(check_schemas(&plus).len(), plus.schemas().len());
}
