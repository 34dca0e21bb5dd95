//! Storing what is acknowledged, and removing what is acknowledged as a whole. Lives on blocking threads.

use crate::directory::{remove, set_aside, write_position};
use crate::segment;
use crate::shared::Shared;

/// Stores the position; then removes the segments before it. What went wrong, in words for the user.
///
/// In this order, since the states of transforms belong to the position: a segment may not be gone while an older
/// position could be found.
pub(crate) fn save(shared: &Shared) -> Vec<String> {
    let options = &shared.options;
    let (storage, dir) = (&*options.storage, &*options.directory);
    let (bytes, done) = {
        let mut view = shared.view();
        view.retire_drained();
        (view.position.encode(), view.done.clone())
    };
    if let Err(fault) = write_position(storage, dir, &bytes, options.syncs()) {
        return vec![format!(
            "{fault}; it is tried again, and until then what is acknowledged would be sent again after a crash"
        )];
    }
    let mut failed = Vec::new();
    let mut gone = Vec::new();
    for segment in done {
        let path = segment::path(dir, segment.number);
        let removed =
            if segment.keep { set_aside(storage, &path).map(|_| ()) } else { remove(storage, &path) };
        match removed {
            Ok(()) => gone.push(segment.number),
            Err(e) => failed.push(format!("cannot remove {}: {e}; it is tried again", path.display())),
        }
    }
    if !gone.is_empty() {
        let mut view = shared.view();
        let mut freed = 0;
        view.done.retain(|segment| {
            let is_gone = gone.contains(&segment.number);
            freed += if is_gone { segment.size } else { 0 };
            !is_gone
        });
        view.used -= freed;
        drop(view);
        shared.freed.notify_waiters();
    }
    failed
}
