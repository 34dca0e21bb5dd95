//! The project's own commands; `cargo xtask` without arguments lists them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks on them")]

mod apt;
mod bench;
mod counts;
mod crash;
mod deps;
mod failure;
mod fixtures;
mod fuzz;
mod needs;
mod plugin;
mod process;
mod test;
mod wasm;

use std::process::ExitCode;

use failure::Failure;
use lexopt::Arg;

struct Command {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(lexopt::Parser) -> Result<(), Failure>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        usage: "[--offline]",
        about: "install what the tests need and run all of them; --offline installs nothing and lists what it left out",
        run: |args| test::run(test::Options::parse(args)?),
    },
    Command {
        name: "wasm",
        usage: "[--offline]",
        about: "build what a plugin is made of, and the plugins, for wasm32-unknown-unknown",
        run: |args| wasm::run(wasm::Options::parse(args)?),
    },
    Command {
        name: "plugin",
        usage: "new NAME | build [NAME] | test [NAME]",
        about: "begin, build or test plugins of examples/plugins",
        run: |args| plugin::run(plugin::Options::parse(args)?),
    },
    Command {
        name: "deps",
        usage: "",
        about: "check which crate may import which, and how many crates dendro-core brings along",
        run: |args| no_arguments(args).and_then(|()| deps::run()),
    },
    Command {
        name: "fuzz",
        usage: "[TARGET] [--seconds N]",
        about: "run each fuzz target (or one) for N seconds, 10 unless told",
        run: |args| fuzz::run(&fuzz::Options::parse(args)?),
    },
    Command {
        name: "bench",
        usage: "[--quick] [--input FILE]",
        about: "measure the budgets of speed and size on a generated log, or FILE; --quick: a smoke run",
        run: |args| bench::run(&bench::Options::parse(args)?),
    },
    Command {
        name: "crash",
        usage: "[--seeds N] [--seed S] [--mode M] ...",
        about: "kill pipelines and judge what is left; --help lists the modes and options",
        run: |args| crash::run(&crash::Options::parse("crash", args)?),
    },
    Command {
        name: "soak",
        usage: "[--minutes N] [--kills]",
        about: "run a pipeline at full load with faults for N minutes, 10 unless told; prints memory, lag, loss",
        run: |args| crash::run(&crash::Options::parse("soak", args)?),
    },
    Command {
        name: "fixtures",
        usage: "[--seconds N]",
        about: "write examples/data anew: drive a real nginx for N seconds, 120 unless told",
        run: |args| fixtures::run(fixtures::Options::parse(args)?),
    },
];

fn main() -> ExitCode {
    match dispatch(lexopt::Parser::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("error: {message}\n\n{}", help());
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut args: lexopt::Parser) -> Result<(), Failure> {
    match args.next()? {
        None | Some(Arg::Short('h') | Arg::Long("help")) => {
            println!("{}", help());
            Ok(())
        }
        Some(Arg::Value(name)) => match COMMANDS.iter().find(|command| name == command.name) {
            Some(command) => (command.run)(args),
            None => Err(Failure::Usage(format!("there is no command {name:?}"))),
        },
        Some(other) => Err(other.unexpected().into()),
    }
}

fn no_arguments(mut args: lexopt::Parser) -> Result<(), Failure> {
    match args.next()? {
        None => Ok(()),
        Some(arg) => Err(arg.unexpected().into()),
    }
}

fn help() -> String {
    let mut text = String::from("usage: cargo xtask COMMAND\n");
    for Command { name, usage, about, .. } in COMMANDS {
        text += &format!("\n  {:<31} {about}", format!("{name} {usage}"));
    }
    text
}
