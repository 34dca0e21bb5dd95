use std::ops::AddAssign;

/// How many tests passed and failed, read from what the runners print last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Counts {
    /// nextest ends with one line for the whole run:
    /// `Summary [ 1.2s] 5 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 2 skipped`.
    pub(crate) fn from_nextest(transcript: &str) -> Self {
        transcript
            .lines()
            .rev()
            .find(|line| line.trim_start().starts_with("Summary ["))
            .and_then(|line| line.split_once(" run: "))
            .map(|(_, counts)| Self::from_items(counts.split(", ")))
            .unwrap_or_default()
    }

    /// libtest ends each test binary with `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
    pub(crate) fn from_libtest(transcript: &str) -> Self {
        let mut sum = Self::default();
        for line in transcript.lines() {
            if let Some((_, counts)) =
                line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
            {
                sum += Self::from_items(counts.split("; "));
            }
        }
        sum
    }

    fn from_items<'a>(items: impl Iterator<Item = &'a str>) -> Self {
        let mut counts = Self::default();
        for item in items {
            let Some((number, what)) = item.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            if what.starts_with("passed") {
                counts.passed += number;
            } else if ["failed", "timed out", "exec failed"].iter().any(|bad| what.starts_with(bad)) {
                counts.failed += number;
            }
        }
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn nextest_counts_every_way_to_fail() {
        let text = "   PASS [0.1s] a\n     Summary [   0.5s] 9 tests run: 4 passed (1 slow, 1 leaky), 2 failed, \
                    2 timed out, 1 exec failed, 7 skipped\n        FAIL [0.1s] b\n";
        assert_eq!(Counts::from_nextest(text), Counts { passed: 4, failed: 5 });
    }

    #[test]
    fn libtest_counts_add_up_over_binaries() {
        let text = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                    noise\n\
                    test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(Counts::from_libtest(text), Counts { passed: 4, failed: 2 });
    }

    #[test]
    fn a_build_that_failed_counts_nothing() {
        assert_eq!(Counts::from_nextest("error: could not compile `x`"), Counts::default());
        assert_eq!(Counts::from_libtest("error: could not compile `x`"), Counts::default());
    }
}
