//! What stands between values.

/// A text that is compared at places of lines, eight bytes at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Literal {
    text: Box<[u8]>,
    /// The first eight bytes, and which of their bits count.
    head: u64,
    mask: u64,
}

impl Literal {
    pub(super) fn new(text: &[u8]) -> Self {
        let mut head = [0; 8];
        let mut mask = [0; 8];
        for ((head, mask), byte) in head.iter_mut().zip(&mut mask).zip(text) {
            (*head, *mask) = (*byte, 255);
        }
        Self { text: text.into(), head: u64::from_le_bytes(head), mask: u64::from_le_bytes(mask) }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether it stands at byte `at` of the line.
    #[inline(always)]
    pub(super) fn is_at(&self, line: &[u8], at: usize) -> bool {
        let Some(rest) = line.get(at..) else { return false };
        match rest.first_chunk::<8>() {
            Some(chunk) => {
                (u64::from_le_bytes(*chunk) ^ self.head) & self.mask == 0
                    && (self.text.len() <= 8 || rest.starts_with(&self.text))
            }
            // Not as slices: comparing none with none costs a fault on some machines.
            None => rest.len() >= self.text.len() && rest.iter().zip(&self.text).all(|(a, b)| a == b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_where_it_stands_and_nowhere_else() {
        for text in ["", "\"", "] \"", "12345678", "123456789", "\",\"request_method\":\""] {
            let literal = Literal::new(text.as_bytes());
            for before in 0..10 {
                for after in 0..10 {
                    let line = format!("{}{text}{}", "x".repeat(before), "y".repeat(after));
                    let places = (0..line.len() + 3).filter(|at| literal.is_at(line.as_bytes(), *at));
                    if text.is_empty() {
                        assert_eq!(places.count(), line.len() + 1);
                    } else {
                        assert_eq!(places.collect::<Vec<_>>(), [before]);
                    }
                }
            }
        }
    }
}
