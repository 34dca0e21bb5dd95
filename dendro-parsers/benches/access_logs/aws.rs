//! The access logs of AWS, which have twenty columns and more.

use super::baseline::Group::{self, *};
use super::cases::Case;
use super::requests::{Request, hex, secs};

pub(crate) fn cases() -> [Case; 3] {
    [
        Case {
            name: "alb",
            format: "alb",
            option: None,
            pattern: alb_pattern(),
            groups: ALB,
            line: alb,
            floor: 10.0,
        },
        // Their columns are told by the log or by the user: configured formats of ten fields and more.
        Case {
            name: "cloudfront",
            format: "cloudfront",
            option: Some((
                "fields",
                "date,time,x-edge-location,sc-bytes,c-ip,cs-method,cs(Host),cs-uri-stem,sc-status,cs(Referer),cs(User-Agent),\
                 cs-uri-query,cs(Cookie),x-edge-result-type,x-edge-request-id,x-host-header,cs-protocol,cs-bytes,time-taken,\
                 x-forwarded-for,ssl-protocol,ssl-cipher,x-edge-response-result-type,cs-protocol-version",
            )),
            pattern: tabs(CLOUDFRONT),
            groups: CLOUDFRONT,
            line: cloudfront,
            floor: 5.0,
        },
        Case {
            name: "cloudfront_realtime",
            format: "cloudfront_realtime",
            option: Some((
                "fields",
                "timestamp,c-ip,time-to-first-byte,sc-status,sc-bytes,cs-method,cs-protocol,cs-host,cs-uri-stem,cs-bytes,\
                 x-edge-location,time-taken,cs-user-agent,cs-referer,cs-uri-query,x-edge-result-type",
            )),
            pattern: tabs(REALTIME),
            groups: REALTIME,
            line: realtime,
            floor: 5.0,
        },
    ]
}

const ALB: &[(&str, Group)] = &[
    ("type", Text),
    ("", Iso),
    ("elb", Text),
    ("client_ip", Text),
    ("client_port", Number),
    ("target_ip", Text),
    ("target_port", Number),
    ("request_processing_time", Seconds),
    ("target_processing_time", Seconds),
    ("response_processing_time", Seconds),
    ("elb_status_code", Number),
    ("target_status_code", Number),
    ("received_bytes", Number),
    ("sent_bytes", Number),
    ("request", HexRequest),
    ("user_agent", Hex),
    ("ssl_cipher", Text),
    ("ssl_protocol", Text),
    ("target_group_arn", Text),
    ("trace_id", Text),
    ("domain_name", Text),
    ("chosen_cert_arn", Text),
    ("matched_rule_priority", Number),
    ("request_creation_time", IsoField),
    ("actions_executed", TextList),
    ("redirect_url", Text),
    ("error_reason", Text),
    ("target_port_list", TextList),
    ("target_status_code_list", NumberList),
    ("classification", Text),
    ("classification_reason", Text),
    ("conn_trace_id", Text),
];

/// A group a column, two where an address has a port.
fn alb_pattern() -> String {
    let columns = ALB.iter().filter(|(name, _)| !name.ends_with("_port")).map(|(name, group)| match *name {
        "client_ip" | "target_ip" => r"(\S+):(\d+)",
        "request"
        | "user_agent"
        | "trace_id"
        | "domain_name"
        | "chosen_cert_arn"
        | "actions_executed"
        | "redirect_url"
        | "error_reason"
        | "target_port_list"
        | "target_status_code_list"
        | "classification"
        | "classification_reason" => r#""([^"]*)""#,
        _ if *group == Number => r"(\d+|-)",
        _ if *group == Seconds => r"(-1|\d+\.\d+|-)",
        _ => r"(\S+)",
    });
    format!("^{}$", columns.collect::<Vec<_>>().join(" "))
}

fn alb(request: &Request) -> String {
    let (time, taken) = (request.micros(), secs(request.taken));
    let id = request.millis * 2_654_435_761 % 0xffff_ffff;
    format!(
        "https {time} app/shop/50dc6c495c0c9188 {}:{} 10.0.0.7:8080 0.001 {taken} 0.000 {status} {status} {} {} \
         \"{} https://{}:443{} {}\" \"{}\" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 \
         arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop/73e2d6bc24d8a067 \
         \"Root=1-{id:08x}-36d228ad5d99923122bbe354\" \"{}\" \
         \"arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012\" 0 {time} \
         \"forward\" \"-\" \"-\" \"10.0.0.7:8080\" \"{status}\" \"-\" \"-\" TID_{id:032x}",
        request.addr,
        1_024 + request.taken,
        300 + request.taken,
        request.bytes,
        request.method,
        request.host,
        hex(&request.target),
        request.protocol,
        hex(request.agent.unwrap_or("-")),
        request.host,
        status = request.status,
    )
}

const CLOUDFRONT: &[(&str, Group)] = &[
    ("", DateAndTime),
    ("x_edge_location", Text),
    ("sc_bytes", Number),
    ("c_ip", Text),
    ("cs_method", Text),
    ("cs_host", Percent),
    ("cs_uri_stem", Percent),
    ("sc_status", Number),
    ("cs_referer", Percent),
    ("cs_user_agent", Percent),
    ("cs_uri_query", Percent),
    ("cs_cookie", Percent),
    ("x_edge_result_type", Text),
    ("x_edge_request_id", Text),
    ("x_host_header", Text),
    ("cs_protocol", Text),
    ("cs_bytes", Number),
    ("time_taken", Seconds),
    ("x_forwarded_for", Text),
    ("ssl_protocol", Text),
    ("ssl_cipher", Text),
    ("x_edge_response_result_type", Text),
    ("cs_protocol_version", Text),
];

fn cloudfront(request: &Request) -> String {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, "-"));
    format!(
        "{}\tFRA56-P1\t{}\t{}\t{}\td111111abcdef8.cloudfront.net\t{}\t{}\t{}\t{}\t{}\t-\tHit\t{:056x}\t{}\thttps\t{}\t{}\t-\tTLSv1.3\t\
         TLS_AES_128_GCM_SHA256\tHit\t{}",
        request.day_and_time(),
        request.bytes,
        request.addr,
        request.method,
        percent(path),
        request.status,
        percent(request.referer.unwrap_or("-")),
        percent(request.agent.unwrap_or("-")),
        percent(query),
        request.millis,
        request.host,
        300 + request.taken,
        secs(request.taken),
        request.protocol,
    )
}

const REALTIME: &[(&str, Group)] = &[
    ("", Epoch),
    ("c_ip", Text),
    ("time_to_first_byte", Seconds),
    ("sc_status", Number),
    ("sc_bytes", Number),
    ("cs_method", Text),
    ("cs_protocol", Text),
    ("cs_host", Percent),
    ("cs_uri_stem", Percent),
    ("cs_bytes", Number),
    ("x_edge_location", Text),
    ("time_taken", Seconds),
    ("cs_user_agent", Percent),
    ("cs_referer", Percent),
    ("cs_uri_query", Percent),
    ("x_edge_result_type", Text),
];

fn realtime(request: &Request) -> String {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, "-"));
    let taken = secs(request.taken);
    format!(
        "{}\t{}\t{taken}\t{}\t{}\t{}\thttps\t{}\t{}\t{}\tFRA56-P1\t{taken}\t{}\t{}\t{}\tHit",
        request.msec(),
        request.addr,
        request.status,
        request.bytes,
        request.method,
        request.host,
        percent(path),
        300 + request.taken,
        percent(request.agent.unwrap_or("-")),
        percent(request.referer.unwrap_or("-")),
        percent(query),
    )
}

/// A group a column, with tabs between.
fn tabs(groups: &[(&str, Group)]) -> String {
    let columns = groups.iter().map(|(_, group)| match group {
        DateAndTime => r"(\d{4}-\d\d-\d\d\t\d\d:\d\d:\d\d)",
        Epoch => r"(\d+\.\d+)",
        Number => r"(\d+|-)",
        Seconds => r"(\d+\.\d+|-)",
        _ => r"([^\t]*)",
    });
    format!("^{}$", columns.collect::<Vec<_>>().join(r"\t"))
}

/// A value as CloudFront encodes it.
fn percent(value: &str) -> String {
    let encoded = |byte: u8| match byte {
        b' ' | b'"' | b'%' | b'\\' | b'<' | b'>' | b'[' | b']' | 0..=0x1f | 0x7f.. => format!("%{byte:02X}"),
        _ => char::from(byte).to_string(),
    };
    value.bytes().map(encoded).collect()
}
