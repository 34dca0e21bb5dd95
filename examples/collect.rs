//! How this host is, and the services on it: metrics as events.
//!
//! `cargo run --example collect` looks at the host every ten seconds until Ctrl-C; with `--nginx URL`, `--apache URL` or
//! `--redis HOST:PORT` at those as well. With `--once` it looks once.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::time::Duration;

use dendro::parsers::collect::apache::ApacheStatus;
use dendro::parsers::collect::host::HostCollector;
use dendro::parsers::collect::nginx::NginxStatus;
use dendro::parsers::collect::redis::RedisInfo;
use dendro::parsers::collect::{CollectSource, Collector};
use dendro::sinks::ConsoleSink;
use dendro::{ComponentKind, Pipeline};

const INTERVAL: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut services: Vec<Box<dyn Collector>> = vec![Box::new(HostCollector::new().top_programs(5))];
    let mut once = false;
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            lexopt::Arg::Long("once") => once = true,
            lexopt::Arg::Long("nginx") => {
                services.push(Box::new(NginxStatus::new(&args.value()?.to_string_lossy())?))
            }
            lexopt::Arg::Long("apache") => {
                services.push(Box::new(ApacheStatus::new(&args.value()?.to_string_lossy())?))
            }
            lexopt::Arg::Long("redis") => {
                services.push(Box::new(RedisInfo::new(&args.value()?.to_string_lossy())?))
            }
            other => return Err(other.unexpected().into()),
        }
    }

    let mut pipeline = Pipeline::builder();
    let mut names = Vec::new();
    for service in services {
        let name = service.name().to_owned();
        let source = CollectSource::new(service, INTERVAL);
        pipeline = pipeline.source(&name, if once { source.at_once() } else { source });
        names.push(name);
    }
    let pipeline = pipeline
        .sink("console", names, ConsoleSink::stdout())
        .on_problem(|problem| eprintln!("{}: {}", problem.component, problem.message))
        .drop_rejected()
        .build()?;
    let handle = pipeline.handle();
    let stop = async move {
        if once {
            let all_have_told = || {
                handle
                    .stats()
                    .iter()
                    .filter(|c| c.kind == ComponentKind::Source)
                    .all(|source| source.events_out > 0)
            };
            while !all_have_told() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        } else {
            let _ = tokio::signal::ctrl_c().await;
        }
    };
    eprintln!("{}", pipeline.run(stop).await?);
    Ok(())
}
