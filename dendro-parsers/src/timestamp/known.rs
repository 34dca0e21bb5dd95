//! Layouts that have a name.

/// The name of the layout that is whichever fits.
pub(super) const AUTO: &str = "auto";

/// Layouts under the same name: the first that fits is taken.
pub(super) struct Known {
    pub(super) names: &'static [&'static str],
    pub(super) choices: &'static [&'static str],
    /// Whether it is looked for where nothing is known: nothing else looks so.
    pub(super) told_apart: bool,
}

const fn known(names: &'static [&'static str], choices: &'static [&'static str]) -> Known {
    Known { names, choices, told_apart: true }
}

/// One that reads what could as well be a number, or a part of one that says more.
const fn ambiguous(names: &'static [&'static str], choices: &'static [&'static str]) -> Known {
    Known { names, choices, told_apart: false }
}

/// In the order in which they are tried: those that say more first.
pub(super) const LAYOUTS: &[Known] = &[
    known(
        &["rfc3339", "iso8601", "jvm", "ruby"],
        &[
            "%Y-%m-%dT%H:%M:%S%.f%z",
            "%Y-%m-%dt%H:%M:%S%.f%z",
            "%Y-%m-%d %H:%M:%S%.f%z",
            "%Y-%m-%dT%H:%M:%S%.f",
            "%Y-%m-%dT%H:%M%z",
            "%Y-%m-%dT%H:%M",
        ],
    ),
    known(&["iso8601_basic"], &["%Y%m%dT%H%M%S%.f%z", "%Y%m%dT%H%M%S%.f"]),
    known(&["postgres"], &["%Y-%m-%d %H:%M:%S%.f %Z"]),
    known(&["log4j", "python", "mysql", "mariadb", "iis"], &["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]),
    known(&["nginx_error", "go"], &["%Y/%m/%d %H:%M:%S%.f"]),
    known(&["clf", "haproxy"], &["%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S%.f"]),
    known(
        &["rfc2822", "rfc1123", "http"],
        &["%a, %d %b %Y %H:%M:%S %Z", "%d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M %Z"],
    ),
    known(&["rfc850"], &["%a, %d-%b-%y %H:%M:%S %Z"]),
    known(&["apache_error", "asctime", "ctime"], &["%a %b %d %H:%M:%S%.f %Y"]),
    known(&["date"], &["%a %b %d %H:%M:%S %Z %Y", "%a %b %d %I:%M:%S %p %Z %Y"]),
    known(&["java_util_logging"], &["%b %d, %Y %I:%M:%S %p", "%b %d, %Y, %I:%M:%S %p"]),
    known(&["redis"], &["%d %b %Y %H:%M:%S%.f"]),
    known(&["syslog"], &["%b %d %H:%M:%S%.f", "%b %d %Y %H:%M:%S%.f", "%Y %b %d %H:%M:%S%.f"]),
    known(&["glog", "klog"], &["%m%d %H:%M:%S.%6f"]),
    known(&["us"], &["%m/%d/%Y %I:%M:%S%.f %p", "%m/%d/%Y %H:%M:%S%.f", "%m/%d/%y %H:%M:%S%.f"]),
    ambiguous(&["eu"], &["%d.%m.%Y %H:%M:%S%.f", "%d/%m/%Y %H:%M:%S%.f"]),
    known(&["mysql_old"], &["%y%m%d %H:%M:%S"]),
    known(&["epoch_any"], &["%10s%.f", "%13s", "%16s", "%19s"]),
    ambiguous(&["epoch"], &["%s%.f"]),
    ambiguous(&["epoch_ms"], &["%ms"]),
    ambiguous(&["epoch_us"], &["%us"]),
    ambiguous(&["epoch_ns"], &["%ns"]),
];
