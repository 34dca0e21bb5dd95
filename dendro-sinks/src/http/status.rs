//! What a status means for the events of a request.

use hyper::StatusCode;

/// What is done about an answer, by its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusAction {
    /// The events are delivered.
    Deliver,
    /// They are sent again soon, or when the server says.
    Retry,
    /// They are sent again now and then, and the user is told: somebody has to do something first.
    Hold,
    /// There were too many of them: halves are sent, down to single events, which are rejected.
    Halve,
    /// They go to the dead letters.
    Reject,
    /// The pipeline ends; what is not acknowledged stays with its source.
    Fatal,
}

/// The user's exceptions before the rules that the [module](super) lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Statuses {
    exceptions: Vec<(u16, StatusAction)>,
}

impl Statuses {
    /// The last one counts.
    pub(super) fn set(&mut self, status: u16, action: StatusAction) {
        self.exceptions.retain(|(known, _)| *known != status);
        self.exceptions.push((status, action));
    }

    pub(super) fn action(&self, status: StatusCode) -> StatusAction {
        let code = status.as_u16();
        let exception = self.exceptions.iter().find(|(known, _)| *known == code);
        exception.map_or_else(|| default_action(code), |(_, action)| *action)
    }
}

fn default_action(status: u16) -> StatusAction {
    match status {
        200..=299 => StatusAction::Deliver,
        // 409: another request with this idempotency key is under way.
        408 | 409 | 421 | 423 | 425 | 429 => StatusAction::Retry,
        300..=399 | 401 | 402 | 403 | 407 => StatusAction::Hold,
        413 => StatusAction::Halve,
        501 | 505 | 400..=499 => StatusAction::Reject,
        500..=599 => StatusAction::Retry,
        // None of HTTP's, so that nobody knows what it says.
        _ => StatusAction::Hold,
    }
}

/// What somebody can do about it.
pub(super) fn hint(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => "; redirects are not followed: give that address",
        401 => "; are the credentials right, and still valid?",
        403 => "; may these credentials write there?",
        404 => "; is the path right?",
        405 => "; is the method right?",
        407 => "; the proxy wants credentials",
        415 => "; does it know this encoding and compression?",
        _ => "",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_the_action_that_the_page_lists() {
        let action = |code: u16| Statuses::default().action(StatusCode::from_u16(code).unwrap());
        let listed = |code: u16| match code {
            200..=299 => StatusAction::Deliver,
            408 | 409 | 421 | 423 | 425 | 429 => StatusAction::Retry,
            300..=399 | 401 | 402 | 403 | 407 => StatusAction::Hold,
            413 => StatusAction::Halve,
            501 | 505 => StatusAction::Reject,
            400..=499 => StatusAction::Reject,
            500..=599 => StatusAction::Retry,
            _ => StatusAction::Hold,
        };
        (100..1000).for_each(|code| assert_eq!(action(code), listed(code), "{code}"));
    }

    #[test]
    fn the_last_exception_counts() {
        let mut statuses = Statuses::default();
        statuses.set(404, StatusAction::Retry);
        statuses.set(404, StatusAction::Hold);
        statuses.set(200, StatusAction::Fatal);
        assert_eq!(statuses.action(StatusCode::NOT_FOUND), StatusAction::Hold);
        assert_eq!(statuses.action(StatusCode::OK), StatusAction::Fatal);
        assert_eq!(statuses.action(StatusCode::GONE), StatusAction::Reject);
    }
}
