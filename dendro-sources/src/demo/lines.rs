//! The lines and the site that they are of.

use dendro_core::Timestamp;

/// Room for one line: the longest is about 330 bytes.
pub(super) const MAX_BYTES: usize = 384;

/// Writes one line after the other.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    random: Random,
    time: [u8; 28],
    second: i64,
}

impl Lines {
    pub(super) const fn new(seed: u64) -> Self {
        Self { random: Random(seed), time: *b"[01/Jan/1970:00:00:00 +0000]", second: 0 }
    }

    pub(super) fn set_time(&mut self, now: Timestamp) {
        const MONTHS: [&[u8; 3]; 12] =
            [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
        if now.as_secs() == self.second {
            return;
        }
        self.second = now.as_secs();
        let civil = now.to_civil();
        let two = |n: u8| [b'0' + n / 10 % 10, b'0' + n % 10];
        let year = civil.year.clamp(0, 9999) as u16;
        let month = MONTHS[usize::from(civil.month.clamp(1, 12)) - 1];
        self.time[1..3].copy_from_slice(&two(civil.day));
        self.time[4..7].copy_from_slice(month);
        self.time[8..10].copy_from_slice(&two((year / 100) as u8));
        self.time[10..12].copy_from_slice(&two((year % 100) as u8));
        self.time[13..15].copy_from_slice(&two(civil.hour));
        self.time[16..18].copy_from_slice(&two(civil.minute));
        self.time[19..21].copy_from_slice(&two(civil.second));
    }

    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        let random = &mut self.random;
        let visitor = random.skewed(4_096);
        let agent = pick(AGENTS, visitor);
        let page = if agent.bot { Page::crawled(random) } else { Page::visited(random) };
        let status = page.status(random, agent.bot);

        address(visitor, out);
        out.extend_from_slice(b" - ");
        out.extend_from_slice(if page.kind == Kind::Admin && status != 401 { b"alice" } else { b"-" });
        out.push(b' ');
        out.extend_from_slice(&self.time);
        out.extend_from_slice(b" \"");
        let head_only = page.request(random, out);
        out.extend_from_slice(b"\" ");
        number(u64::from(status), out);
        out.push(b' ');
        let bytes = page.bytes(random, status);
        number(if head_only { 0 } else { bytes }, out);
        out.extend_from_slice(b" \"");
        page.referer(random, agent.bot, out);
        out.extend_from_slice(b"\" \"");
        out.extend_from_slice(agent.text.as_bytes());
        out.push(b'"');
    }
}

/// A request's target, drawn from the site map.
struct Page {
    path: &'static str,
    kind: Kind,
    size: u32,
    numbered: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Html,
    Asset,
    Api,
    Order,
    Admin,
    Probe,
}

impl Page {
    fn visited(random: &mut Random) -> Self {
        Self::of(random.skewed(PAGES.len() as u32) as usize, random)
    }

    /// Crawlers read pages and leave the rest alone.
    fn crawled(random: &mut Random) -> Self {
        Self::of(random.below(PAGES.len() as u32) as usize, random)
    }

    fn of(index: usize, random: &mut Random) -> Self {
        let (path, kind, size) = PAGES[index.min(PAGES.len() - 1)];
        let numbered = path.ends_with('/') && path.len() > 1;
        Self { path, kind, size, numbered: numbered.then(|| random.skewed(500) + 1) }
    }

    fn status(&self, random: &mut Random, bot: bool) -> u16 {
        let roll = random.below(1_000);
        match self.kind {
            Kind::Probe => 404,
            Kind::Asset if roll < 380 => 304,
            Kind::Order if roll < 800 => 302,
            Kind::Order if roll < 870 => 422,
            Kind::Admin if roll < 300 => 401,
            Kind::Api if roll < 15 => 429,
            Kind::Api if roll < 24 => 503,
            Kind::Html if bot && roll < 90 => 301,
            _ if roll >= 998 => 502,
            _ if roll >= 994 => 500,
            _ if roll >= 991 => 499,
            _ if roll >= 975 => 404,
            _ => 200,
        }
    }

    /// Says whether only the head was asked for.
    fn request(&self, random: &mut Random, out: &mut Vec<u8>) -> bool {
        let method: &[u8] = match self.kind {
            Kind::Order => b"POST ",
            Kind::Api if random.below(5) == 0 => b"POST ",
            _ if random.below(80) == 0 => b"HEAD ",
            _ => b"GET ",
        };
        out.extend_from_slice(method);
        out.extend_from_slice(self.path.as_bytes());
        if let Some(n) = self.numbered {
            number(u64::from(n), out);
        } else if self.kind == Kind::Html && random.below(12) == 0 {
            out.extend_from_slice(b"?page=");
            number(u64::from(random.below(20) + 1), out);
        }
        let protocol: &[u8] = if random.below(4) == 0 { b" HTTP/1.1" } else { b" HTTP/2.0" };
        out.extend_from_slice(protocol);
        method == b"HEAD "
    }

    fn bytes(&self, random: &mut Random, status: u16) -> u64 {
        match status {
            304 | 499 => 0,
            301 | 302 => 138 + u64::from(random.below(40)),
            200 if self.kind == Kind::Asset => u64::from(self.size),
            // Bodies vary around their page's size, now and then much.
            200 => {
                let usual = u64::from(self.size / 2 + random.below(self.size));
                if random.below(50) == 0 { usual * 8 } else { usual }
            }
            _ => 146 + u64::from(random.below(420)),
        }
    }

    fn referer(&self, random: &mut Random, bot: bool, out: &mut Vec<u8>) {
        let roll = random.below(10);
        if bot || self.kind == Kind::Probe || (roll < 4 && self.kind == Kind::Html) {
            out.push(b'-');
        } else if roll < 6 && self.kind == Kind::Html {
            out.extend_from_slice(REFERERS[random.skewed(REFERERS.len() as u32) as usize].as_bytes());
        } else {
            out.extend_from_slice(b"https://shop.example");
            out.extend_from_slice(PAGES[random.below(6) as usize].0.as_bytes());
        }
    }
}

/// From the most visited to the least, with their usual size. A path that ends in a slash gets a number.
const PAGES: &[(&str, Kind, u32)] = &[
    ("/", Kind::Html, 14_210),
    ("/products", Kind::Html, 38_400),
    ("/search", Kind::Html, 22_600),
    ("/cart", Kind::Html, 9_870),
    ("/about", Kind::Html, 7_310),
    ("/help/returns", Kind::Html, 11_900),
    ("/assets/app.4f1c9e.css", Kind::Asset, 20_315),
    ("/assets/app.81b2d0.js", Kind::Asset, 140_072),
    ("/products/", Kind::Html, 26_100),
    ("/assets/logo.svg", Kind::Asset, 3_212),
    ("/favicon.ico", Kind::Asset, 1_150),
    ("/api/v1/stock/", Kind::Api, 640),
    ("/images/products/", Kind::Asset, 61_440),
    ("/api/v1/cart", Kind::Api, 1_480),
    ("/assets/fonts/inter.woff2", Kind::Asset, 98_868),
    ("/blog", Kind::Html, 17_500),
    ("/api/v1/recommendations", Kind::Api, 5_320),
    ("/blog/", Kind::Html, 31_000),
    ("/checkout", Kind::Order, 2_100),
    ("/account/orders", Kind::Html, 12_400),
    ("/login", Kind::Order, 900),
    ("/robots.txt", Kind::Asset, 310),
    ("/sitemap.xml", Kind::Asset, 48_211),
    ("/feed.xml", Kind::Html, 28_900),
    ("/admin/", Kind::Admin, 8_200),
    ("/wp-login.php", Kind::Probe, 0),
    ("/.env", Kind::Probe, 0),
    ("/xmlrpc.php", Kind::Probe, 0),
];

const REFERERS: &[&str] = &[
    "https://www.google.com/",
    "https://duckduckgo.com/",
    "https://www.bing.com/",
    "https://news.example/garden",
    "https://forum.example/t/soil-sensors/1832",
    "android-app://com.google.android.gm/",
];

struct Agent {
    text: &'static str,
    bot: bool,
}

const AGENTS: &[Agent] = &[
    person(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    ),
    person(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    ),
    person(
        "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
    ),
    person("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    person(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    ),
    bot("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    person(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
    ),
    person("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    bot("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
    bot("curl/8.14.1"),
];

const fn person(text: &'static str) -> Agent {
    Agent { text, bot: false }
}

const fn bot(text: &'static str) -> Agent {
    Agent { text, bot: true }
}

/// A visitor keeps one agent, and earlier agents have more visitors.
fn pick(agents: &'static [Agent], visitor: u32) -> &'static Agent {
    let mut hash = Random(u64::from(visitor) ^ 0x5eed);
    &agents[hash.skewed(agents.len() as u32) as usize]
}

/// A visitor's address: nine in ten in the three IPv4 documentation ranges, the others in 2001:db8::/32.
fn address(visitor: u32, out: &mut Vec<u8>) {
    const NETS: [&[u8]; 3] = [b"192.0.2.", b"198.51.100.", b"203.0.113."];
    if visitor % 10 == 9 {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        out.extend_from_slice(b"2001:db8:");
        out.push(DIGITS[((visitor >> 2) & 7) as usize + 1]);
        out.extend_from_slice(b"::");
        let low = 0x1000 | (visitor.wrapping_mul(0x9e5) & 0xfff);
        out.extend((0..4).rev().map(|i| DIGITS[((low >> (4 * i)) & 15) as usize]));
    } else {
        out.extend_from_slice(NETS[visitor as usize % 3]);
        number(u64::from(visitor * 7 % 254 + 1), out);
    }
}

fn number(n: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut left = n;
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same everywhere.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`.
    fn below(&mut self, n: u32) -> u32 {
        (((self.next() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// Below `n`, the lower the likelier: density falls with the square root.
    fn skewed(&mut self, n: u32) -> u32 {
        let r = self.next();
        let (a, b) = (r >> 32, r & 0xffff_ffff);
        ((((a * b) >> 32) * u64::from(n)) >> 32) as u32
    }
}
