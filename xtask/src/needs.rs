//! What the tests need besides the Rust toolchain.

use std::fs;

use crate::failure::Failure;
use crate::{apt, process};

pub(crate) struct Need {
    pub(crate) what: &'static str,
    /// The program that shows that it is there: a name, or a path with a `*` for the folder of a version.
    program: &'static str,
    /// The Debian package that brings it.
    package: &'static str,
    pub(crate) needed_by: &'static str,
}

pub(crate) const NEEDS: &[Need] = &[
    Need {
        what: "nginx",
        program: "nginx",
        package: "nginx-light",
        needed_by: "the tests against a live nginx",
    },
    Need {
        what: "Apache",
        program: "apache2",
        package: "apache2",
        needed_by: "the tests against a live Apache",
    },
    Need {
        what: "PostgreSQL",
        program: "/usr/lib/postgresql/*/bin/postgres",
        package: "postgresql",
        needed_by: "the tests against a live PostgreSQL",
    },
    Need {
        what: "MariaDB",
        program: "mariadbd",
        package: "mariadb-server",
        needed_by: "the tests against a live MariaDB",
    },
    Need {
        what: "Redis",
        program: "redis-server",
        package: "redis-server",
        needed_by: "the tests against a live Redis",
    },
    Need {
        what: "InfluxDB",
        program: "influxd",
        package: "influxdb",
        needed_by: "the tests against a live InfluxDB",
    },
    Need {
        what: "VictoriaMetrics",
        program: "victoria-metrics",
        package: "victoria-metrics",
        needed_by: "the tests against a live VictoriaMetrics",
    },
];

impl Need {
    pub(crate) fn is_met(&self) -> bool {
        match self.program.split_once("*/") {
            None => process::find_program(self.program).is_some(),
            Some((versions, program)) => fs::read_dir(versions)
                .is_ok_and(|entries| entries.flatten().any(|entry| entry.path().join(program).is_file())),
        }
    }

    pub(crate) fn install(&self) -> Result<(), Failure> {
        println!("installing {} (package {}), for {}", self.what, self.package, self.needed_by);
        apt::install(&[self.package])?;
        if self.is_met() {
            return Ok(());
        }
        Err(Failure::new(format!("package {} is installed and brought no `{}`", self.package, self.program)))
    }
}
