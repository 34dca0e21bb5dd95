//! The number in angle brackets that a record begins with.

/// What a record tells of its priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    /// Eight times the facility, and the severity: 0 to 191.
    Valid(u8),
    /// It begins as one, and is none.
    Invalid,
    Missing,
}

impl Priority {
    /// The highest: local7.debug.
    const MOST: u32 = 191;

    /// The priority of a record, and where what follows begins. An invalid one is part of what follows; one without a
    /// digit is 0, as rsyslog has it.
    pub(super) fn read(record: &[u8]) -> (Self, usize) {
        if record.first() != Some(&b'<') {
            return (Self::Missing, 0);
        }
        let mut value = 0;
        let mut at = 1;
        while let Some(digit @ b'0'..=b'9') = record.get(at)
            && value <= Self::MOST
        {
            value = value * 10 + u32::from(digit - b'0');
            at += 1;
        }
        match (record.get(at), u8::try_from(value)) {
            (Some(b'>'), Ok(value)) if u32::from(value) <= Self::MOST => (Self::Valid(value), at + 1),
            _ => (Self::Invalid, 0),
        }
    }
}

pub(super) const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

pub(super) const SEVERITIES: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_read_as_rsyslog_reads_it() {
        for (record, expected) in [
            ("<0>x", (Priority::Valid(0), 3)),
            ("<191>x", (Priority::Valid(191), 5)),
            ("<013>x", (Priority::Valid(13), 5)),
            ("<000000000191>", (Priority::Valid(191), 14)),
            ("<>x", (Priority::Valid(0), 2)),
            ("<192>x", (Priority::Invalid, 0)),
            ("<99999999999999999999>x", (Priority::Invalid, 0)),
            ("<13", (Priority::Invalid, 0)),
            ("<", (Priority::Invalid, 0)),
            ("<abc>x", (Priority::Invalid, 0)),
            ("x<13>", (Priority::Missing, 0)),
            ("", (Priority::Missing, 0)),
        ] {
            assert_eq!(Priority::read(record.as_bytes()), expected, "{record}");
        }
    }
}
