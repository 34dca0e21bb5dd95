//! A real pipeline in a process of its own, as a setup file describes it. It follows logs until SIGTERM, and is meant to
//! be killed at any moment before that. With `--left DIR` it tells what waits in the disk buffer in this folder.
//!
//! Exit codes: 0 drained; 3 stopped at the drain's deadline; 1 a component could not go on; 2 a setup that is none.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the harness keeps both as the run's log")]

mod broken;
mod clock;
mod left;
mod pipeline;
mod points;
mod storage;

use std::process::ExitCode;

use dendro_crash::Failure;
use dendro_crash::setup::Setup;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode, Failure> {
    let mut args = std::env::args_os().skip(1);
    let path = match (args.next(), args.next()) {
        (Some(option), Some(directory)) if option == "--left" => {
            left::print(directory.as_ref())?;
            return Ok(ExitCode::SUCCESS);
        }
        (Some(path), None) => path,
        _ => return Err(Failure::new("usage: dendro-crash-child SETUP | --left DIR")),
    };
    let text = std::fs::read_to_string(&path).map_err(Failure::io(path.display()))?;
    let setup = Setup::decode(&text)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::io("the runtime"))?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::io("SIGTERM"))?;
        let pipeline = pipeline::build(&setup)?;
        let stop = async move {
            terminate.recv().await;
        };
        match pipeline.run(stop).await {
            Ok(report) => {
                println!("{report}");
                Ok(if report.drained { ExitCode::SUCCESS } else { ExitCode::from(3) })
            }
            Err(error) => {
                eprintln!("error: {error}\n{}", error.report);
                Ok(ExitCode::FAILURE)
            }
        }
    })
}
