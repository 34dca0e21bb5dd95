//! Time, and how runs are compared.

use std::ops::AddAssign;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// What a run took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
}

impl Spent {
    /// What `work` takes in this process. What it gives is kept from being optimised away.
    pub(crate) fn on<T>(work: impl FnOnce() -> T) -> Self {
        let (wall, cpu) = (Instant::now(), cpu_s());
        let result = std::hint::black_box(work());
        let spent = Self { wall_s: wall.elapsed().as_secs_f64(), cpu_s: cpu_s() - cpu };
        drop(result);
        spent
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.wall_s += other.wall_s;
        self.cpu_s += other.cpu_s;
    }
}

/// The runs of several contestants, who take turns, so that what slows the machine down for a while hits all of them.
pub(crate) struct Turns<const N: usize>([Vec<Spent>; N]);

impl<const N: usize> Turns<N> {
    /// A first turn of each is not counted.
    pub(crate) fn take(turns: usize, mut run: impl FnMut(usize) -> Spent) -> Self {
        let mut runs = [const { Vec::new() }; N];
        for turn in 0..=turns {
            for (contestant, runs) in runs.iter_mut().enumerate() {
                let spent = run(contestant);
                if turn > 0 {
                    runs.push(spent);
                }
            }
        }
        Self(runs)
    }

    /// The median of each measure by itself.
    pub(crate) fn median(&self, contestant: usize) -> Spent {
        let of = |measure: fn(&Spent) -> f64| {
            let mut all: Vec<f64> = self.0[contestant].iter().map(measure).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Spent { wall_s: of(|s| s.wall_s), cpu_s: of(|s| s.cpu_s) }
    }
}

fn cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
