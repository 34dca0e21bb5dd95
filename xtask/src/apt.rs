//! Debian packages, installed without starting the services that come with them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::process;

/// Asked by package scripts before they start a service; 101 is "not allowed".
const POLICY: &str = "/usr/sbin/policy-rc.d";

pub(crate) fn install(packages: &[&str]) -> Result<(), Failure> {
    let by_hand = format!("install it by hand: apt-get install {}", packages.join(" "));
    if process::find_program("apt-get").is_none() {
        return Err(Failure::new(format!("there is no apt-get here; {by_hand}")));
    }
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        return Err(Failure::new(format!("only root can install packages; {by_hand}")));
    }
    let _guard = NoServices::new()?;
    // The lists may be missing on a fresh machine, or older than the mirror's files.
    if apt_get(&["install"], packages).is_err() {
        apt_get(&["update"], &[])?;
        apt_get(&["install"], packages)?;
    }
    Ok(())
}

fn apt_get(verb: &[&str], packages: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command.args(verb).args(["-q", "-y", "--no-install-recommends"]).args(packages);
    let transcript = process::transcribe(&mut command, false)?;
    match transcript.failure {
        None => Ok(()),
        Some(failure) => Err(Failure::new(format!("{}\n{}", failure.message(), transcript.text.trim_end()))),
    }
}

/// Forbids services to start for as long as it lives; a policy that the machine already has stays.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn new() -> Result<Self, Failure> {
        let ours = !Path::new(POLICY).exists();
        if ours {
            fs::write(POLICY, "#!/bin/sh\nexit 101\n").map_err(Failure::io(POLICY))?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)).map_err(Failure::io(POLICY))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("warning: {POLICY} forbids services to start and stays, remove it: {error}");
        }
    }
}
