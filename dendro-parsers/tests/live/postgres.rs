//! PostgreSQL, from Debian's `postgresql-15` or a newer one.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::{Folder, Kind, Server, find_program, installed};

/// Starts it with these lines of `postgresql.conf`, and in front of the `pg_hba.conf` that lets all in, these. Its
/// superuser is `postgres`. What it writes to its standard error is `output` in its folder, its data folder is `data`.
pub(crate) fn postgres(settings: &str, hba: &str) -> Option<Server> {
    postgres_with(&[], settings, hba)
}

/// The same, with these files in its data folder, which only it may read.
pub(crate) fn postgres_with(files: &[(&str, &str)], settings: &str, hba: &str) -> Option<Server> {
    let program = server_program()?;
    let folder = Folder::new();
    let data = folder.path().join("data").display().to_string();
    let init = ["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
    folder.run(&program.with_file_name("initdb"), &init);
    folder.write(
        "data/pg_hba.conf",
        &format!("{hba}\nlocal all all trust\nhost all all all trust\nhost replication all all trust\n"),
    );
    files.iter().for_each(|(file, text)| folder.write_private(&format!("data/{file}"), text));
    Some(start(program, folder, settings))
}

/// Starts a hot standby that streams from `primary`.
pub(crate) fn postgres_standby(primary: &Server, settings: &str) -> Option<Server> {
    let program = server_program()?;
    let folder = Folder::new();
    let data = folder.path().join("data").display().to_string();
    let port = primary.port().to_string();
    let copy =
        ["-D", &data, "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-R", "-c", "fast", "--no-sync"];
    folder.run(&program.with_file_name("pg_basebackup"), &copy);
    Some(start(program, folder, settings))
}

/// Runs statements one after the other, whatever becomes of each.
pub(crate) fn psql(server: &Server, statements: &[&str]) {
    let client = server_program().unwrap().with_file_name("psql");
    let (port, dir) = (server.port().to_string(), server.folder().display().to_string());
    for statement in statements {
        let done = std::process::Command::new(&client)
            .args(["-X", "-q", "-h", &dir, "-p", &port, "-U", "postgres", "-c", statement])
            .output()
            .unwrap();
        // 1 is a statement that failed, 2 a connection that did.
        assert!(done.status.code() < Some(2), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

/// The newest that Debian has installed, else the one in the path.
fn server_program() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|version| Some((version.file_name().to_str()?.parse::<u32>().ok()?, version.path())))
        .map(|(number, path)| (number, path.join("bin/postgres")))
        .filter(|(_, program)| program.is_file())
        .max();
    let linked = || find_program("postgres").map(|link| link.canonicalize().unwrap_or(link));
    newest.map(|(_, program)| program).or_else(linked).or_else(|| installed("postgres"))
}

fn start(program: PathBuf, folder: Folder, settings: &str) -> Server {
    let prepare = |folder: &Folder, port: u16| {
        let dir = folder.path().display();
        let own = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{dir}'\n\
             fsync = off\nshared_buffers = 16MB\nmax_connections = 20\n"
        );
        folder.write("data/postgresql.conf", &(own + settings));
        vec!["-D".to_owned(), folder.path().join(Path::new("data")).display().to_string()]
    };
    // An interrupt is a fast shutdown: it does not wait for clients.
    let kind = Kind { name: "postgres", program, ready, end: Signal::INT, prepare: &prepare };
    kind.start(folder)
}

/// Its lock file says who it is in the first line, and in the last how far.
fn ready(folder: &Path, pid: u32) -> bool {
    let lock = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    lock.lines().next() == Some(&pid.to_string()) && lock.lines().any(|line| line.trim_end() == "ready")
}
