//! What is usually measured of requests, by OpenTelemetry's names of the fields: it works for every access log whose schema tells them.

use std::time::Duration;

use super::measure::Measure;
use super::spec::AggregateBuilder;
use super::transform::Aggregate;
use crate::Condition;

const METHOD: &str = "otel:http.request.method";
const STATUS: &str = "otel:http.response.status_code";
const DURATION: &str = "otel:http.server.request.duration";
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

impl Aggregate {
    /// Rate, errors and duration of requests, by method, for windows of this length: `requests`, `request_rate`, `errors` (status 500
    /// and above), `error_share`, `duration_mean`, `duration_p50`, `duration_p90`, `duration_p99` and `duration_max`.
    ///
    /// For the access log of any service whose schema names `http.response.status_code`: nginx, Apache, load balancers,
    /// CloudFront. Where the log has no `http.server.request.duration` the result has no duration. The results of `nginx_access` are of
    /// the type `nginx_access_red`; what else to group by can be added.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dendro_transforms::aggregate::Aggregate;
    ///
    /// let red = Aggregate::red(Duration::from_secs(60)).group_by(["host"]).build()?;
    /// # let _ = red;
    /// # Ok::<(), dendro_transforms::ConfigError>(())
    /// ```
    pub fn red(window: Duration) -> AggregateBuilder {
        Self::tumbling(window)
            .suffix("red")
            .group_by([METHOD])
            .measure(Measure::count().named("requests"))
            .measure(Measure::rate().named("request_rate"))
            .measure(Measure::count().when(failed()).named("errors"))
            .measure(Measure::share(failed()).named("error_share"))
            .measure(Measure::mean(DURATION).named("duration_mean"))
            .measure(Measure::quantiles(DURATION, QUANTILES).named("duration"))
            .measure(Measure::max(DURATION).named("duration_max"))
    }

    /// The four golden signals of requests, for windows of this length, as far as the log tells them:
    ///
    /// - latency: `latency_p50`, `latency_p90`, `latency_p99` of the requests that did not fail, `error_latency_p99` of those that did;
    /// - traffic: `requests`, `request_rate`, and `response_bytes_rate` or `response_body_bytes_rate`;
    /// - errors: `errors` (status 500 and above), `error_share`, `client_errors` (400 to 499);
    /// - saturation: `concurrency`, how many requests were in progress on average.
    pub fn golden_signals(window: Duration) -> AggregateBuilder {
        let status = || Condition::field(STATUS);
        let refused = status().at_least(400u64).and(status().less_than(500u64));
        Self::tumbling(window)
            .suffix("golden_signals")
            .measure(Measure::quantiles(DURATION, QUANTILES).when(failed().not()).named("latency"))
            .measure(Measure::quantiles(DURATION, [0.99]).when(failed()).named("error_latency"))
            .measure(Measure::count().named("requests"))
            .measure(Measure::rate().named("request_rate"))
            .measure(Measure::per_second("otel:http.response.size").named("response_bytes_rate"))
            .measure(Measure::per_second("otel:http.response.body.size").named("response_body_bytes_rate"))
            .measure(Measure::count().when(failed()).named("errors"))
            .measure(Measure::share(failed()).named("error_share"))
            .measure(Measure::count().when(refused).named("client_errors"))
            .measure(Measure::per_second(DURATION).named("concurrency"))
    }
}

fn failed() -> Condition {
    Condition::field(STATUS).at_least(500u64)
}
