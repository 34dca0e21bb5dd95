//! What the documentation says of the formats is what the program says.

#[test]
fn the_page_of_the_formats_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/formats.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == dendro_parsers::formats::reference().unwrap(),
        "make it anew: cargo run --example parse -- --reference > docs/reference/formats.md"
    );
}
