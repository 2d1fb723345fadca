//! How long to wait before the next attempt: exponential, with full jitter, so that hosts that failed together do not
//! come back together.

use rand::{Rng, RngExt};
use std::time::Duration;

/// An exponential backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure.
    pub first: Duration,
    /// The longest wait of all.
    pub longest: Duration,
}

impl Backoff {
    /// The longest wait after so many failures in a row: doubled each time.
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doubled = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(doubled).min(self.longest)
    }

    /// A wait after so many failures in a row: any from nothing to the ceiling is as likely as another.
    pub fn wait(&self, failures: u32, random: &mut impl Rng) -> Duration {
        let ceiling = u64::try_from(self.ceiling(failures).as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(random.random_range(0..=ceiling))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::SmallRng};

    proptest! {
        #[test]
        fn a_wait_never_exceeds_its_ceiling_which_doubles_up_to_the_longest(
            first in 1u64..10_000, longest in 1u64..1_000_000, failures in any::<u32>(), seed in any::<u64>(),
        ) {
            let backoff = Backoff { first: Duration::from_millis(first), longest: Duration::from_millis(longest) };
            let ceiling = backoff.ceiling(failures);
            prop_assert!(ceiling <= backoff.longest);
            prop_assert!(backoff.wait(failures, &mut SmallRng::seed_from_u64(seed)) <= ceiling);
            prop_assert_eq!(backoff.ceiling(failures.saturating_add(1)).min(ceiling), ceiling);
            if (1..20).contains(&failures) {
                prop_assert_eq!(ceiling, Duration::from_millis(first << (failures - 1)).min(backoff.longest));
            }
        }
    }

    #[test]
    fn the_jitter_is_full_a_wait_may_be_anywhere_below_the_ceiling() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60) };
        let mut random = SmallRng::seed_from_u64(1);
        let waits: Vec<Duration> = (0..1000).map(|_| backoff.wait(4, &mut random)).collect();
        let tenths = |from: u64| waits.iter().filter(|wait| wait.as_millis() as u64 / 800 == from).count();
        assert!((0..10).all(|tenth| tenths(tenth) > 50), "{:?}", (0..10).map(tenths).collect::<Vec<_>>());
    }
}
