//! The judge: is given what was written to the logs and what came out at the other end, and says what was lost, doubled,
//! altered, invented, wrongly refused or put out of order.
//!
//! It shares nothing with the pipeline, nor with the harness: the standard library, and its own reading of the formats and of
//! JSON. It believes neither of them.
//!
//! ```text
//! dendro-crash-judge --input DIR --format access|traces|postgres --destination NAME=FILE
//!     [--destination NAME=FILE ...] [--refused-by NAME] [--left NAME=FILE] [--dead FILE ...]
//!     [--windows FILE ...] [--bound N] [--turned-away FILE] [--given-up FILE] [--any-order]
//! ```
//! - `--input`: a file for each stream, named `s0`, `s1`, ...: the records in order, each with the byte 0x1e behind it.
//! - `--destination`: what this destination has accepted, in order, as lines of JSON; with the same name again, what it has
//!   accepted then. Each has to have everything.
//! - `--refused-by`: this destination has refused what has status 418, for good: it has to be among the dead letters.
//! - `--left`: what is still in the buffer before this destination.
//! - `--dead`: the dead letters.
//! - `--windows`: what an aggregate has told: the records of each second by stream and status. The last result of each has to be
//!   the judge's own count, and none may be more.
//! - `--bound`: the most duplicates, of all destinations and dead letters together; unlimited without.
//! - `--turned-away`: names (`~s0.7~`, one a line) of records that a destination did not take at the first attempt. They may
//!   come later than those behind them.
//! - `--given-up`: likewise, records that were on a part of the disk that was destroyed, where nothing had promised that they
//!   would not be. They may be lost.
//! - `--any-order`: does not look at the order.
//!
//! Exit codes: 0 all is well, 1 it is not, 2 it could not be judged.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks on them")]

mod arguments;
mod deliveries;
mod formats;
mod input;
mod json;
mod verdict;
mod windows;

use std::process::ExitCode;

use arguments::Arguments;
use verdict::Verdict;

fn main() -> ExitCode {
    match judge() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("could not judge: {message}");
            ExitCode::from(2)
        }
    }
}

fn judge() -> Result<bool, String> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let input = input::Input::read(&arguments.input, arguments.format)?;
    let verdict = Verdict::reach(&input, &arguments)?;
    print!("{verdict}");
    Ok(verdict.is_well())
}
