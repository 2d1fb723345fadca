//! Evidence on the host's side: test reports that become summaries, and the proof that what ServiceNow holds is what was
//! put there.

mod check;
pub mod junit;
mod verify;

pub use check::{Difference, Held, Proof, Recorded, check};
pub use verify::{VerifyError, recorded, verify};
