//! The component's imports and exports, as `wit-bindgen` writes them from `dendro-wasm/wit`.

#![allow(missing_docs, unsafe_code, unused_qualifications, unreachable_pub, reason = "written by a macro")]

wit_bindgen::generate!({
    path: "../wit",
    world: "stateful-transform",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "dendro_plugin::bindings",
    generate_all,
});
