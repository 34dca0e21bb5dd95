//! Values within others as fields of their own.

use dendro_core::{Batch, Transform, TransformError, Value, ValueRef};

/// Makes fields of the values within objects: `{"user": {"name": "ann"}}` becomes `user_name`. Arrays stay as they are. A name that the event has
/// already gets a `_` behind it, so that nothing is overwritten. What comes out is not in the schema, since nobody knows it
/// beforehand.
///
/// ```
/// use dendro_core::{Batch, Event, Transform, Value};
/// use dendro_transforms::Flatten;
///
/// let user = Value::Object([("name".to_owned(), "ann".into()), ("ids".to_owned(), Value::Array(vec![1u64.into()]))].into());
/// let mut batch = Batch::from_events([&Event::new("t").with("user", user)])?;
/// Flatten::all().transform(&mut batch)?;
/// let expected = Event::new("t").with("user_name", "ann").with("user_ids", Value::Array(vec![1u64.into()]));
/// assert_eq!(batch.get(0).unwrap().to_event(), expected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Flatten {
    fields: Option<Vec<String>>,
    separator: String,
}

impl Flatten {
    /// Every object.
    pub fn all() -> Self {
        Self { fields: None, separator: "_".to_owned() }
    }

    /// The objects in these fields.
    pub fn fields<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self { fields: Some(names.into_iter().map(Into::into).collect()), ..Self::all() }
    }

    /// What stands between the names: `_` by default.
    pub fn separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }

    fn is_meant(&self, name: &str) -> bool {
        self.fields.as_ref().is_none_or(|names| names.iter().any(|n| n == name))
    }

    fn leaves(&self, name: &str, value: ValueRef<'_>, out: &mut Vec<(String, Value)>) {
        match value {
            ValueRef::Object(object) => {
                for (inner, value) in object.iter() {
                    self.leaves(&format!("{name}{}{inner}", self.separator), value, out);
                }
            }
            other => out.push((name.to_owned(), other.to_value())),
        }
    }
}

impl Transform for Flatten {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let (mut objects, mut leaves) = (Vec::new(), Vec::new());
        batch.try_for_each(|mut event| {
            objects.clear();
            leaves.clear();
            for (name, value) in event.view().fields() {
                if matches!(value, ValueRef::Object(_)) && self.is_meant(name) {
                    objects.push(name.to_owned());
                    self.leaves(name, value, &mut leaves);
                }
            }
            for name in &objects {
                event.remove_field(name);
            }
            for (mut name, value) in leaves.drain(..) {
                while event.get(&name).is_some() {
                    name.push('_');
                }
                if let Err(full) = event.insert(&name, &value) {
                    event.reject(full.to_string());
                    break;
                }
            }
            Ok::<(), TransformError>(())
        })
    }
}
