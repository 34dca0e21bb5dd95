//! What a server does wrong, and how often.

use std::time::Duration;

use dendro_crash::random::Random;

/// What is done to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Unavailable,
    Internal,
    TooMany,
    TooManyForASecond,
    TooLarge,
    Hang,
    ResetBefore,
    ResetMid,
    ResetAfter,
    AcceptAndReset,
    AcceptAndHang,
    AcceptAndGarbage,
    Garbage,
    Partial,
}

/// Each with its weight.
const FAULTS: &[(Fault, u64)] = &[
    (Fault::Unavailable, 10),
    (Fault::Internal, 10),
    (Fault::TooMany, 10),
    (Fault::TooManyForASecond, 1),
    (Fault::Hang, 4),
    (Fault::ResetBefore, 10),
    (Fault::ResetMid, 10),
    (Fault::ResetAfter, 10),
    (Fault::AcceptAndReset, 12),
    (Fault::AcceptAndHang, 4),
    (Fault::AcceptAndGarbage, 8),
    (Fault::Garbage, 8),
    (Fault::Partial, 20),
];

impl Fault {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "503",
            Self::Internal => "500",
            Self::TooMany => "429",
            Self::TooManyForASecond => "429 for a second",
            Self::TooLarge => "413",
            Self::Hang => "hang",
            Self::ResetBefore => "reset before the body",
            Self::ResetMid => "reset within the body",
            Self::ResetAfter => "reset behind the body",
            Self::AcceptAndReset => "accepted, then reset",
            Self::AcceptAndHang => "accepted, then hang",
            Self::AcceptAndGarbage => "accepted, then garbage",
            Self::Garbage => "garbage",
            Self::Partial => "partly accepted",
        }
    }
}

/// Some ten events: writes have to be sent in parts.
const MAX_BYTES: usize = 6 << 10;

/// How often something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mood {
    /// Of a thousand requests.
    pub(crate) faults: u64,
    /// The longest time that it takes over a request, in milliseconds.
    pub(crate) pause_ms: u64,
    /// What is longer is too large for it.
    pub(crate) max_bytes: Option<usize>,
}

impl Mood {
    /// The same server on a better day: what is there can be brought home.
    pub(crate) fn calm(self) -> Self {
        Self { faults: self.faults.min(100), pause_ms: 1, ..self }
    }

    /// One of several, from calm to all but dead.
    pub(crate) fn of(random: &mut Random) -> Self {
        let faults = [20, 150, 300, 500][random.below(4) as usize];
        let max_bytes = random.chance(250).then_some(MAX_BYTES);
        Self { faults, pause_ms: [1, 2, 8][random.below(3) as usize], max_bytes }
    }

    pub(crate) fn choose(self, random: &mut Random) -> Option<Fault> {
        if !random.chance(self.faults) {
            return None;
        }
        let mut at = random.below(FAULTS.iter().map(|(_, weight)| weight).sum());
        FAULTS
            .iter()
            .find(|(_, weight)| at.checked_sub(*weight).map(|rest| at = rest).is_none())
            .map(|(f, _)| *f)
    }

    pub(crate) fn pause(self, random: &mut Random) -> Duration {
        random.millis(0, self.pause_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_turn() {
        let mut random = Random::new(1, "test");
        let mood = Mood { faults: 500, pause_ms: 1, max_bytes: None };
        let chosen: Vec<_> = (0..10_000).map(|_| mood.choose(&mut random)).collect();
        for (fault, _) in FAULTS {
            assert!(chosen.contains(&Some(*fault)), "{fault:?}");
        }
        let well = chosen.iter().filter(|f| f.is_none()).count();
        assert!((4_500..5_500).contains(&well), "{well}");
    }
}
