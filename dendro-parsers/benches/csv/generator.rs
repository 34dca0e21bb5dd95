//! A realistic csvlog, the same on every run: what a busy server with a low `log_min_duration_statement` writes.

use std::fmt::Write;

const STATEMENTS: [&str; 5] = [
    "SELECT id, total, note FROM orders WHERE customer_id = 4711 AND created_at > now() - interval '1 day' ORDER BY id;",
    "UPDATE sensors SET last_reading = 21.5, seen_at = now() WHERE id = 1691;",
    "BEGIN;",
    "INSERT INTO readings (sensor_id, taken_at, value)\nVALUES (1691, now(), 21.5),\n       (1692, now(), 20.75);",
    "SELECT \"\"name\"\", count(*) FROM \"\"Products\"\" GROUP BY 1;",
];
const USERS: [&str; 3] = ["app_user", "postgres", "reporting"];

/// A log of so many records.
pub(crate) fn log(records: usize) -> Vec<u8> {
    let mut log = String::new();
    for n in 0..records {
        let (millis, second, minute) = (n * 7 % 1_000, n / 100 % 60, n / 6_000 % 60);
        let time = format!("2026-11-20 20:{minute:02}:{second:02}.{millis:03} UTC");
        let (user, pid, port) = (USERS[n % 3], 14_000 + n % 40, 40_000 + n % 20_000);
        let session = format!("6b00aec1.{pid:x}");
        let start = "2026-11-20 20:00:00 UTC";
        let statement = STATEMENTS[n % 5];
        let result = match n % 20 {
            3 => writeln!(
                log,
                "{time},\"{user}\",\"shop\",{pid},\"10.0.3.7:{port}\",{session},{n},\"INSERT\",{start},3/{n},0,ERROR,23505,\"duplicate key value violates unique constraint \"\"orders_pkey\"\"\",\"Key (id)=({n}) already exists.\",,,,,\"{statement}\",,,\"web\",\"client backend\",,{n}"
            ),
            9 => writeln!(
                log,
                "{time},,,{pid},,{session},{n},,{start},,0,LOG,00000,\"checkpoint complete: wrote {n} buffers (0.4%); 0 WAL file(s) added, 0 removed, 1 recycled; write=26.9 s, sync=0.01 s, total=27.0 s\",,,,,,,,,\"\",\"checkpointer\",,0"
            ),
            _ => writeln!(
                log,
                "{time},\"{user}\",\"shop\",{pid},\"10.0.3.7:{port}\",{session},{n},\"SELECT\",{start},3/{n},0,LOG,00000,\"duration: {}.{millis:03} ms  statement: {statement}\",,,,,,,,,\"web\",\"client backend\",,-{n}",
                n % 90
            ),
        };
        result.unwrap();
    }
    log.into_bytes()
}
