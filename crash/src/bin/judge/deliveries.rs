//! What came out at the other end.

use std::fs;
use std::path::Path;

use crate::input::Id;
use crate::json::{self, Json};

/// One event, or one dead letter.
pub(crate) struct Delivery {
    pub(crate) id: Option<Id>,
    pub(crate) fields: Vec<(String, Json)>,
}

impl Delivery {
    pub(crate) fn field(&self, name: &str) -> Option<&Json> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

/// The lines of a file; one that is not there holds none.
pub(crate) fn read(path: &Path) -> Result<Vec<Delivery>, String> {
    let shown = path.display();
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(format!("{shown}: {e}")),
    };
    let text = String::from_utf8(bytes).map_err(|_| format!("{shown}: no UTF-8"))?;
    let read_line = |(n, line): (usize, &str)| {
        let fields = json::object(line).map_err(|e| format!("{shown}, line {}: {e}: `{line}`", n + 1))?;
        let id = fields.iter().filter_map(|(_, value)| value.text()).find_map(Id::find);
        Ok(Delivery { id, fields })
    };
    text.lines().enumerate().map(read_line).collect()
}
