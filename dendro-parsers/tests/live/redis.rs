//! Redis, from Debian's `redis-server`.

use rustix::process::Signal;

use super::{Folder, Kind, Server, installed, says_its_pid};

/// Starts it with these lines of configuration. It keeps nothing on disk.
pub(crate) fn redis(config: &str) -> Option<Server> {
    redis_with(&[], config)
}

/// The same, with these files in its folder, which only it may read.
pub(crate) fn redis_with(files: &[(&str, &str)], config: &str) -> Option<Server> {
    let program = installed("redis-server")?;
    let prepare = |folder: &Folder, port: u16| {
        let dir = folder.path().display();
        let own = format!(
            "bind 127.0.0.1\nport {port}\ndir {dir}\npidfile {dir}/redis.pid\nsave \"\"\nappendonly no\n"
        );
        folder.write("redis.conf", &(own + config));
        vec![folder.path().join("redis.conf").display().to_string()]
    };
    let kind = Kind {
        name: "redis",
        program,
        ready: |folder, pid| says_its_pid(&folder.join("redis.pid"), pid),
        end: Signal::TERM,
        prepare: &prepare,
    };
    let folder = Folder::new();
    files.iter().for_each(|(file, text)| folder.write_private(file, text));
    Some(kind.start(folder))
}
