//! How far the buffer has been read and acknowledged, as it is stored: one small file, replaced as a whole.
//!
//! Little-endian: magic "DNDP", version u16 = 1, reserved u16 = 0, body bytes u32, CRC-32 of the body; then segment u64,
//! offset u64, sequence of the next frame u64, events of the segment that are acknowledged u64; a count u32 of streams, each with
//! its name, a count u32 of snapshots, and for each the component and the state. A text is its length u32 and its bytes. The
//! streams stand in the order in which their states have changed, the latest last.

use dendro_core::Snapshot;

use crate::bytes::{Input, MOST, array, crc, put_bytes};
use crate::states::States;

const MAGIC: &[u8; 4] = b"DNDP";
const VERSION: u16 = 1;
const HEADER: usize = 16;

/// Everything before it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    /// 0 for the segment's beginning.
    pub(crate) offset: u64,
    /// Frames with a lower one are acknowledged.
    pub(crate) sequence: u64,
    /// How many events of the segment are.
    pub(crate) events: u64,
}

/// What is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Position {
    pub(crate) place: Place,
    /// As of this place.
    pub(crate) states: States,
}

/// Why bytes are no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPosition {
    /// A later version has written it.
    Version(u16),
    /// It is not what was written.
    Damaged,
}

impl Position {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; HEADER];
        let place = &self.place;
        for number in [place.segment, place.offset, place.sequence, place.events] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&(self.states.len() as u32).to_le_bytes());
        for (stream, snapshots) in self.states.iter() {
            put_bytes(&mut out, stream.as_bytes());
            out.extend_from_slice(&(snapshots.len() as u32).to_le_bytes());
            for snapshot in snapshots {
                put_bytes(&mut out, snapshot.component.as_bytes());
                put_bytes(&mut out, &snapshot.state);
            }
        }
        let (len, check) = ((out.len() - HEADER) as u32, crc(&out[HEADER..]));
        out[0..4].copy_from_slice(MAGIC);
        out[4..6].copy_from_slice(&VERSION.to_le_bytes());
        out[8..12].copy_from_slice(&len.to_le_bytes());
        out[12..16].copy_from_slice(&check.to_le_bytes());
        out
    }

    /// # Errors
    /// [`NoPosition`].
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, NoPosition> {
        if bytes.get(..4) != Some(MAGIC) {
            return Err(NoPosition::Damaged);
        }
        let version = u16::from_le_bytes(array(bytes, 4));
        if version > VERSION {
            return Err(NoPosition::Version(version));
        }
        Self::decode_body(bytes).ok_or(NoPosition::Damaged)
    }

    fn decode_body(bytes: &[u8]) -> Option<Self> {
        let body = bytes.get(HEADER..)?;
        let (len, check) = (u32::from_le_bytes(array(bytes, 8)), u32::from_le_bytes(array(bytes, 12)));
        if body.len() != len as usize || crc(body) != check {
            return None;
        }
        let mut input = Input(body);
        let place = Place {
            segment: input.u64()?,
            offset: input.u64()?,
            sequence: input.u64()?,
            events: input.u64()?,
        };
        if [place.segment, place.offset, place.sequence, place.events].iter().any(|n| *n > MOST) {
            return None;
        }
        let mut states = States::default();
        for _ in 0..input.u32()? {
            let stream = input.text()?;
            let snapshots = (0..input.u32()?).map(|_| {
                Some(Snapshot { component: input.text()?.to_owned(), state: input.bytes()?.to_vec() })
            });
            let snapshots = snapshots.collect::<Option<Vec<_>>>()?;
            states.take_over(stream, snapshots);
        }
        input.0.is_empty().then_some(Self { place, states })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back_with_its_states_and_damage_is_seen() {
        let mut position = Position {
            place: Place { segment: 3, offset: 40, sequence: 17, events: 5 },
            states: States::default(),
        };
        for (stream, component, state) in [("a", "x", vec![1]), ("a", "y", vec![]), ("b", "x", vec![0; 300])]
        {
            let told = vec![Snapshot { component: component.to_owned(), state }];
            position.states.take_over(stream, told);
        }
        position.states.take_over("a", vec![Snapshot { component: "x".to_owned(), state: vec![2] }]);
        let bytes = position.encode();
        assert_eq!(Position::decode(&bytes), Ok(position.clone()));
        let streams: Vec<_> = position.states.iter().map(|(stream, states)| (stream, states.len())).collect();
        assert_eq!(streams, [("b", 1), ("a", 2)], "the latest last");
        for len in 0..bytes.len() {
            assert_eq!(Position::decode(&bytes[..len]), Err(NoPosition::Damaged));
        }
        let mut later = bytes;
        later[4] = 2;
        assert_eq!(Position::decode(&later), Err(NoPosition::Version(2)));
    }
}
