//! `cargo xtask wasm`: the crates that plugins are made of, and the plugins, build for `wasm32-unknown-unknown`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use lexopt::Arg;

use crate::failure::Failure;
use crate::{apt, plugin, process};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
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
    let toolchain = Toolchain::find(options.offline)?;
    for build in BUILDS {
        process::run(toolchain.cargo()?.arg("build").args(*build).args(["--target", TARGET]))?;
    }
    println!("{} builds for {TARGET}", BUILDS.len());
    plugin::build(&toolchain, None).map(|_| ())
}

pub(crate) enum Toolchain {
    /// The toolchain in use has the target (`rustup target add wasm32-unknown-unknown`).
    Own,
    /// Debian's rustc, with the standard library built from source: for machines that can reach
    /// Debian's packages and not rustup's.
    Debian,
}

impl Toolchain {
    /// The one that is there, or one that is installed for it.
    pub(crate) fn find_or_install() -> Result<Self, Failure> {
        Self::find(false)
    }

    /// Where it builds: a directory of its own, or two compilers would take turns in one.
    pub(crate) fn target_dir(&self) -> Result<PathBuf, Failure> {
        let target = process::target_dir()?;
        Ok(match self {
            Self::Own => target,
            Self::Debian => target.join("debian-wasm"),
        })
    }

    pub(crate) fn find(offline: bool) -> Result<Self, Failure> {
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
            if offline {
                return Err(Failure::new(missing));
            }
            println!("installing Debian's Rust, which can build for {TARGET}");
            apt::install(&packages).map_err(|why| Failure::new(format!("{missing} ({})", why.message())))?;
        }
        println!("using {}", process::capture(Command::new(DEBIAN_RUSTC).arg("--version"))?.trim_end());
        Ok(Self::Debian)
    }

    pub(crate) fn cargo(&self) -> Result<Command, Failure> {
        match self {
            Self::Own => process::cargo(),
            Self::Debian => {
                let mut command = Command::new(DEBIAN_CARGO);
                command
                    .current_dir(process::root()?)
                    .env("CARGO_TARGET_DIR", self.target_dir()?)
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("PATH", path_with_linker()?)
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

/// Where programs are looked for, and behind that where the toolchain in use has its `rust-lld`: Debian's has none of its own.
fn path_with_linker() -> Result<OsString, Failure> {
    let libraries = sysroot()?.join("lib/rustlib");
    let entries = fs::read_dir(&libraries).map_err(Failure::io(libraries.display()))?;
    let linkers = entries.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let linkers = linkers.filter(|folder| folder.join("rust-lld").is_file());
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(env::split_paths(&path).chain(linkers))
        .map_err(|error| Failure::new(format!("PATH: {error}")))
}

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

fn debian_is_there() -> bool {
    [DEBIAN_RUSTC, DEBIAN_CARGO, "/usr/lib/rustlib/src/rust/library/Cargo.lock"]
        .iter()
        .all(|file| Path::new(file).exists())
}

fn sysroot() -> Result<PathBuf, Failure> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Ok(process::capture(Command::new(rustc).args(["--print", "sysroot"]))?.trim_end().into())
}
