//! What the judge is given.

use std::path::PathBuf;

use crate::formats::Format;

pub(crate) struct Arguments {
    pub(crate) input: PathBuf,
    pub(crate) format: Format,
    pub(crate) destinations: Vec<Destination>,
    pub(crate) dead: Vec<PathBuf>,
    pub(crate) windows: Vec<PathBuf>,
    pub(crate) bound: Option<u64>,
    pub(crate) turned_away: Option<PathBuf>,
    pub(crate) given_up: Option<PathBuf>,
    pub(crate) any_order: bool,
}

pub(crate) struct Destination {
    pub(crate) name: String,
    /// In order.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) left: Option<PathBuf>,
    /// It refuses what has status 418.
    pub(crate) refuses: bool,
}

impl Arguments {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut input, mut format) = (None, None);
        let (mut destinations, mut dead, mut windows): (Vec<Destination>, _, _) =
            (Vec::new(), Vec::new(), Vec::new());
        let (mut bound, mut turned_away, mut given_up, mut any_order) = (None, None, None, false);
        while let Some(arg) = args.next() {
            if arg == "--any-order" {
                any_order = true;
                continue;
            }
            let value = args.next().ok_or_else(|| format!("{arg} wants a value"))?;
            let named = || {
                let (name, file) = value.split_once('=').ok_or_else(|| format!("{arg} wants NAME=FILE"))?;
                Ok::<_, String>((name.to_owned(), PathBuf::from(file)))
            };
            match arg.as_str() {
                "--input" => input = Some(PathBuf::from(value)),
                "--format" => format = Some(Format::from_word(&value).ok_or(format!("no format `{value}`"))?),
                "--destination" => {
                    let (name, file) = named()?;
                    match find(&mut destinations, &name) {
                        Ok(known) => known.files.push(file),
                        Err(_) => {
                            destinations.push(Destination {
                                name,
                                files: vec![file],
                                left: None,
                                refuses: false,
                            });
                        }
                    }
                }
                "--left" => {
                    let (name, file) = named()?;
                    find(&mut destinations, &name)?.left = Some(file);
                }
                "--refused-by" => find(&mut destinations, &value)?.refuses = true,
                "--dead" => dead.push(PathBuf::from(value)),
                "--windows" => windows.push(PathBuf::from(value)),
                "--bound" => bound = Some(value.parse().map_err(|_| format!("no number: `{value}`"))?),
                "--given-up" => given_up = Some(PathBuf::from(value)),
                "--turned-away" => turned_away = Some(PathBuf::from(value)),
                _ => return Err(format!("there is no option {arg}")),
            }
        }
        let input = input.ok_or("--input is missing")?;
        let format = format.ok_or("--format is missing")?;
        if destinations.is_empty() && windows.is_empty() {
            return Err("--destination is missing".to_owned());
        }
        Ok(Self { input, format, destinations, dead, windows, bound, turned_away, given_up, any_order })
    }
}

fn find<'a>(destinations: &'a mut [Destination], name: &str) -> Result<&'a mut Destination, String> {
    destinations
        .iter_mut()
        .find(|d| d.name == name)
        .ok_or_else(|| format!("no --destination {name} before this option"))
}
