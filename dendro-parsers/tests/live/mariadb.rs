//! MariaDB, from Debian's `mariadb-server`.

use std::path::Path;

use rustix::process::Signal;

use super::{Folder, Kind, Server, find_program, installed};

/// Starts it with these lines in the `[mariadbd]` group of its options. `root` has no password; its error log is
/// `error.log` in its folder, its data folder `data`.
pub(crate) fn mariadb(options: &str) -> Option<Server> {
    let program = installed("mariadbd")?;
    let install = find_program("mariadb-install-db")?;
    let folder = Folder::new();
    let data = format!("--datadir={}", folder.path().join("data").display());
    // Each removes the temporary tables of others that it finds.
    let tmp = format!("--tmpdir={}", folder.path().display());
    let auth = "--auth-root-authentication-method=normal";
    folder.run(&install, &["--no-defaults", &data, &tmp, auth, "--skip-test-db", "--skip-name-resolve"]);
    let prepare = |folder: &Folder, port: u16| {
        let dir = folder.path().display();
        let own = format!(
            "[mariadbd]\nbind-address=127.0.0.1\nport={port}\nsocket={dir}/mysqld.sock\npid-file={dir}/mysqld.pid\n\
             datadir={dir}/data\ntmpdir={dir}\nlog-error={dir}/error.log\nskip-name-resolve\n\
             innodb-buffer-pool-size=16M\ninnodb-flush-log-at-trx-commit=0\n"
        );
        folder.write("my.cnf", &(own + options));
        vec![format!("--defaults-file={dir}/my.cnf")]
    };
    let kind = Kind { name: "mariadb", program, ready, end: Signal::TERM, prepare: &prepare };
    Some(kind.start(folder))
}

/// From its log: told to end between taking connections and saying so, it hangs.
fn ready(folder: &Path, pid: u32) -> bool {
    let log = std::fs::read_to_string(folder.join("error.log")).unwrap_or_default();
    log.rsplit_once(&format!("as process {pid}\n"))
        .is_some_and(|(_, since)| since.contains("ready for connections"))
}

/// Runs statements, each in a connection of its own.
pub(crate) fn mysql(server: &Server, statements: &[&str]) {
    let client = installed("mariadb").unwrap();
    let socket = format!("--socket={}/mysqld.sock", server.folder().display());
    for statement in statements {
        let done = std::process::Command::new(&client)
            .args(["--no-defaults", &socket, "--user=root", "--execute", statement])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}
