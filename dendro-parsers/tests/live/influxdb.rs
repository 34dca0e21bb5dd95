//! InfluxDB 1, from Debian's `influxdb`.

use std::fs;

use rustix::process::Signal;

use super::{Folder, Kind, Server, installed};

/// Starts it with these lines of configuration for its HTTP interface.
pub(crate) fn influxdb(http: &str) -> Option<Server> {
    let program = installed("influxd")?;
    let prepare = |folder: &Folder, port: u16| {
        let dir = folder.path().display();
        let config = format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:0\"\n\
            [meta]\ndir = \"{dir}/meta\"\n[data]\ndir = \"{dir}/data\"\nwal-dir = \"{dir}/wal\"\n\
            [monitor]\nstore-enabled = false\n\
            [http]\nbind-address = \"127.0.0.1:{port}\"\n{http}\n"
        );
        folder.write("influxdb.conf", &config);
        vec!["-config".into(), folder.path().join("influxdb.conf").display().to_string()]
    };
    let kind = Kind {
        name: "influxdb",
        program,
        ready: |folder, _| says(folder, "Listening on HTTP"),
        end: Signal::TERM,
        prepare: &prepare,
    };
    Some(kind.start(Folder::new()))
}

/// Starts VictoriaMetrics, from Debian's `victoria-metrics`, which takes line protocol too.
pub(crate) fn victoria_metrics() -> Option<Server> {
    let program = installed("victoria-metrics")?;
    let prepare = |folder: &Folder, port: u16| {
        vec![
            format!("-httpListenAddr=127.0.0.1:{port}"),
            format!("-storageDataPath={}", folder.path().join("data").display()),
            // Points as old as tests like.
            "-retentionPeriod=100y".into(),
            // What was written is found at once.
            "-search.latencyOffset=0s".into(),
        ]
    };
    let kind = Kind {
        name: "victoria-metrics",
        program,
        ready: |folder, _| says(folder, "starting http server at"),
        end: Signal::TERM,
        prepare: &prepare,
    };
    Some(kind.start(Folder::new()))
}

fn says(folder: &std::path::Path, text: &str) -> bool {
    fs::read_to_string(folder.join("output")).is_ok_and(|output| output.contains(text))
}
