//! Other JSON parsers, each with its buffers used again as far as it lets one.

use simd_json::{Buffers, INPUT_PADDING, Tape, fill_tape_padded};

/// `simd-json` into its tape. It changes its input, so that each line is copied first.
pub(crate) struct SimdJson {
    input: Vec<u8>,
    buffers: Buffers,
    tape: Option<Tape<'static>>,
}

impl SimdJson {
    pub(crate) fn new() -> Self {
        Self { input: Vec::new(), buffers: Buffers::new(1 << 12), tape: Some(Tape::null()) }
    }

    pub(crate) fn parse(&mut self, line: &[u8]) -> usize {
        self.input.clear();
        self.input.extend_from_slice(line);
        self.input.resize(line.len() + INPUT_PADDING, 0);
        let mut tape = self.tape.take().unwrap_or_else(Tape::null).reset();
        fill_tape_padded(&mut self.input, line.len(), &mut self.buffers, &mut tape).unwrap();
        let nodes = tape.0.len();
        self.tape = Some(tape.reset());
        nodes
    }
}

/// `sonic-rs` into its tree, which is one piece of memory a line.
pub(crate) fn sonic(line: &[u8]) -> sonic_rs::Value {
    sonic_rs::from_slice(line).unwrap()
}

/// `serde_json` into its tree, for orientation.
pub(crate) fn serde(line: &[u8]) -> serde_json::Value {
    serde_json::from_slice(line).unwrap()
}
