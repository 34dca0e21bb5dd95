//! The figures beside their budgets.

use serde_json::{Value, json};

use super::budgets::{BUDGETS, INFORMATION, Verdict};

pub(crate) struct Row<'a> {
    cells: [String; 5],
    /// What is not in a column of its own.
    notes: Vec<&'a str>,
    json: Value,
}

const HEADERS: [&str; 5] = ["path", "measured", "floor", "aim", "verdict"];

pub(crate) fn rows(figures: &[Value]) -> Vec<Row<'_>> {
    let figure = |id: &str| figures.iter().find(|figure| figure["id"] == id).unwrap_or(&Value::Null);
    let budgets = BUDGETS.iter().map(|budget| {
        let found = figure(budget.id);
        let measured = found["measured"].as_f64();
        let verdict = budget.verdict(measured);
        let show = |value: f64| with_unit(value, budget.unit);
        let limit = if budget.is_cost { "at most" } else { "at least" };
        let mut row = Row {
            cells: [
                budget.path.to_owned(),
                measured.map_or_else(String::new, show),
                format!("{limit} {}", show(budget.floor)),
                show(budget.aim),
                verdict.text().to_owned(),
            ],
            notes: vec![found["detail"].as_str().unwrap_or_default(), budget.peers],
            json: json!({
                "id": budget.id, "path": budget.path, "unit": budget.unit, "measured": measured,
                "floor": budget.floor, "aim": budget.aim, "less_is_better": budget.is_cost,
                "below_floor": matches!(verdict, Verdict::BelowFloor), "verdict": verdict.text(),
                "detail": found["detail"], "values": found["values"], "peers": budget.peers,
            }),
        };
        row.notes.retain(|note| !note.is_empty());
        row
    });
    let information = INFORMATION.iter().map(|(id, path, unit)| {
        let found = figure(id);
        let measured = found["measured"].as_f64();
        let shown = measured.map_or_else(String::new, |value| with_unit(value, unit));
        Row {
            cells: [(*path).to_owned(), shown, String::new(), String::new(), "no budget".to_owned()],
            notes: found["detail"].as_str().into_iter().collect(),
            json: json!({
                "id": id, "path": path, "unit": unit, "measured": measured, "detail": found["detail"],
                "values": found["values"],
            }),
        }
    });
    budgets.chain(information).collect()
}

pub(crate) fn to_json(rows: &[Row<'_>]) -> Value {
    rows.iter().map(|row| row.json.clone()).collect()
}

/// As a table of Markdown, so that it can be put into a document as it is.
pub(crate) fn to_text(rows: &[Row<'_>]) -> String {
    let mut all =
        vec![[HEADERS[0], HEADERS[1], HEADERS[2], HEADERS[3], HEADERS[4], "beside"].map(str::to_owned)];
    all.push(["-"; 6].map(str::to_owned));
    for Row { cells: [a, b, c, d, e], notes, .. } in rows {
        all.push([a, b, c, d, e, &notes.join("; peers: ")].map(Clone::clone));
    }
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for (number, row) in all.iter().enumerate() {
        let fill = if number == 1 { '-' } else { ' ' };
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            // The last one is as long as it is.
            let missing = if column == 5 { 0 } else { width - cell.chars().count() };
            text += &format!("| {cell}{} ", String::from(fill).repeat(missing));
        }
        text += "|\n";
    }
    text
}

fn with_unit(value: f64, unit: &str) -> String {
    let number = match value {
        v if v == v.trunc() && v.abs() < 1e9 => format!("{v}"),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v if v >= 0.1 => format!("{v:.2}"),
        v => format!("{v:.4}"),
    };
    match unit {
        "" => number,
        "x" => format!("{number} x"),
        _ => format!("{number} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_figure_stands_beside_its_budget_and_a_missing_one_is_told() {
        let figures = [json!({"id": "parse", "measured": 12.5, "detail": "much"})];
        let text = super::to_text(&super::rows(&figures));
        let row = |what: &str| text.lines().find(|line| line.contains(what)).unwrap_or_default().to_owned();
        let cells: Vec<_> = row("compiled regex").split('|').map(|cell| cell.trim().to_owned()).collect();
        assert_eq!(cells[2..7], ["12.5 x", "at least 10 x", "15 x", "above the floor", "much"]);
        assert!(row("long input").contains("not measured"));
    }
}
