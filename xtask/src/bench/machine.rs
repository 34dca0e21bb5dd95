//! On what it was measured: figures of different machines can't be compared.

use std::fmt;
use std::process::Command;
use std::{fs, thread};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::process;

pub(crate) struct Machine {
    cores: usize,
    cpu: String,
    system: String,
    rustc: String,
}

impl Machine {
    pub(crate) fn this() -> Result<Self, Failure> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let cpu =
            fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| model_name(&text).map(str::to_owned));
        Ok(Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            cpu: cpu.unwrap_or_else(|| "unknown CPU".to_owned()),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            rustc: process::capture(Command::new(rustc).arg("--version"))?.trim_end().to_owned(),
        })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"cores": self.cores, "cpu": self.cpu, "system": self.system, "rustc": self.rustc})
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, cpu, system, rustc } = self;
        write!(f, "{cpu}, {cores} cores, {system}, {rustc}")
    }
}

fn model_name(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_cpu_is_named_as_the_kernel_names_it() {
        assert_eq!(
            super::model_name("processor\t: 0\nmodel name\t: Fast CPU @ 2.0GHz\n"),
            Some("Fast CPU @ 2.0GHz")
        );
    }
}
