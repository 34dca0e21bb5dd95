//! `cargo xtask plugin`: begin, build and test the plugins of `examples/plugins`.

mod component;

use std::fs;
use std::path::{Path, PathBuf};

use lexopt::{Arg, ValueExt};

use crate::failure::Failure;
use crate::process;
use crate::wasm::{TARGET, Toolchain};

const PLUGINS: &str = "examples/plugins";
const TEMPLATE: &str = "template";
const PROFILE: &str = "plugin";

pub(crate) enum Options {
    New(String),
    /// One, or all of them.
    Build(Option<String>),
    Test(Option<String>),
}

impl Options {
    pub(crate) fn parse(mut args: lexopt::Parser) -> Result<Self, Failure> {
        let mut words = Vec::new();
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Value(word) => words.push(word.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let mut words = words.into_iter();
        match (words.next().as_deref(), words.next(), words.next()) {
            (Some("new"), Some(name), None) => Ok(Self::New(name)),
            (Some("build"), name, None) => Ok(Self::Build(name)),
            (Some("test"), name, None) => Ok(Self::Test(name)),
            _ => Err(Failure::Usage("say `new NAME`, `build [NAME]` or `test [NAME]`".to_owned())),
        }
    }
}

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    match options {
        Options::New(name) => begin(&name),
        Options::Build(name) => build(&Toolchain::find_or_install()?, name.as_deref()).map(|_| ()),
        Options::Test(name) => test(name.as_deref()),
    }
}

/// A new plugin, as the template has it.
fn begin(name: &str) -> Result<(), Failure> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.chars().all(is_name) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(Failure::Usage(format!("{name:?} is no name for a plugin: take a-z, 0-9 and _")));
    }
    let plugins = process::root()?.join(PLUGINS);
    let (from, to) = (plugins.join(TEMPLATE), plugins.join(name));
    if to.exists() {
        return Err(Failure::new(format!("{} is there already", to.display())));
    }
    fs::create_dir_all(to.join("src")).map_err(Failure::io(to.display().to_string()))?;
    let type_name: String = name.split('_').map(capitalized).collect();
    for file in ["Cargo.toml", "src/lib.rs"] {
        let text = read(&from.join(file))?;
        write(&to.join(file), &text.replace(TEMPLATE, name).replace("Template", &type_name))?;
    }
    println!("{}: change src/lib.rs, then `cargo xtask plugin build {name}`", to.display());
    Ok(())
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|c| c.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}

/// Builds components, says how large they are and what they import; gives the folder that they are in.
pub(crate) fn build(toolchain: &Toolchain, name: Option<&str>) -> Result<PathBuf, Failure> {
    let names = match name {
        Some(name) => vec![name.to_owned()],
        None => members()?,
    };
    let out = process::target_dir()?.join("plugins");
    fs::create_dir_all(&out).map_err(Failure::io(out.display().to_string()))?;
    let mut command = toolchain.cargo()?;
    command.args(["build", "--profile", PROFILE, "--target", TARGET]);
    names.iter().for_each(|name| {
        command.args(["--package", name]);
    });
    process::run(&mut command)?;
    let modules = toolchain.target_dir()?.join(TARGET).join(PROFILE);
    for name in names {
        let module = modules.join(format!("{name}.wasm"));
        let bytes = fs::read(&module).map_err(Failure::io(module.display().to_string()))?;
        let imports = component::imports(&bytes)?;
        let component = component::encode(&bytes)?;
        let path = out.join(format!("{name}.wasm"));
        fs::write(&path, &component).map_err(Failure::io(path.display().to_string()))?;
        let listed = if imports.is_empty() { "nothing".to_owned() } else { imports.join(", ") };
        println!("{name}: {} bytes, imports {listed}", component.len());
        component::check(&name, &imports)?;
    }
    Ok(out)
}

/// Their own tests, which run them natively.
fn test(name: Option<&str>) -> Result<(), Failure> {
    let names = match name {
        Some(name) => vec![name.to_owned()],
        None => members()?,
    };
    let mut command = process::cargo()?;
    process::run(command.arg("test").args(names.iter().map(|name| format!("--package={name}"))))
}

/// Those that there are, by their folders.
fn members() -> Result<Vec<String>, Failure> {
    let folder = process::root()?.join(PLUGINS);
    let failure = |error| Failure::io(folder.display())(error);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failure)? {
        let entry = entry.map_err(failure)?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(Failure::io(path.display().to_string()))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(Failure::io(path.display().to_string()))
}
