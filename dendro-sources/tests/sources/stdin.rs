//! Standard input, and other readers that block.

use std::io::{self, Read, Write};
use std::time::Duration;

use crate::file_support::*;
use dendro_sources::multiline::{Multiline, prefix};
use dendro_sources::stdin::StdinSource;

#[tokio::test(flavor = "multi_thread")]
async fn all_is_read_to_the_end() {
    let text = numbered(0..50_000) + "last";
    let run = start(StdinSource::from_reader(io::Cursor::new(text.clone())));
    let (_, lines, result) = run.end().await;
    result.unwrap();
    let read: Vec<&str> = lines.iter().map(|l| l.text.as_str()).collect();
    assert!(read.join("\n") == text);
    assert!(lines.iter().all(|l| l.stream == "stdin"));
    assert_eq!(lines[2].position, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_prompt_though_a_read_blocks_and_flushes_the_last_line() {
    let (reader, mut writer) = io::pipe().unwrap();
    let run = start(StdinSource::from_reader(reader));
    writer.write_all(b"one\npart").unwrap();
    assert_eq!(run.texts(1).await, ["one"]);
    let (_, rest) = run.stop().await;
    assert_eq!(texts(&rest), ["part"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_belong_together_come_together_after_quiet() {
    let (reader, mut writer) = io::pipe().unwrap();
    let lines = Multiline::start_with(prefix("[")).timeout(Duration::from_millis(10));
    let run = start(StdinSource::from_reader(reader).multiline(lines).stream("pipe"));
    writer.write_all(b"[1] a\n b\n").unwrap();
    let lines = run.lines(1).await;
    assert_eq!(texts(&lines), ["[1] a\n b"]);
    assert_eq!(lines[0].stream, "pipe");
    writer.write_all(b"[2]\n").unwrap();
    assert_eq!(run.texts(1).await, ["[2]"]);
    drop(writer);
    let (_, rest, result) = run.end().await;
    result.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_reader_ends_the_run_after_what_was_read() {
    struct Bad(bool);
    impl Read for Bad {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("torn"));
            }
            buffer[..8].copy_from_slice(b"one\ntwo\n");
            Ok(8)
        }
    }
    let run = start(StdinSource::from_reader(Bad(false)));
    let (source, lines, result) = run.end().await;
    assert_eq!(texts(&lines), ["one", "two"]);
    assert!(result.unwrap_err().to_string().contains("torn"));
    let (_, _, again) = start(source).end().await;
    assert!(again.unwrap_err().to_string().contains("read already"));
}
