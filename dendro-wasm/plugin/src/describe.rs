//! What a plugin says about itself, as the JSON that the host reads.

use dendro_core::Schema;
use dendro_core::batch::delta::Names;

use crate::Plugin;

/// The version of frame, delta and description.
const ABI: u32 = 1;

/// What `describe` answers for this plugin.
pub fn description<P: Plugin>(plugin: &P) -> String {
    let access = plugin.access();
    let mut out = String::from("{\"abi\":");
    out.push_str(&ABI.to_string());
    for (name, value) in [("name", P::NAME), ("version", P::VERSION), ("doc", P::DOC)] {
        member(&mut out, name);
        string(&mut out, value);
    }
    for (name, names) in [("reads", &access.reads), ("writes", &access.writes)] {
        member(&mut out, name);
        match names {
            Names::All => string(&mut out, "all"),
            Names::Some(names) => list(&mut out, names, |out, name| string(out, name)),
        }
    }
    member(&mut out, "ports");
    list(&mut out, &plugin.ports(), |out, port| string(out, port));
    member(&mut out, "stateful");
    out.push_str(if plugin.is_stateful() { "true" } else { "false" });
    member(&mut out, "schemas");
    list(&mut out, &plugin.schemas(&[]), |out, own| schema(out, own));
    out.push('}');
    out
}

fn schema(out: &mut String, schema: &Schema) {
    out.push_str("{\"name\":");
    string(out, &schema.name);
    member(out, "doc");
    string(out, &schema.doc);
    member(out, "fields");
    list(out, &schema.fields, |out, field| {
        out.push_str("{\"name\":");
        string(out, &field.name);
        member(out, "role");
        string(out, field.role.name());
        member(out, "type");
        string(out, field.value_type.name());
        for (name, value) in [("unit", &field.unit), ("otel", &field.otel)] {
            if let Some(value) = value {
                member(out, name);
                string(out, value);
            }
        }
        member(out, "doc");
        string(out, &field.doc);
        out.push('}');
    });
    out.push('}');
}

fn member(out: &mut String, name: &str) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
}

fn list<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn string(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if (c as u32) < 0x20 => {
                out.push_str("\\u00");
                out.push(char::from(HEX[c as usize >> 4]));
                out.push(char::from(HEX[c as usize & 15]));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
