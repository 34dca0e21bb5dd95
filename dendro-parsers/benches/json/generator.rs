//! Realistic JSON logs, the same on every run.

use std::fmt::Write;

/// The kinds of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// nginx's access log with `escape=json`: texts, one level.
    Access,
    /// MongoDB's structured log: nested, with objects of the commands.
    Mongo,
    /// An application's: a few levels, numbers, arrays, members that are only there at times.
    App,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Access, Self::Mongo, Self::App];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Mongo => "mongo",
            Self::App => "app",
        }
    }

    /// A log of so many lines.
    pub(crate) fn log(self, lines: usize) -> Vec<u8> {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut out = String::with_capacity(lines * 600);
        for line in 0..lines {
            let written = match self {
                Self::Access => access(line, &mut random, &mut out),
                Self::Mongo => mongo(line, &mut random, &mut out),
                Self::App => app(line, &mut random, &mut out),
            };
            written.unwrap();
            out.push('\n');
        }
        out.into_bytes()
    }
}

const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "curl/8.14.1",
    "",
];
const PATHS: [&str; 6] = [
    "/",
    "/assets/vendor/chunk-7b31a0.js",
    "/api/v1/sensors/1691/readings?from=-1h&step=60",
    "/search?q=soil+moisture+sensor&sort=price&page=2",
    "/p?q=\\\"raw\\\"&r=\\\\",
    "/blog/2026/11/what-a-log-line-tells",
];

fn access(line: usize, random: &mut Random, out: &mut String) -> std::fmt::Result {
    let (path, agent) = (random.pick(&PATHS), random.pick(&AGENTS));
    let status = random.pick(&[200, 200, 200, 304, 404, 502]);
    let (second, millis) = (1_795_206_577 + line / 50, line % 50 * 20);
    write!(
        out,
        r#"{{"time_iso8601":"2026-11-20T16:{:02}:{:02}+01:00","msec":{second}.{millis:03},"remote_addr":"203.0.113.{}","remote_user":"","request":"GET {path} HTTP/1.1","request_method":"GET","uri":"/index.html","server_protocol":"HTTP/1.1","host":"www.example.com","status":{status},"body_bytes_sent":{},"request_time":0.{:03},"http_referer":"https://www.example.com/","http_user_agent":"{agent}","upstream_response_time":"0.{:03}","request_id":"{:016x}{:016x}"}}"#,
        line / 3_000 % 60,
        line / 50 % 60,
        random.below(256),
        random.below(100_000),
        random.below(1_000),
        random.below(1_000),
        random.below(usize::MAX),
        random.below(usize::MAX),
    )
}

fn mongo(line: usize, random: &mut Random, out: &mut String) -> std::fmt::Result {
    let connection = random.below(500);
    write!(
        out,
        r#"{{"t":{{"$date":"2026-11-20T16:{:02}:{:02}.{:03}+00:00"}},"s":"I",  "c":"#,
        line / 3_000 % 60,
        line / 50 % 60,
        line % 1_000,
    )?;
    match random.below(3) {
        0 => write!(
            out,
            r#""NETWORK",  "id":22943,   "ctx":"listener","msg":"Connection accepted","attr":{{"remote":"192.0.2.{}:{}","uuid":{{"uuid":{{"$uuid":"{:08x}-11d2-4a0c-9f6e-8c1b2a3d4e5f"}}}},"connectionId":{connection},"connectionCount":{}}}}}"#,
            random.below(256),
            random.below(65_536),
            random.below(1 << 32),
            random.below(800),
        ),
        1 => write!(
            out,
            r#""COMMAND",  "id":51803,   "ctx":"conn{connection}","msg":"Slow query","attr":{{"type":"command","ns":"shop.orders","appName":"checkout","command":{{"find":"orders","filter":{{"customer":{},"state":{{"$in":["open","paid"]}}}},"sort":{{"at":-1}},"limit":20,"$db":"shop"}},"planSummary":"IXSCAN {{ customer: 1 }}","keysExamined":{},"docsExamined":{},"cursorExhausted":true,"numYields":{},"nreturned":20,"reslen":{},"locks":{{"Global":{{"acquireCount":{{"r":3}}}},"Mutex":{{"acquireCount":{{"r":1}}}}}},"remote":"192.0.2.7:51022","protocol":"op_msg","durationMillis":{}}}}}"#,
            random.below(1 << 40),
            random.below(100_000),
            random.below(100_000),
            random.below(50),
            random.below(60_000),
            100 + random.below(900),
        ),
        _ => write!(
            out,
            r#""ACCESS",   "id":20250,   "ctx":"conn{connection}","msg":"Authentication succeeded","attr":{{"mechanism":"SCRAM-SHA-256","speculative":true,"principalName":"checkout","authenticationDatabase":"admin","remote":"192.0.2.{}:{}","extraInfo":{{}}}}}}"#,
            random.below(256),
            random.below(65_536),
        ),
    }
}

fn app(line: usize, random: &mut Random, out: &mut String) -> std::fmt::Result {
    let level = random.pick(&["info", "info", "debug", "warn"]);
    write!(
        out,
        r#"{{"timestamp":"2026-11-20T16:{:02}:{:02}.{:06}Z","level":"{level}","logger":"shop.checkout.payment","message":"charged order {} in {} ms","thread":{},"service":{{"name":"checkout","version":"4.17.2","node":{{"name":"checkout-6d5f7c9b8-x2x{}"}}}},"trace":{{"id":"{:016x}{:016x}"}},"http":{{"method":"POST","status":{},"duration":{}.{:03},"bytes":{}}},"items":[{{"sku":"A-{}","n":1,"price":19.99}},{{"sku":"B-{}","n":2,"price":4.5}}],"tags":["eu-west","canary"]"#,
        line / 3_000 % 60,
        line / 50 % 60,
        line % 1_000_000,
        random.below(1 << 30),
        random.below(500),
        random.below(64),
        random.below(10),
        random.below(usize::MAX),
        random.below(usize::MAX),
        random.pick(&[200, 201, 402, 503]),
        random.below(500),
        random.below(1_000),
        random.below(20_000),
        random.below(10_000),
        random.below(10_000),
    )?;
    if random.below(10) == 0 {
        out.push_str(r#","error":{"type":"CardDeclined","stack":"CardDeclined: no funds\n\tat charge (/app/pay.js:41:7)\n\tat run (/app/main.js:12:3)"}"#);
    }
    out.push('}');
    Ok(())
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
