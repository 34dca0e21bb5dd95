//! A real Apache tells how it is, goes away and comes back.

use crate::live;
use std::time::Duration;

use crate::collect_support::{Asked, check_schemas, number, text};
use dendro_core::Event;
use dendro_parsers::collect::CollectSource;
use dendro_parsers::collect::apache::ApacheStatus;

const STATUS: &str = "<Location /server-status>\nSetHandler server-status\n</Location>\n";

fn status(apache: &live::Server) -> ApacheStatus {
    ApacheStatus::new(&format!("http://127.0.0.1:{}/server-status", apache.port())).unwrap()
}

fn workers_of_the_scoreboard(event: &Event) -> f64 {
    let names =
        event.fields.keys().filter(|name| name.starts_with("scoreboard_") && *name != "scoreboard_open");
    names.map(|name| number(event, name)).sum()
}

#[tokio::test]
async fn apache_tells_its_workers_goes_away_and_comes_back() {
    let Some(mut apache) = live::apache(&format!("ExtendedStatus On\n{STATUS}")) else { return };
    let asked = Asked::often(status(&apache));
    let first = asked.until(true).await;
    let before = first.one("apache_status");
    assert!(text(before, "server_version").starts_with("Apache/2.4."), "{before:?}");
    assert_eq!(text(before, "server_mpm"), "event");
    assert!(number(before, "scoreboard_sending") >= 1.0, "the scrape itself");
    for _ in 0..5 {
        assert!(apache.http_get("/nothing").contains("404"));
    }
    let asked_for = number(before, "accesses") + 5.0;
    // A request is counted a moment after it was answered.
    let after = asked.until_it(|s| s.any("apache_status", |e| number(e, "accesses") >= asked_for)).await;
    let after = after.one("apache_status");
    let workers = number(after, "busy_workers") + number(after, "idle_workers");
    assert!((workers - workers_of_the_scoreboard(after)).abs() <= 2.0, "{after:?}");
    assert!(after.get("cpu_user").is_some() && after.get("duration").is_some());

    apache.kill();
    let down = asked.until(false).await;
    assert!(down.error().starts_with("can't connect to 127.0.0.1:"), "{}", down.error());
    apache.start();
    assert_eq!(asked.until(true).await.of("apache_status").len(), 1);
}

#[tokio::test]
async fn without_extended_status_requests_are_missing() {
    let Some(apache) = live::apache(&format!("ExtendedStatus Off\n{STATUS}")) else { return };
    let scraped = Asked::often(status(&apache)).scrape().await;
    let event = scraped.one("apache_status");
    assert!(number(event, "idle_workers") > 0.0 && number(event, "scoreboard_waiting") > 0.0);
    assert_eq!((event.get("accesses"), event.get("cpu_user")), (None, None));
    assert!(scraped.is_up());
}

#[tokio::test]
async fn balancers_are_told_if_the_page_has_them() {
    let config = "\
LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_http_module modules/mod_proxy_http.so
LoadModule proxy_balancer_module modules/mod_proxy_balancer.so
LoadModule lbmethod_byrequests_module modules/mod_lbmethod_byrequests.so
LoadModule slotmem_shm_module modules/mod_slotmem_shm.so
ProxyStatus On
<Proxy balancer://pool>
    BalancerMember http://127.0.0.1:1
</Proxy>
ProxyPass /behind balancer://pool
";
    let Some(apache) = live::apache(&format!("{config}{STATUS}")) else { return };
    apache.http_get("/behind/");
    let scraped = Asked::often(status(&apache)).scrape().await;
    let worker = scraped.one("apache_balancer_worker");
    assert_eq!((text(worker, "balancer"), text(worker, "worker")), ("balancer://pool", "http://127.0.0.1:1"));
    assert!(number(worker, "elected") >= 1.0 && text(worker, "status").contains("Init"));
}

#[tokio::test]
async fn the_page_for_people_is_refused_with_a_hint() {
    let Some(apache) = live::apache(STATUS) else { return };
    let people = format!("http://127.0.0.1:{}/server-status?refresh=5", apache.port());
    let scraped = Asked::often(ApacheStatus::new(&people).unwrap()).scrape().await;
    assert!(scraped.error().ends_with("should it end with `?auto`?"), "{}", scraped.error());
}

#[test]
fn schemas_are_complete() {
    let source =
        CollectSource::new(ApacheStatus::new("http://x/server-status").unwrap(), Duration::from_secs(1));
    assert_eq!(check_schemas(&source).len(), 4);
}
