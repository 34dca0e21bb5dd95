//! nginx, from Debian's `nginx-light`.

use rustix::process::Signal;

use super::{Folder, Kind, Server, installed, says_its_pid};

/// Starts it with these directives in the `http` and in its only `server` block. Paths are relative to its folder;
/// `error.log` is its error log, `www` its document root; there is no access log unless `http` says so.
pub(crate) fn nginx(http: &str, server: &str) -> Option<Server> {
    nginx_with(&[], http, server)
}

/// The same, with these files in its folder, which only it may read.
pub(crate) fn nginx_with(files: &[(&str, &str)], http: &str, server: &str) -> Option<Server> {
    let program = installed("nginx")?;
    let prepare = |folder: &Folder, port| {
        folder.write("nginx.conf", &config(port, http, server));
        let prefix = folder.path().display().to_string();
        ["-p", &prefix, "-c", "nginx.conf", "-e", "error.log"].map(str::to_owned).to_vec()
    };
    let folder = Folder::new();
    files.iter().for_each(|(file, text)| folder.write_private(file, text));
    std::fs::create_dir(folder.path().join("www")).unwrap();
    let kind = Kind {
        name: "nginx",
        program,
        ready: |folder, pid| says_its_pid(&folder.join("nginx.pid"), pid),
        end: Signal::QUIT,
        prepare: &prepare,
    };
    Some(kind.start(folder))
}

fn config(port: u16, http: &str, server: &str) -> String {
    let access_log = if http.contains("access_log") { "" } else { "access_log off;" };
    format!(
        r#"daemon off;
master_process off;
pid nginx.pid;
error_log error.log notice;
events {{ worker_connections 256; }}
http {{
    {access_log}
    client_body_temp_path tmp_body;
    proxy_temp_path tmp_proxy;
    fastcgi_temp_path tmp_fastcgi;
    uwsgi_temp_path tmp_uwsgi;
    scgi_temp_path tmp_scgi;
    {http}
    server {{
        listen 127.0.0.1:{port};
        root www;
        {server}
    }}
}}
"#
    )
}
