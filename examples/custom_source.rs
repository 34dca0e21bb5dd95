//! A source of one's own: the lines of a command's output, each an event.
//!
//! `cargo run --example custom_source -- ls -l` prints what `ls -l` prints, as NDJSON.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use dendro::sinks::ConsoleSink;
use dendro::{Output, Pipeline, Receipts, RecordRow, Schema, Source, SourceContext, SourceError};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Runs a command once and sends its output line by line.
struct CommandOutput {
    program: String,
    args: Vec<String>,
    schema: Arc<Schema>,
}

#[async_trait]
impl Source for CommandOutput {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        // What goes wrong says what, and whether it is worth another try.
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| SourceError::fatal(format!("can't run `{}`", self.program)).with_source(e))?;
        let stdout = child.stdout.take().ok_or_else(|| SourceError::fatal("the command has no output"))?;
        let mut lines = BufReader::new(stdout).split(b'\n');
        // The stream is the unit of order: here, this one command.
        let origin = cx.origin(Some(&self.program));
        let mut receipts = Receipts::new();
        let mut position = 0;
        loop {
            let line = tokio::select! {
                () = cx.stopping() => break,
                line = lines.next_segment() => line.map_err(|e| SourceError::retry("can't read").with_source(e))?,
            };
            let Some(line) = line else { break };
            let length = line.len();
            let mut batch = cx.pool().batch(line.into())?;
            let (ty, origin) = (batch.add_type(&self.schema)?, batch.add_origin(&origin)?);
            batch.push_record(0..length, position, RecordRow { ty, origin, observed: cx.now() });
            // Waits here while the pipeline is full; the receipt tells when the line is safe.
            receipts.push(out.send(batch).await?, position);
            position += length as u64 + 1;
        }
        // Lets go of the output first, so that what is behind it drains, then waits for the receipts.
        receipts.drain(out, |_position, _settlement| {}).await;
        Ok(())
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        vec![self.schema.clone()]
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let program = args.next().unwrap_or_else(|| "date".to_owned());
    let schema = Arc::new(Schema::new("command_output").doc("A line that a command printed."));
    let source = CommandOutput { program, args: args.collect(), schema };
    Pipeline::line(source)
        .sink(ConsoleSink::stdout())
        .drop_rejected()
        .build()?
        .run(std::future::pending())
        .await?;
    Ok(())
}
