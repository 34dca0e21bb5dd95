//! `cargo xtask wasm`: the crates that plugins are made of build for `wasm32-unknown-unknown`.

use std::path::{Path, PathBuf};
use std::process::Command;

use lexopt::Arg;

use crate::failure::Failure;
use crate::{apt, process};

const TARGET: &str = "wasm32-unknown-unknown";
const BUILDS: &[&[&str]] = &[
    &["-p", "dendro-core", "--no-default-features"],
    &["-p", "dendro-parsers"],
    &["-p", "dendro-transforms"],
];

#[derive(Clone, Copy)]
pub(crate) struct Options {
    offline: bool,
}

impl Options {
    pub(crate) fn parse(mut args: lexopt::Parser) -> Result<Self, Failure> {
        let mut options = Self { offline: false };
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("offline") => options.offline = true,
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let toolchain = Toolchain::find(options)?;
    for build in BUILDS {
        process::run(toolchain.cargo()?.arg("build").args(*build).args(["--target", TARGET]))?;
    }
    println!("{} builds for {TARGET}", BUILDS.len());
    Ok(())
}

enum Toolchain {
    /// The toolchain in use has the target (`rustup target add wasm32-unknown-unknown`).
    Own,
    /// Debian's rustc, with the standard library built from source: for machines that can reach
    /// Debian's packages and not rustup's.
    Debian,
}

impl Toolchain {
    fn find(options: Options) -> Result<Self, Failure> {
        if sysroot()?.join("lib/rustlib").join(TARGET).join("lib").is_dir() {
            return Ok(Self::Own);
        }
        if !debian_is_there() {
            let packages = ["rustc-web", "cargo-web", "rust-web-src"];
            let missing = format!(
                "this toolchain cannot build for {TARGET}: run `rustup target add {TARGET}`, \
                 or on Debian `apt-get install {}`",
                packages.join(" ")
            );
            if options.offline {
                return Err(Failure::new(missing));
            }
            println!("installing Debian's Rust, which can build for {TARGET}");
            apt::install(&packages).map_err(|why| Failure::new(format!("{missing} ({})", why.message())))?;
        }
        println!("using {}", process::capture(Command::new(DEBIAN_RUSTC).arg("--version"))?.trim_end());
        Ok(Self::Debian)
    }

    fn cargo(&self) -> Result<Command, Failure> {
        match self {
            Self::Own => process::cargo(),
            Self::Debian => {
                let mut command = Command::new(DEBIAN_CARGO);
                command
                    .current_dir(process::root()?)
                    // A directory of its own, or two compilers would take turns in one.
                    .env("CARGO_TARGET_DIR", process::target_dir()?.join("debian-wasm"))
                    .env("RUSTC", DEBIAN_RUSTC)
                    // Lets a stable compiler build its own standard library.
                    .env("RUSTC_BOOTSTRAP", "1")
                    // Set by the cargo that runs this program, for its own compiler's libraries and tools.
                    .env_remove("LD_LIBRARY_PATH")
                    .env_remove("RUSTDOC")
                    .args(["-Zbuild-std=std,panic_abort"]);
                Ok(command)
            }
        }
    }
}

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

fn debian_is_there() -> bool {
    [DEBIAN_RUSTC, DEBIAN_CARGO, "/usr/lib/rustlib/src/rust/library/Cargo.lock"]
        .iter()
        .all(|file| Path::new(file).exists())
}

fn sysroot() -> Result<PathBuf, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Ok(process::capture(Command::new(rustc).args(["--print", "sysroot"]))?.trim_end().into())
}
