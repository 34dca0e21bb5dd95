//! `cargo xtask deps`: the arrows between the crates go one way only, and the core stays small.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::failure::Failure;
use crate::process;

/// The most crates that `dendro-core` may bring along, by the features it is built with.
const TREE_LIMITS: &[(&str, &[&str], usize)] =
    &[("default features", &[], 40), ("no default features", &["--no-default-features"], 15)];

/// The crates that know one transport, format or kind of work each, and nothing of each other.
const COMPONENTS: &[&str] = &[
    "dendro-sources",
    "dendro-parsers",
    "dendro-transforms",
    "dendro-sinks",
    "dendro-buffer",
    "dendro-wasm",
];

/// What each of the plugins goes by: they are all alike.
const PLUGIN: &str = "a plugin";

/// One crate of the workspace that names another in its manifest.
struct Edge<'a> {
    from: &'a str,
    to: &'a str,
    /// Only its tests, examples and benches do.
    dev: bool,
}

pub(crate) fn run() -> Result<(), Failure> {
    let metadata = process::capture(process::cargo()?.args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata)
        .map_err(|error| Failure::new(format!("`cargo metadata`: {error}")))?;
    let edges = edges(&metadata);
    let mut wrong: Vec<String> = edges.iter().filter_map(|edge| check(edge).err()).collect();
    println!("{} edges between the workspace's crates", edges.len());

    for (features, args, limit) in TREE_LIMITS {
        let crates = tree_size(args)?;
        println!("dendro-core, {features}: {crates} crates, {limit} at most");
        if crates > *limit {
            wrong.push(format!("dendro-core with {features} brings {crates} crates, more than {limit}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::new(wrong.join("\nerror: "))) }
}

fn edges(metadata: &Value) -> Vec<Edge<'_>> {
    let packages = || metadata["packages"].as_array().into_iter().flatten();
    let known_as = |package: &'_ Value, name| {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        if manifest.contains("/examples/plugins/") { PLUGIN } else { name }
    };
    let members = packages().filter_map(|package| {
        let name = package["name"].as_str()?;
        Some((name, known_as(package, name)))
    });
    let members: BTreeMap<&str, &str> = members.collect();
    let edge = |from: &'_ str, dependency: &Value| {
        let (from, to) = (members.get(from)?, members.get(dependency["name"].as_str()?)?);
        Some((*from, *to, dependency["kind"] == "dev"))
    };
    packages()
        .filter_map(|package| Some((package["name"].as_str()?, package["dependencies"].as_array()?)))
        .flat_map(|(from, dependencies)| dependencies.iter().map(move |dependency| (from, dependency)))
        .filter_map(|(from, dependency)| edge(from, dependency))
        .map(|(from, to, dev)| Edge { from, to, dev })
        .collect()
}

fn check(edge: &Edge<'_>) -> Result<(), String> {
    let Edge { from, to, dev } = *edge;
    let allowed = match from {
        _ if to == "xtask" || to == "dendro-crash" => false,
        // To test itself with features that it does not have by default.
        _ if from == to => dev,
        "dendro" | "xtask" => true,
        "dendro-crash" => to == "dendro",
        "dendro-core" => false,
        "dendro-net" | "dendro-plugin" | "dendro-test" => to == "dendro-core",
        PLUGIN => to == "dendro-plugin",
        // Its tests run plugins.
        "dendro-wasm" if dev && ["dendro-plugin", PLUGIN].contains(&to) => true,
        _ if COMPONENTS.contains(&from) => {
            ["dendro-core", "dendro-net"].contains(&to) || (dev && to == "dendro-test")
        }
        _ => return Err(format!("{from} has no place in the rules of xtask/src/deps.rs yet: give it one")),
    };
    if allowed { Ok(()) } else { Err(format!("{from} may not import {to} (docs/ARCHITECTURE.md says why)")) }
}

/// Everything that has to be compiled for it: the crate itself, build scripts' and macros' crates too.
pub(crate) fn tree_size(features: &[&str]) -> Result<usize, Failure> {
    let mut command = process::cargo()?;
    command
        .args(["tree", "--package=dendro-core", "--edges=no-dev", "--prefix=none", "--no-dedupe"])
        .args(features);
    let tree = process::capture(&mut command)?;
    Ok(tree.lines().filter_map(name_and_version).collect::<BTreeSet<_>>().len())
}

/// `syn v2.0.1 (proc-macro)` without what stands behind the version.
fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    Some((words.next()?, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::{Edge, PLUGIN, check, edges};

    fn normal(from: &str, to: &str) -> bool {
        check(&Edge { from, to, dev: false }).is_ok()
    }

    fn dev(from: &str, to: &str) -> bool {
        check(&Edge { from, to, dev: true }).is_ok()
    }

    #[test]
    fn core_imports_nobody() {
        assert!(!normal("dendro-core", "dendro-test"));
        assert!(!dev("dendro-core", "dendro-test"));
        assert!(!normal("dendro-core", "dendro-parsers"));
    }

    #[test]
    fn components_import_core_and_never_each_other() {
        assert!(normal("dendro-sinks", "dendro-core"));
        assert!(!normal("dendro-sinks", "dendro-sources"));
        assert!(!dev("dendro-sinks", "dendro-sources"));
        assert!(!normal("dendro-sources", "dendro"));
    }

    #[test]
    fn components_share_connections_which_know_core_only() {
        assert!(normal("dendro-sinks", "dendro-net"));
        assert!(normal("dendro-net", "dendro-core"));
        assert!(!normal("dendro-net", "dendro-parsers"));
        assert!(!normal("dendro-core", "dendro-net"));
    }

    #[test]
    fn components_use_the_test_kit_in_tests_only() {
        assert!(dev("dendro-parsers", "dendro-test"));
        assert!(!normal("dendro-parsers", "dendro-test"));
    }

    #[test]
    fn a_crate_may_ask_itself_for_features_in_tests() {
        assert!(dev("dendro-parsers", "dendro-parsers"));
        assert!(!normal("dendro-parsers", "dendro-parsers"));
    }

    #[test]
    fn the_test_kit_imports_core_only() {
        assert!(normal("dendro-test", "dendro-core"));
        assert!(!normal("dendro-test", "dendro-sinks"));
        assert!(!dev("dendro-test", "dendro"));
    }

    #[test]
    fn plugins_import_their_kit_only_and_the_sandbox_them_in_tests_only() {
        assert!(normal("dendro-plugin", "dendro-core"));
        assert!(!normal("dendro-plugin", "dendro-wasm"));
        assert!(normal(PLUGIN, "dendro-plugin"));
        assert!(!normal(PLUGIN, "dendro-core"));
        assert!(dev("dendro-wasm", PLUGIN) && dev("dendro-wasm", "dendro-plugin"));
        assert!(!normal("dendro-wasm", "dendro-plugin"));
    }

    #[test]
    fn the_facade_imports_all_but_xtask() {
        assert!(normal("dendro", "dendro-sinks"));
        assert!(!normal("dendro", "xtask"));
        assert!(!dev("dendro-core", "xtask"));
    }

    #[test]
    fn the_crash_tests_see_what_users_see() {
        assert!(normal("dendro-crash", "dendro"));
        assert!(!normal("dendro-crash", "dendro-core"));
        assert!(!dev("dendro", "dendro-crash"));
    }

    #[test]
    fn a_crate_that_the_rules_do_not_know_is_refused() {
        assert!(!normal("dendro-new", "dendro-core"));
    }

    #[test]
    fn edges_are_read_from_the_manifests() {
        let metadata = serde_json::json!({"packages": [
            {"name": "dendro-core", "dependencies": [{"name": "bytes", "kind": null}]},
            {"name": "dendro-sinks", "dependencies": [
                {"name": "dendro-core", "kind": null},
                {"name": "dendro-sources", "kind": "dev"},
            ]},
            {"name": "dendro-sources", "dependencies": []},
            {"name": "upper", "manifest_path": "/dendro/examples/plugins/upper/Cargo.toml", "dependencies": [
                {"name": "dendro-core", "kind": null},
            ]},
        ]});
        let edges: Vec<_> = edges(&metadata).iter().map(|e| (e.from, e.to, e.dev)).collect();
        let expected = [
            ("dendro-sinks", "dendro-core", false),
            ("dendro-sinks", "dendro-sources", true),
            (PLUGIN, "dendro-core", false),
        ];
        assert_eq!(edges, expected);
    }
}
