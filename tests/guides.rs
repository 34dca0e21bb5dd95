//! The guides name the test that shows what they say: each of them is in the tree.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;

/// `path/to/file.rs::name` in backticks.
fn named_tests(page: &str) -> Vec<(String, String)> {
    let quoted = page.split('`').skip(1).step_by(2);
    let named = quoted.filter_map(|text| text.split_once(".rs::"));
    named.map(|(file, test)| (format!("{file}.rs"), test.to_owned())).collect()
}

#[test]
fn every_test_that_a_guide_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    let mut named = 0;
    for entry in fs::read_dir(root.join("docs/guides")).unwrap() {
        let path = entry.unwrap().path();
        let page = fs::read_to_string(&path).unwrap();
        for (file, test) in named_tests(&page) {
            named += 1;
            let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
            if !text.contains(&format!("fn {test}(")) && !text.contains(&format!("fn {test}<")) {
                missing.push(format!("{}: {file}::{test}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "not in the tree: {missing:#?}");
    assert!(named > 30, "only {named} tests are named: are they still written as `file.rs::name`?");
}

#[test]
fn a_test_is_named_by_file_and_function() {
    let page = "As `a/b.rs::holds` shows, `x.rs` and `y::z` do not. ```text\n``` `c.rs::d`";
    assert_eq!(named_tests(page).len(), 2);
    assert_eq!(named_tests(page)[0], ("a/b.rs".to_owned(), "holds".to_owned()));
}
