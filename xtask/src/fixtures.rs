//! `cargo xtask fixtures`: the log that the quickstart reads, written by a real nginx.

mod client;
mod hostile;
mod nginx;
mod random;
mod site;
mod traffic;
mod upstream;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use lexopt::{Arg, ValueExt};

use crate::failure::Failure;
use crate::process;
use nginx::Nginx;
use random::Random;

const SEED: u64 = 20_260_114;
const REQUESTS: usize = 5_000;

#[derive(Clone, Copy)]
pub(crate) struct Options {
    seconds: u32,
}

impl Options {
    pub(crate) fn parse(mut args: lexopt::Parser) -> Result<Self, Failure> {
        let mut options = Self { seconds: 120 };
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("seconds") => options.seconds = args.value()?.parse()?,
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let data = process::root()?.join("examples/data");
    let folder = TempFolder::new()?;
    let mut random = Random::new(SEED);
    site::create(&folder.0.join("www"), &mut random)?;
    let upstream = upstream::start()?;
    let server = Nginx::start(&folder.0, upstream)?;

    let requests = traffic::plan(&mut random, REQUESTS);
    println!("sending {} requests to {} within {} s", requests.len(), server.version, options.seconds);
    send(&server, &requests, options.seconds)?;
    let version = server.version.clone();
    // Ends it, so that the last line is written before the log is read.
    drop(server);

    let log = folder.0.join("access.log");
    let text = fs::read_to_string(&log).map_err(Failure::io(log.display()))?;
    let statuses = statuses(&text);
    let lines: usize = statuses.values().sum();
    if lines < REQUESTS {
        return Err(Failure::new(format!("nginx wrote {lines} lines for {} requests", requests.len())));
    }
    write(&data.join("nginx_access.log"), &text)?;
    write(&data.join("README.md"), &readme(&version, &statuses))?;
    println!("{lines} lines in examples/data/nginx_access.log; by status: {statuses:?}");
    Ok(())
}

/// Spreads them over the time, in bursts as visitors come: the log's times are the real ones.
fn send(server: &Nginx, requests: &[traffic::Request], seconds: u32) -> Result<(), Failure> {
    let start = Instant::now();
    let whole = Duration::from_secs(seconds.into());
    let mut pace = Random::new(SEED);
    let mut due = 0.0;
    let gaps: Vec<f64> =
        requests.iter().map(|_| f64::from(pace.chance(12)) * pace.below(100) as f64).collect();
    let sum: f64 = gaps.iter().sum::<f64>().max(1.0);
    for (request, gap) in requests.iter().zip(gaps) {
        due += gap / sum;
        thread::sleep(whole.mul_f64(due).saturating_sub(start.elapsed()));
        client::send(server.port, request).map_err(Failure::io("sending a request to nginx"))?;
    }
    Ok(())
}

/// Lines by status. Quotes inside of fields are escaped, so the status follows the second one.
fn statuses(log: &str) -> BTreeMap<String, usize> {
    let mut statuses = BTreeMap::new();
    for line in log.lines() {
        let status = line.split('"').nth(2).and_then(|rest| rest.split_whitespace().next()).unwrap_or("?");
        *statuses.entry(status.to_owned()).or_default() += 1;
    }
    statuses
}

fn readme(version: &str, statuses: &BTreeMap<String, usize>) -> String {
    let lines: usize = statuses.values().sum();
    let mut text = format!(
        "# Example data\n\n\
         `nginx_access.log` is the access log of a real server ({version}, `log_format combined`, time zone \
         {zone}), {lines} lines: visitors, crawlers, an API with a slow and a dead upstream, and hostile requests \
         (TLS to the plain port, injected quotes, bytes that are not UTF-8, no request at all).\n\n\
         Clients' addresses are the ones reserved for documentation (RFC 5737, RFC 3849), names and paths are \
         made up. `cargo xtask fixtures` writes it anew: the same requests in the same order at another time. \
         The file is under the project's licences.\n\n\
         | status | lines |\n|---|---|\n",
        zone = nginx::TIME_ZONE,
    );
    for (status, count) in statuses {
        text += &format!("| {status} | {count} |\n");
    }
    text
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(Failure::io(folder.display()))?;
    }
    fs::write(file, text).map_err(Failure::io(file.display()))
}

/// Removed with all that is in it at the end.
struct TempFolder(PathBuf);

impl TempFolder {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("dendro-fixtures-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(Failure::io(path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: {} stays: {error}", self.0.display());
        }
    }
}
