//! How much there is to build.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

use serde_json::{Value, json};

use super::Options;
use crate::failure::Failure;
use crate::{deps, process};

/// How many crates `dendro-core` brings along, with and without default features.
pub(crate) fn crates() -> Result<[Value; 2], Failure> {
    let all = deps::tree_size(&[])?;
    let without = deps::tree_size(&["--no-default-features"])?;
    Ok([json!({"id": "crates", "measured": all}), json!({"id": "crates_without", "measured": without})])
}

/// How long `dendro-core` takes to build from nothing: the slower one of the two profiles.
pub(crate) fn clean_build(options: &Options, work: &Path) -> Value {
    if options.quick {
        return json!({"id": "build", "measured": null, "detail": "left out by --quick"});
    }
    println!("building dendro-core from nothing");
    let profiles = [&[][..], &["--release"]].map(|profile| build(profile, &work.join("clean")));
    match profiles {
        [Ok(dev), Ok(release)] => {
            let [dev, release] = [dev, release].map(|time| time.as_secs_f64());
            json!({
                "id": "build",
                "measured": dev.max(release),
                "detail": format!("dev {dev:.1} s, release {release:.1} s, both with the default features"),
                "values": {"dev_s": dev, "release_s": release},
            })
        }
        [Err(failure), _] | [_, Err(failure)] => {
            json!({"id": "build", "measured": null, "detail": failure.message()})
        }
    }
}

fn build(profile: &[&str], target: &Path) -> Result<Duration, Failure> {
    remove(target)?;
    let mut cargo = process::cargo()?;
    cargo.args(["build", "--quiet", "--package=dendro-core", "--jobs=2"]).args(profile);
    cargo.env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "0");
    let start = Instant::now();
    process::run(&mut cargo)?;
    let took = start.elapsed();
    remove(target)?;
    Ok(took)
}

fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::io(folder.display())(error)),
        _ => Ok(()),
    }
}
