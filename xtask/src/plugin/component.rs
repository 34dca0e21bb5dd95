//! From a core module to a component.

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::failure::Failure;

/// The interface that a plugin may import from.
const HOST: &str = "dendro:transform/host";

/// Makes a component of a module that `wit-bindgen` has put its types into.
pub(crate) fn encode(module: &[u8]) -> Result<Vec<u8>, Failure> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| Failure::new(format!("no component can be made of the module: {error:#}")))
}

/// What a module imports, as `interface#function`.
pub(crate) fn imports(module: &[u8]) -> Result<Vec<String>, Failure> {
    let invalid = |error| Failure::new(format!("the module can't be read: {error}"));
    let mut imports = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(section) = payload.map_err(invalid)? {
            for import in section.into_imports() {
                let import = import.map_err(invalid)?;
                imports.push(format!("{}#{}", import.module, import.name));
            }
        }
    }
    Ok(imports)
}

/// That it imports nothing that the sandbox does not give.
pub(crate) fn check(name: &str, imports: &[String]) -> Result<(), Failure> {
    match imports.iter().find(|import| !import.starts_with(HOST)) {
        Some(other) => Err(Failure::new(format!("{name} imports {other}, which the sandbox does not give"))),
        None => Ok(()),
    }
}
