//! What is written to the logs: the same for the same seed.

use dendro_crash::random::Random;
use dendro_crash::setup::Format;

/// How many records of a thousand are not of the format.
const BAD: u64 = 30;
/// How many have the status that a server may refuse.
const TEAPOTS: u64 = 20;

/// A record without its last line's end. It holds its name, `~s<stream>.<number>~`, which no other has.
pub(crate) fn record(seed: u64, format: Format, stream: u32, number: u64) -> String {
    let mut random = Random::new(seed ^ number.wrapping_mul(0x9e37_79b9) ^ u64::from(stream) << 56, "record");
    let name = format!("~s{stream}.{number}~");
    match format {
        Format::Access => access(&name, number, &mut random),
        Format::Traces => trace(&name, number, &mut random),
        Format::Postgres => postgres(&name, number, &mut random),
    }
}

/// Hours, minutes and seconds of a day, of which a hundred records fill a second.
fn time_of_day(number: u64) -> String {
    let seconds = number / 100 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn access(name: &str, number: u64, random: &mut Random) -> String {
    if random.chance(BAD) {
        let nonsense = ["segfault in worker", "GET /item HTTP/1.1 200", "[notice] signal process started"];
        return format!("{name} {}", pick(&nonsense, random));
    }
    let status = match random.chance(TEAPOTS) {
        true => 418,
        false => pick(&[200, 200, 200, 204, 301, 404, 500, 503], random),
    };
    let query = if random.chance(300) { format!("?page={}", random.below(100)) } else { String::new() };
    let user = pick(&["-", "-", "alice", "bob"], random);
    let referer = pick(&["-", "https://example.com/", "https://example.org/a?b=c"], random);
    let agent = pick(&["curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64)", "-", "probe"], random);
    let method = pick(&["GET", "GET", "POST", "HEAD"], random);
    format!(
        "10.{}.{}.{} - {user} [20/Nov/2026:{} +0000] \"{method} /item/{name}{query} HTTP/1.1\" {status} {} \"{referer}\" \"{agent}\"",
        random.below(256),
        random.below(256),
        random.below(256),
        time_of_day(number),
        random.below(100_000),
    )
}

fn trace(name: &str, number: u64, random: &mut Random) -> String {
    let mut text = format!(
        "2026-11-20T{}.{:03}Z ERROR [main] {name} java.lang.IllegalStateException: step {} failed",
        time_of_day(number),
        number % 1000,
        random.below(100)
    );
    for depth in 0..random.between(1, 9) {
        text += &format!("\n\tat com.example.Step{depth}.run(Step{depth}.java:{})", random.below(900));
    }
    if random.chance(500) {
        text += &format!("\nCaused by: java.io.IOException: {name} was closed\n\t... 3 more");
    }
    text
}

fn postgres(name: &str, number: u64, random: &mut Random) -> String {
    let pid = 1000 + random.below(5);
    let head = format!("2026-11-20 {}.{:03} UTC [{pid}]", time_of_day(number), number % 1000);
    let key = random.below(1_000_000);
    format!(
        "{head} ERROR:  duplicate key value violates unique constraint \"{name}\"\n\
         {head} DETAIL:  Key (id)=({key}) already exists.\n\
         {head} STATEMENT:  INSERT INTO items\n\tVALUES ({key})\n\tRETURNING '{name}'"
    )
}

fn pick<T: Copy>(from: &[T], random: &mut Random) -> T {
    from[random.below(from.len() as u64) as usize]
}
