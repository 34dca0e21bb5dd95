//! The formats as a page of documentation.

use std::fmt::Write;

use dendro_core::Schema;

use super::{Format, FormatError, formats};

/// All formats with their options, a sample and the fields of their events, in Markdown: `docs/reference/formats.md` of the
/// repository.
///
/// # Errors
/// None, for the formats that are built in.
pub fn reference() -> Result<String, FormatError> {
    let mut page = String::from(
        "# Log formats\n\n\
         Made from the program: `cargo run --example parse -- --reference > docs/reference/formats.md`.\n\n\
         Fields are named as the server names them. A duration is printed in seconds, a time in UTC to the nanosecond; \
         what the server writes for *nothing* is null; text that is not UTF-8 is bytes.\n\n",
    );
    for format in formats() {
        page.push_str(&format!("- [`{0}`](#{0}): {1}\n", format.name, format.doc));
    }
    for format in formats() {
        write_format(&mut page, format)?;
    }
    Ok(page)
}

fn write_format(page: &mut String, format: &Format) -> Result<(), FormatError> {
    page.push_str(&format!("\n## {}\n\n{}\n", format.name, format.doc));
    if !format.options.is_empty() {
        page.push_str("\n| option | |\n|---|---|\n");
        for option in format.options {
            let needed = if option.required { " Has to be given." } else { "" };
            page.push_str(&format!("| `{}` | {}{needed} |\n", option.name, cell(option.doc)));
        }
    }
    if !format.example.is_empty() {
        page.push_str("\nWith, for example:\n\n```text\n");
        for (name, value) in format.example {
            page.push_str(&format!("{name}={value}\n"));
        }
        page.push_str("```\n");
    }
    page.push_str(&format!("\nReads:\n\n```text\n{}\n```\n", format.sample.trim_end_matches('\n')));
    if format.name != "auto" {
        for schema in format.configure_example()?.schemas() {
            write_schema(page, schema);
        }
    }
    Ok(())
}

fn write_schema(page: &mut String, schema: &Schema) {
    page.push_str(&format!("\nGives `{}`: {}\n", schema.name, schema.doc));
    if schema.fields.is_empty() {
        return;
    }
    page.push_str("\n| field | type | role | unit | OpenTelemetry | |\n|---|---|---|---|---|---|\n");
    for field in &schema.fields {
        let code = |text: Option<&str>| text.map_or_else(String::new, |text| format!("`{text}`"));
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} | {} |",
            field.name,
            field.value_type.name(),
            field.role.name(),
            code(field.unit.as_deref()),
            code(field.otel.as_deref()),
            cell(&field.doc),
        );
    }
}

/// Text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
