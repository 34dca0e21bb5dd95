//! What browsers, bots and scripts ask for, the same on every run.

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
