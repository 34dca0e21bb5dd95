//! The formats that are measured: how their lines look, and the regex that one would write for them.

use super::aws;
use super::baseline::Group::{self, *};
use super::requests::{Request, apache, hex, json, secs};

/// A format.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// For the parser.
    pub(crate) format: &'static str,
    pub(crate) option: Option<(&'static str, &'static str)>,
    /// For the regex: the pattern, and the fields of its groups.
    pub(crate) pattern: String,
    pub(crate) groups: &'static [(&'static str, Group)],
    pub(crate) line: fn(&Request) -> String,
    /// How many times the regex's rate the parser has to have.
    pub(crate) floor: f64,
}

const CLF: &str = r"\[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]";
/// Quoted by nginx and by Apache httpd.
const HEX_QUOTED: &str = r#""([^"]*)""#;
const QUOTED: &str = r#""((?:[^"\\]|\\.)*)""#;

pub(crate) fn cases() -> Vec<Case> {
    let nginx = |name, log_format, pattern: String, groups, line| {
        // A format with ten values or more need be only five times as fast.
        let floor = if log_format_values(log_format) >= 10 { 5.0 } else { 10.0 };
        Case { name, format: "nginx", option: Some(("log_format", log_format)), pattern, groups, line, floor }
    };
    let apache = |name, log_format, pattern: String, groups, line| Case {
        name,
        format: if log_format == "combined" { "apache_combined" } else { "apache" },
        option: (log_format != "combined").then_some(("log_format", log_format)),
        pattern,
        groups,
        line,
        floor: 10.0,
    };
    let combined = format!(r"(\S+) - (.*?) {CLF} {HEX_QUOTED} (\d{{3}}) (\d+) {HEX_QUOTED} {HEX_QUOTED}");
    let common = format!(r"(\S+) (\S+) (.*?) {CLF} {QUOTED} (\d{{3}}|-) (\d+|-)");
    let mut cases = vec![
        apache("apache_common", "common", format!("^{common}$"), APACHE_COMMON, apache_common),
        apache(
            "apache_combined",
            "combined",
            format!("^{common} {QUOTED} {QUOTED}$"),
            APACHE_COMBINED,
            apache_combined,
        ),
        apache(
            "apache_vhost_combined",
            "vhost_combined",
            format!(r"^(\S+):(\d+) {common} {QUOTED} {QUOTED}$"),
            APACHE_VHOST,
            |request| format!("{}:80 {}", request.host, apache_combined(request)),
        ),
        apache(
            "apache_combinedio",
            "combinedio",
            format!(r"^{common} {QUOTED} {QUOTED} (\d+) (\d+)$"),
            APACHE_IO,
            |request| format!("{} {} {}", apache_combined(request), 300 + request.taken, 400 + request.bytes),
        ),
        nginx("nginx_main", MAIN, format!("^{combined} {HEX_QUOTED}$"), NGINX_MAIN, |request| {
            format!("{} \"-\"", nginx_combined(request, request.bytes))
        }),
        nginx("nginx_vhost", VHOST, format!(r"^(\S+):(\d+) {combined}$"), NGINX_VHOST, |request| {
            format!("{}:443 {}", request.host, nginx_combined(request, request.bytes))
        }),
        nginx(
            "nginx_timed",
            TIMED,
            format!(
                r#"^{combined} rt=(\S+) uct="([^"]*)" uht="([^"]*)" urt="([^"]*)" ua="([^"]*)" us="([^"]*)" cs=(\S+)$"#
            ),
            NGINX_TIMED,
            nginx_timed,
        ),
        nginx(
            "nginx_upstreaminfo",
            UPSTREAMINFO,
            format!(
                r"^{combined} (\d+) (\S+) \[([^\]]*)\] \[\] ((?:\S+(?:, | : ))*\S+) ((?:\S+(?:, | : ))*\S+) ((?:\S+(?:, | : ))*\S+) ((?:\S+(?:, | : ))*\S+) (\S+)$"
            ),
            NGINX_UPSTREAMINFO,
            nginx_upstreaminfo,
        ),
        nginx(
            "nginx_pipes",
            PIPES,
            r"^([^|]*)\|(\d+\.\d+)\|([^|]*)\|([^|]*)\|([^|]*)\|(.*?)\|([^|]*)\|(\d{3})\|(\d+)\|(\d+)\|(.*)$"
                .to_owned(),
            NGINX_PIPES,
            nginx_pipes,
        ),
        nginx("nginx_json", JSON, json_pattern(), NGINX_JSON, nginx_json),
    ];
    cases.extend(aws::cases());
    cases
}

fn log_format_values(log_format: &str) -> usize {
    log_format.matches('$').count()
}

const APACHE_COMMON: &[(&str, Group)] = &[
    ("remote_host", Text),
    ("remote_logname", Text),
    ("remote_user", Apache),
    ("", Clf),
    ("request", ApacheRequest),
    ("status", Number),
    ("bytes_sent", Number),
];
const APACHE_COMBINED: &[(&str, Group)] = &[
    ("remote_host", Text),
    ("remote_logname", Text),
    ("remote_user", Apache),
    ("", Clf),
    ("request", ApacheRequest),
    ("status", Number),
    ("bytes_sent", Number),
    ("http_referer", Apache),
    ("http_user_agent", Apache),
];
const APACHE_VHOST: &[(&str, Group)] = &[
    ("server_name", Text),
    ("server_port", Number),
    ("remote_host", Text),
    ("remote_logname", Text),
    ("remote_user", Apache),
    ("", Clf),
    ("request", ApacheRequest),
    ("status", Number),
    ("bytes_sent", Number),
    ("http_referer", Apache),
    ("http_user_agent", Apache),
];
const APACHE_IO: &[(&str, Group)] = &[
    ("remote_host", Text),
    ("remote_logname", Text),
    ("remote_user", Apache),
    ("", Clf),
    ("request", ApacheRequest),
    ("status", Number),
    ("body_bytes_sent", Number),
    ("http_referer", Apache),
    ("http_user_agent", Apache),
    ("bytes_received", Number),
    ("bytes_sent", Number),
];
const NGINX_MAIN: &[(&str, Group)] = &[
    ("remote_addr", Text),
    ("remote_user", Hex),
    ("", Clf),
    ("request", HexRequest),
    ("status", Number),
    ("body_bytes_sent", Number),
    ("http_referer", Hex),
    ("http_user_agent", Hex),
    ("http_x_forwarded_for", Hex),
];
const NGINX_VHOST: &[(&str, Group)] = &[
    ("host", Text),
    ("server_port", Number),
    ("remote_addr", Text),
    ("remote_user", Hex),
    ("", Clf),
    ("request", HexRequest),
    ("status", Number),
    ("body_bytes_sent", Number),
    ("http_referer", Hex),
    ("http_user_agent", Hex),
];
const NGINX_TIMED: &[(&str, Group)] = &[
    ("remote_addr", Text),
    ("remote_user", Hex),
    ("", Clf),
    ("request", HexRequest),
    ("status", Number),
    ("body_bytes_sent", Number),
    ("http_referer", Hex),
    ("http_user_agent", Hex),
    ("request_time", Seconds),
    ("upstream_connect_time", SecondsList),
    ("upstream_header_time", SecondsList),
    ("upstream_response_time", SecondsList),
    ("upstream_addr", TextList),
    ("upstream_status", NumberList),
    ("upstream_cache_status", Text),
];
const NGINX_UPSTREAMINFO: &[(&str, Group)] = &[
    ("remote_addr", Text),
    ("remote_user", Hex),
    ("", Clf),
    ("request", HexRequest),
    ("status", Number),
    ("body_bytes_sent", Number),
    ("http_referer", Hex),
    ("http_user_agent", Hex),
    ("request_length", Number),
    ("request_time", Seconds),
    ("proxy_host", Text),
    ("upstream_addr", TextList),
    ("upstream_response_length", NumberList),
    ("upstream_response_time", SecondsList),
    ("upstream_status", NumberList),
    ("request_id", Text),
];
const NGINX_PIPES: &[(&str, Group)] = &[
    ("", Ignored),
    ("", Epoch),
    ("remote_addr", Text),
    ("host", Text),
    ("request_method", Text),
    ("request_uri", Hex),
    ("server_protocol", Text),
    ("status", Number),
    ("bytes_sent", Number),
    ("request_length", Number),
    ("http_user_agent", Hex),
];
const NGINX_JSON: &[(&str, Group)] = &[
    ("", Epoch),
    ("remote_addr", Text),
    ("remote_user", Json),
    ("request", JsonRequest),
    ("host", Text),
    ("status", Number),
    ("body_bytes_sent", Number),
    ("request_length", Number),
    ("request_time", Seconds),
    ("http_referer", Json),
    ("http_user_agent", Json),
    ("upstream_addr", TextList),
    ("upstream_response_time", SecondsList),
    ("request_id", Text),
];

const MAIN: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#;
const VHOST: &str = r#"$host:$server_port $remote_addr - $remote_user [$time_local] "$request" $status $bytes_sent "$http_referer" "$http_user_agent""#;
const TIMED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time" ua="$upstream_addr" us="$upstream_status" cs=$upstream_cache_status"#;
const UPSTREAMINFO: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_host] [] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $request_id"#;
const PIPES: &str = "$time_iso8601|$msec|$remote_addr|$host|$request_method|$request_uri|$server_protocol|$status|$bytes_sent|$request_length|$http_user_agent";
const JSON: &str = r#"{"ts":$msec,"remote_addr":"$remote_addr","remote_user":"$remote_user","request":"$request","host":"$host","status":$status,"body_bytes_sent":$body_bytes_sent,"request_length":$request_length,"request_time":$request_time,"http_referer":"$http_referer","http_user_agent":"$http_user_agent","upstream_addr":"$upstream_addr","upstream_response_time":"$upstream_response_time","request_id":"$request_id"}"#;

fn json_pattern() -> String {
    let mut pattern = regex::escape(JSON);
    for variable in JSON.split('$').skip(1) {
        let name: String = variable.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let group = match name.as_str() {
            "msec" | "status" | "body_bytes_sent" | "request_length" | "request_time" => r"([\d.]+)",
            _ => r#"((?:[^"\\]|\\.)*)"#,
        };
        // The whole variable: another may begin with its name.
        let end = pattern.find(&format!(r"\${name}")).unwrap();
        pattern.replace_range(end..end + name.len() + 2, group);
    }
    format!("^{pattern}$")
}

fn apache_common(request: &Request) -> String {
    let user = apache(request.user.unwrap_or("-"));
    let line = apache(&request.line());
    format!("{} - {user} [{}] \"{line}\" {} {}", request.addr, request.clf(), request.status, request.bytes)
}

fn apache_combined(request: &Request) -> String {
    format!(
        "{} \"{}\" \"{}\"",
        apache_common(request),
        apache(request.referer.unwrap_or("-")),
        apache(request.agent.unwrap_or("-"))
    )
}

fn nginx_combined(request: &Request, bytes: usize) -> String {
    format!(
        "{} - {} [{}] \"{}\" {} {bytes} \"{}\" \"{}\"",
        request.addr,
        hex(request.user.unwrap_or("-")),
        request.clf(),
        hex(&request.line()),
        request.status,
        hex(request.referer.unwrap_or("-")),
        hex(request.agent.unwrap_or("-"))
    )
}

fn nginx_timed(request: &Request) -> String {
    let times = request.tried(|(millis, _)| secs(*millis));
    format!(
        "{} rt={} uct=\"{times}\" uht=\"{times}\" urt=\"{times}\" ua=\"{}\" us=\"{}\" cs=-",
        nginx_combined(request, request.bytes),
        secs(request.taken),
        request.tried(|_| "10.0.0.7:8080".to_owned()),
        request.tried(|_| request.status.to_string()),
    )
}

fn nginx_upstreaminfo(request: &Request) -> String {
    format!(
        "{} {} {} [{}] [] {} {} {} {} {}",
        nginx_combined(request, request.bytes),
        300 + request.taken,
        secs(request.taken),
        if request.tries.is_empty() { "-" } else { "default-shop-8080" },
        request.tried(|_| "10.0.0.7:8080".to_owned()),
        request.tried(|(_, bytes)| bytes.to_string()),
        request.tried(|(millis, _)| secs(*millis)),
        request.tried(|_| request.status.to_string()),
        id(request),
    )
}

fn nginx_pipes(request: &Request) -> String {
    format!(
        "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
        request.iso8601(),
        request.msec(),
        request.addr,
        request.host,
        request.method,
        hex(&request.target),
        request.protocol,
        request.status,
        request.bytes,
        300 + request.taken,
        hex(request.agent.unwrap_or("-"))
    )
}

fn nginx_json(request: &Request) -> String {
    let value = |value: &str| json(if value == "-" { "" } else { value });
    format!(
        r#"{{"ts":{},"remote_addr":"{}","remote_user":"{}","request":"{}","host":"{}","status":{},"body_bytes_sent":{},"request_length":{},"request_time":{},"http_referer":"{}","http_user_agent":"{}","upstream_addr":"{}","upstream_response_time":"{}","request_id":"{}"}}"#,
        request.msec(),
        request.addr,
        json(request.user.unwrap_or_default()),
        json(&request.line()),
        request.host,
        request.status,
        request.bytes,
        300 + request.taken,
        secs(request.taken),
        json(request.referer.unwrap_or_default()),
        json(request.agent.unwrap_or_default()),
        value(&request.tried(|_| "10.0.0.7:8080".to_owned())),
        value(&request.tried(|(millis, _)| secs(*millis))),
        id(request),
    )
}

fn id(request: &Request) -> String {
    format!("{:032x}", request.millis as u128 * 0x9e37_79b9_7f4a_7c15_0123)
}
