//! Driving a source: to its end, and again after an error that may pass.

use std::sync::Arc;
use std::time::Duration;

use super::control::{CatchPanic, Control, Either, Phase, first};
use super::lane::with_sources;
use super::output::Output;
use super::problem::{Problem, Severity};
use crate::{Source, SourceContext};

/// Runs a source to its end, again after an error that may pass.
///
/// The source's output must stay open until the source is done with it, even if `run` ends with an error and is
/// called again; and it must close as soon as the source lets go of it, so that what is behind it drains. So the
/// output is kept here, and the source has a clone that tells when it is gone.
///
/// From the phase `over` on an error is no reason to run it again, and no failure.
pub(super) async fn run_source(
    mut source: Box<dyn Source>,
    out: Output,
    cx: SourceContext,
    control: Arc<Control>,
    over: Phase,
) {
    let name = cx.name.clone();
    let report = |severity, message: String| {
        cx.reporter.report(Problem { component: name.clone(), severity, message })
    };
    let mut kept = Some(out);
    let mut delay = Duration::from_millis(500);
    while let Some(out) = kept.as_ref() {
        let (lent, gone) = out.lend();
        let mut run = CatchPanic(Box::pin(source.run(lent, cx.clone())));
        let result = match first(&mut run, gone).await {
            Either::First(result) => result,
            Either::Second(()) => {
                kept = None;
                run.await
            }
        };
        let message = match result {
            Ok(Ok(())) => return,
            Ok(Err(e)) if e.is_retry() && kept.is_some() && !control.has_reached(over) => {
                report(Severity::Warning, format!("source `{name}`: {}; trying again", with_sources(&e)));
                first(tokio::time::sleep(delay), control.reached(over)).await;
                delay = (delay * 2).min(Duration::from_secs(30));
                continue;
            }
            // The pipeline stops anyway, and the source has told what it waited for.
            Ok(Err(e)) if control.has_reached(over) => {
                return report(Severity::Warning, format!("source `{name}`: {}", with_sources(&e)));
            }
            Ok(Err(e)) => with_sources(&e),
            Err(panic) => format!("panic: {panic}"),
        };
        let message = format!("source `{name}` has ended: {message}");
        report(Severity::Error, message.clone());
        control.fail(&name, message);
        if over > Phase::Draining {
            // Nothing leaves a buffer any more: what is before it must not wait for ever.
            control.advance(Phase::Draining);
        }
        return;
    }
}
