//! What the tests need besides the Rust toolchain.

use crate::failure::Failure;
use crate::{apt, process};

pub(crate) struct Need {
    pub(crate) what: &'static str,
    /// The program that shows that it is there.
    program: &'static str,
    /// The Debian package that brings it.
    package: &'static str,
    pub(crate) needed_by: &'static str,
}

pub(crate) const NEEDS: &[Need] = &[Need {
    what: "nginx",
    program: "nginx",
    package: "nginx-light",
    needed_by: "the nginx parser's test against a live server",
}];

impl Need {
    pub(crate) fn is_met(&self) -> bool {
        process::find_program(self.program).is_some()
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
