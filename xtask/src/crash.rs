//! `cargo xtask crash` and `cargo xtask soak`: builds the harness, the child and the judge, and runs the harness.

use std::ffi::OsString;

use lexopt::Arg;

use crate::failure::Failure;
use crate::process;

/// Cargo's arguments when the programs are built for themselves.
const ALONE: &[&str] = &["build", "--package", "dendro-crash", "--bins"];
/// The same when the tests have been built before: with their features nothing has to be compiled again.
const WITH_TESTS: &[&str] = &["test", "--workspace", "--all-features", "--no-run", "--quiet"];

pub(crate) struct Options {
    command: &'static str,
    after_tests: bool,
    release: bool,
    /// For the harness.
    passed_on: Vec<OsString>,
}

impl Options {
    /// What is not for the build is passed on.
    pub(crate) fn parse(command: &'static str, mut args: lexopt::Parser) -> Result<Self, Failure> {
        let mut options = Self { command, after_tests: false, release: false, passed_on: Vec::new() };
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("after-tests") => options.after_tests = true,
                Arg::Long("release") => options.release = true,
                Arg::Long(name) => {
                    options.passed_on.push(format!("--{name}").into());
                    options.passed_on.extend(args.optional_value());
                }
                Arg::Value(value) => options.passed_on.push(value),
                other => return Err(other.unexpected().into()),
            }
        }
        if options.after_tests && options.release {
            return Err(Failure::Usage("the tests are not built with --release".to_owned()));
        }
        Ok(options)
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut build = process::cargo()?;
    build.args(if options.after_tests { WITH_TESTS } else { ALONE });
    if options.release {
        build.arg("--release");
    }
    process::run(&mut build)?;
    let target = process::target_dir()?;
    let programs = target.join(if options.release { "release" } else { "debug" });
    let mut harness = std::process::Command::new(programs.join("dendro-crash"));
    harness.arg(options.command).arg("--dir").arg(target.join(options.command)).args(&options.passed_on);
    process::run(&mut harness)
}
