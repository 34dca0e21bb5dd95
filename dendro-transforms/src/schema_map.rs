//! The schemas that leave a transform, for those that come in.

use std::sync::Arc;

use dendro_core::{Batch, Schema};

/// Remembers what became of each schema, so that it is made once and not for each batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct SchemaMap {
    known: Vec<(Arc<Schema>, Arc<Schema>)>,
}

/// More than a pipeline has types; what a source makes up beyond that is made anew each time.
const MAX_KNOWN: usize = 256;

impl SchemaMap {
    /// What [`Transform::schemas`](dendro_core::Transform::schemas) gives; a schema that stays the same is passed on.
    pub(crate) fn outputs(input: &[Arc<Schema>], map: impl Fn(&Schema) -> Schema) -> Vec<Arc<Schema>> {
        input.iter().map(|schema| made(schema, &map)).collect()
    }

    /// Gives the types of a batch the schemas that they have now.
    pub(crate) fn attach(&mut self, batch: &mut Batch, map: impl Fn(&Schema) -> Schema) {
        let mut changed = Vec::new();
        for schema in batch.schemas() {
            let known = self.known.iter().find(|(input, _)| Arc::ptr_eq(input, schema) || input == schema);
            let output = match known {
                Some((_, output)) => output.clone(),
                None => {
                    let output = made(schema, &map);
                    if self.known.len() < MAX_KNOWN {
                        self.known.push((schema.clone(), output.clone()));
                    }
                    output
                }
            };
            if !Arc::ptr_eq(&output, schema) {
                changed.push(output);
            }
        }
        if !changed.is_empty() {
            batch.attach_schemas(&changed);
        }
    }
}

fn made(schema: &Arc<Schema>, map: impl Fn(&Schema) -> Schema) -> Arc<Schema> {
    let output = map(schema);
    if output == **schema { schema.clone() } else { Arc::new(output) }
}
