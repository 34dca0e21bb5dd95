//! Apache httpd, from Debian's `apache2`.

use rustix::process::Signal;

use super::{Folder, Kind, Server, installed, says_its_pid};

/// Starts it with these lines of configuration, in which `${FOLDER}` is its folder and `LoadModule` paths are as in
/// `LoadModule cgid_module modules/mod_cgid.so`. `error.log` is its error log, `www` its document root. The event MPM
/// and the modules `alias`, `authz_core`, `dir`, `mime` and `status` are loaded.
pub(crate) fn apache(config: &str) -> Option<Server> {
    let program = installed("apache2")?;
    let prepare = |folder: &Folder, port| {
        folder.write("apache2.conf", &full_config(&folder.path().display().to_string(), port, config));
        let file = folder.path().join("apache2.conf").display().to_string();
        ["-f", &file, "-D", "FOREGROUND"].map(str::to_owned).to_vec()
    };
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("www")).unwrap();
    let kind = Kind {
        name: "apache",
        program,
        ready: |folder, pid| says_its_pid(&folder.join("apache2.pid"), pid),
        end: Signal::TERM,
        prepare: &prepare,
    };
    Some(kind.start(folder))
}

fn full_config(folder: &str, port: u16, config: &str) -> String {
    format!(
        r#"Define FOLDER "{folder}"
ServerRoot "/usr/lib/apache2"
ServerName localhost
Listen 127.0.0.1:{port}
PidFile "${{FOLDER}}/apache2.pid"
DefaultRuntimeDir "${{FOLDER}}"
Mutex file:${{FOLDER}} default
ErrorLog "${{FOLDER}}/error.log"
DocumentRoot "${{FOLDER}}/www"
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule alias_module modules/mod_alias.so
LoadModule dir_module modules/mod_dir.so
LoadModule mime_module modules/mod_mime.so
LoadModule status_module modules/mod_status.so
TypesConfig /dev/null
StartServers 1
ThreadsPerChild 5
MaxRequestWorkers 10
<Directory "${{FOLDER}}/www">
    Require all granted
</Directory>
{config}
"#
    )
}
