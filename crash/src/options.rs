//! What the harness is asked to do.

use std::path::PathBuf;

use dendro_crash::Failure;
use dendro_crash::setup::Broken;
use lexopt::{Arg, ValueExt};

use crate::harness::mode::{self, MODES, Mode};
use crate::harness::soak::Length;

pub(crate) struct Options {
    pub(crate) modes: Vec<&'static Mode>,
    pub(crate) seed: u64,
    pub(crate) seeds: u64,
    /// Instead of a mode's own.
    pub(crate) rounds: Option<u64>,
    pub(crate) jobs: usize,
    pub(crate) dir: PathBuf,
    /// Folders of runs that went well are kept too.
    pub(crate) keep: bool,
    pub(crate) broken: Option<Broken>,
    /// A soak test instead of crash tests.
    pub(crate) soak: Option<Length>,
}

impl Options {
    pub(crate) fn parse(mut args: lexopt::Parser) -> Result<Self, Failure> {
        let mut options = Self {
            modes: Vec::new(),
            seed: 1,
            seeds: 1,
            rounds: None,
            jobs: std::thread::available_parallelism().map_or(2, usize::from),
            dir: std::env::temp_dir().join(format!("dendro-crash-{}", std::process::id())),
            keep: false,
            broken: None,
            soak: None,
        };
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("help") | Arg::Short('h') => return Err(Failure::new(help())),
                Arg::Value(command) if command == "crash" => {}
                Arg::Value(command) if command == "soak" => {
                    options.soak.get_or_insert_default();
                }
                Arg::Long("minutes") => {
                    options.soak.get_or_insert_default().minutes = args.value()?.parse()?
                }
                Arg::Long("kills") => options.soak.get_or_insert_default().kills = true,
                Arg::Long("mode") => {
                    let name = args.value()?.string()?;
                    let known = || MODES.iter().map(|m| m.name).collect::<Vec<_>>().join(", ");
                    let mode = mode::find(&name);
                    let mode = mode
                        .ok_or_else(|| Failure::new(format!("no mode `{name}`; there are: {}", known())))?;
                    options.modes.push(mode);
                }
                Arg::Long("seed") => options.seed = args.value()?.parse()?,
                Arg::Long("seeds") => options.seeds = args.value()?.parse()?,
                Arg::Long("rounds") => options.rounds = Some(args.value()?.parse()?),
                Arg::Long("jobs") => options.jobs = args.value()?.parse::<usize>()?.max(1),
                Arg::Long("dir") => options.dir = args.value()?.into(),
                Arg::Long("keep") => options.keep = true,
                Arg::Long("broken") => {
                    let word = args.value()?.string()?;
                    let broken = Broken::from_word(&word);
                    options.broken = Some(broken.ok_or_else(|| Failure::new(format!("no fault `{word}`")))?);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        if options.modes.is_empty() {
            options.modes = MODES.iter().collect();
        }
        Ok(options)
    }
}

fn help() -> String {
    let modes: String = MODES.iter().map(|m| format!("\n  {:<16} {}", m.name, m.about)).collect();
    let broken: Vec<&str> = Broken::ALL.iter().map(|b| b.word()).collect();
    format!(
        "usage: cargo xtask crash [--seeds N] [--seed S] [--mode M]... [--rounds N] [--jobs N] [--keep] [--broken FAULT]\n\n\
         --seeds N    so many runs of each mode, 1 unless told\n\
         --seed S     the seed of the first, 1 unless told\n\
         --mode M     only this mode; may be given several times\n\
         --rounds N   children that are killed in a run, instead of the mode's own number\n\
         --jobs N     runs at the same time, as many as there are cores unless told\n\
         --keep       keep the folders of runs that went well, too\n\
         --broken F   a sink that breaks the contract: {}\n\nmodes:{modes}\n\n\
         usage: cargo xtask soak [--minutes N] [--kills] [--seed S]\n\n\
         --minutes N  for so long, 10 unless told\n\
         --kills      kill the pipeline now and then",
        broken.join(", ")
    )
}
