//! AWS's formats by name.

use super::cloudwatch::CloudWatchThen;
use super::{
    CloudFrontRealtime, CloudFrontStandard, CloudWatchLogs, LambdaLines, LambdaLog, LoadBalancerAccess,
};
use crate::formats::{Detection, Format, FormatError, FormatOption, MAX_LINE_BYTES, Options, Parser, find};

const CHOSEN: FormatOption = FormatOption::new(
    "fields",
    "The fields of the real-time log configuration in AWS's order, as in `timestamp,c-ip,sc-status`; `all` for all of them.",
)
.required();

const COLUMNS: FormatOption = FormatOption::new(
    "fields",
    "The columns of lines before which there is no `#Fields:` line, as in `date,time,c-ip,sc-status`.",
);

const MESSAGES: FormatOption = FormatOption::new(
    "format",
    "The format of the log events' messages, as in `lambda`; without it they become the field `message`.",
);

pub(crate) const FORMATS: &[Format] = &[
    Format {
        name: "cloudfront",
        doc: "CloudFront's standard logs, with `#Fields:` lines or without, or as JSON.",
        options: &[COLUMNS, MAX_LINE_BYTES],
        example: &[],
        sample: concat!(
            "#Version: 1.0\n",
            "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) ",
            "cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken\n",
            "2026-11-20\t16:59:47\tFRA56-P1\t2390\t192.0.2.7\tGET\td111.cloudfront.net\t/a.html\t200\t-\tcurl/8.14.1\tb=c\t-\tHit\t",
            "aBcD==\twww.example.com\thttps\t42\t0.002\n",
            "2026-11-20\t16:59:48\tFRA56-P1\t734\t2001:db8::7\tPOST\td111.cloudfront.net\t/form\t000\thttps://example.net/\t",
            "Mozilla/5.0%20(X11)\t-\t-\tError\teFgH==\twww.example.com\thttps\t512\t0.082\n",
        ),
        detection: Detection::Weight(95),
        configure: |options| {
            let lines = options.lines()?;
            let mut transform = CloudFrontStandard::new();
            if let Some(names) = options.get(&COLUMNS) {
                let invalid =
                    |e: super::InvalidColumns| options.invalid_text(&COLUMNS, names, e.at, e.problem);
                transform = transform.columns(names).map_err(invalid)?;
            }
            Ok(Parser::new(vec![CloudFrontStandard::schema()], transform, move || lines.clone()))
        },
    },
    Format {
        name: "cloudfront_realtime",
        doc: "CloudFront's real-time logs.",
        options: &[CHOSEN, MAX_LINE_BYTES],
        example: &[(
            "fields",
            "timestamp,c-ip,time-to-first-byte,sc-status,sc-bytes,cs-method,cs-host,cs-uri-stem,cs-user-agent",
        )],
        sample: concat!(
            "1795208387.123\t192.0.2.7\t0.002\t200\t2390\tGET\twww.example.com\t/a.html?b=c\tcurl/8.14.1\n",
            "1795208388.001\t2001:db8::7\t0.080\t404\t734\tPOST\twww.example.com\t/form\tMozilla/5.0%20(X11)\n",
        ),
        detection: Detection::No,
        configure: |options| {
            let lines = options.lines()?;
            let names = options.required(&CHOSEN)?;
            let transform = match names {
                "all" => CloudFrontRealtime::all(),
                _ => CloudFrontRealtime::new(names)
                    .map_err(|e| options.invalid_text(&CHOSEN, names, e.at, e.problem))?,
            };
            Ok(Parser::new(vec![transform.schema()], transform, move || lines.clone()))
        },
    },
    Format {
        name: "lambda",
        doc: "What Lambda functions and their platform log, as text or as JSON, and the events of the Telemetry API.",
        options: &[MAX_LINE_BYTES],
        example: &[],
        sample: concat!(
            "START RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95 Version: $LATEST\n",
            "2026-11-20T16:59:47.123Z\t8f507cfc-1234-4697-b07a-ac58fc914c95\tINFO\thello\n",
            "REPORT RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95\tDuration: 3.51 ms\tBilled Duration: 4 ms\t",
            "Memory Size: 128 MB\tMax Memory Used: 42 MB\tInit Duration: 171.20 ms\t\n",
            r#"{"time":"2026-11-20T16:59:47.126Z","type":"platform.runtimeDone","record":{"requestId":"8f507cfc-1234-4697-b07a-ac58fc914c95","#,
            r#""status":"success","metrics":{"durationMs":3.1,"producedBytes":14}}}"#,
            "\n",
        ),
        detection: Detection::Weight(90),
        configure: |options| {
            let max_bytes = options.max_line_bytes()?;
            Ok(Parser::new(LambdaLog::schemas(), LambdaLog::new(), move || LambdaLines::new(max_bytes)))
        },
    },
    Format {
        name: "cloudwatch",
        doc: "The messages of subscriptions of CloudWatch Logs, decompressed: an event for each of their log events.",
        options: &[MESSAGES, MAX_LINE_BYTES],
        example: &[],
        sample: concat!(
            r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/lambda/f","logStream":"2026/11/20/[1]ab","#,
            r#""subscriptionFilters":["all"],"logEvents":[{"id":"1","timestamp":1795208387123,"message":"hello\n"},"#,
            r#"{"id":"2","timestamp":1795208387124,"message":"you\n"}]}"#,
            "\n",
        ),
        detection: Detection::Weight(100),
        configure: cloudwatch,
    },
    Format {
        name: "alb",
        doc: "The access logs of Application Load Balancers, and of Classic ones.",
        options: &[MAX_LINE_BYTES],
        example: &[],
        sample: LOAD_BALANCER_SAMPLE,
        detection: Detection::Weight(100),
        configure: load_balancer,
    },
    Format {
        name: "elb",
        doc: "Another name of `alb`.",
        options: &[MAX_LINE_BYTES],
        example: &[],
        sample: LOAD_BALANCER_SAMPLE,
        detection: Detection::No,
        configure: load_balancer,
    },
];

fn load_balancer(options: Options<'_>) -> Result<Parser, FormatError> {
    let lines = options.lines()?;
    Ok(Parser::new(LoadBalancerAccess::schemas(), LoadBalancerAccess::new(), move || lines.clone()))
}

const LOAD_BALANCER_SAMPLE: &str = concat!(
    "https 2026-11-20T16:59:47.186641Z app/web/50dc6c495c0c9188 192.0.2.7:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 ",
    r#""GET https://www.example.com:443/a?b=c HTTP/1.1" "curl/8.14.1" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 "#,
    "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/t/73e2d6bc24d8a067 ",
    r#""Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "session-reused" 1 2026-11-20T16:59:47.100000Z "#,
    r#""waf,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90"#,
    "\n",
    "2026-11-20T16:59:48.945958Z my-loadbalancer 192.0.2.7:2817 10.0.0.1:80 0.000086 0.001048 0.001337 200 200 0 57 ",
    r#""GET https://www.example.com:443/ HTTP/1.1" "curl/8.14.1" DHE-RSA-AES128-SHA TLSv1.2"#,
    "\n",
);

fn cloudwatch(options: Options<'_>) -> Result<Parser, FormatError> {
    let lines = options.lines()?;
    let Some(name) = options.get(&MESSAGES) else {
        let schemas = vec![CloudWatchLogs::schema()];
        return Ok(Parser::from_factory(schemas, || CloudWatchThen::new(None), move || lines.clone()));
    };
    let next = match find(name)?.configure(&[]) {
        Err(FormatError::MissingOption { .. }) => {
            return Err(options.invalid(&MESSAGES, name, "a format that needs no option"));
        }
        next => next?,
    };
    let schemas = CloudWatchThen::schemas_of(next.schemas());
    let transform = move || CloudWatchThen::new(Some(next.transform()));
    Ok(Parser::from_factory(schemas, transform, move || lines.clone()))
}
