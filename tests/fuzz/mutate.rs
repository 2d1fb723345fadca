//! Mutates what is kept in `corpus/`, and gives it to a check. Runs on stable Rust, with `cargo test`.
//!
//! Each run first replays the whole corpus, so what was once found stays found. Then it mutates: [`MUTATIONS`] times, or
//! for as many seconds as `FUZZ_SECONDS` says. What a check panics at is written to the corpus, and the panic says where.
//! `FUZZ_SEED` repeats a run.

use super::Target;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Mutations of a run that is not told for how long.
const MUTATIONS: usize = 2_000;

/// Bytes that an input may grow to. Long enough for a record of each kind.
const LONGEST: usize = 16 * 1024;

/// Bytes that mean something to one parser or another.
const MARKS: &[u8] = b"\0\n\r\t \"#%&'*+,-./0123456789:;<=>?@AZ[\\]^_`az{|}~\x7f\x80\xc3\xff";

impl Target {
    /// Runs its corpus, then mutations of it.
    ///
    /// # Panics
    /// Where the check does, once the input is kept.
    pub fn mutate(&self) {
        let Self { name, words, check } = *self;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let corpus = read(&folder);
        for input in &corpus {
            check(input);
        }
        let seed = number("FUZZ_SEED").unwrap_or_else(|| rand::rng().random());
        let end = number("FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let mut random = StdRng::seed_from_u64(seed);
        let mut done = 0;
        while end.map_or(done < MUTATIONS, |end| Instant::now() < end) {
            let input = mutated(&corpus, words, &mut random);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&input))) {
                eprintln!("{name}, FUZZ_SEED={seed}, mutation {done}: kept as {}", keep(&folder, &input).display());
                resume_unwind(panic);
            }
            done += 1;
        }
        println!("{name}: {} kept inputs and {done} mutations, FUZZ_SEED={seed}", corpus.len());
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// In the order of their names, so that a seed means the same everywhere.
fn read(folder: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().filter_map(|file| std::fs::read(file).ok()).collect();
    assert!(!corpus.is_empty(), "nothing to begin with in {}", folder.display());
    corpus
}

fn keep(folder: &Path, input: &[u8]) -> PathBuf {
    // FNV-1a: a name that is the same for the same input is all that is wanted.
    let hash = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let path = folder.join(format!("found-{hash:016x}"));
    if let Err(error) = std::fs::write(&path, input) {
        eprintln!("{error}: {input:?}");
    }
    path
}

fn mutated(corpus: &[Vec<u8>], words: &[&str], random: &mut StdRng) -> Vec<u8> {
    let mut input = corpus.choose(random).cloned().unwrap_or_default();
    for _ in 0..random.random_range(1..8) {
        let at = random.random_range(0..=input.len());
        let end = (at + random.random_range(0..16)).min(input.len());
        match random.random_range(0..7) {
            0 => drop(input.drain(at..end)),
            1 => input.insert(at, MARKS.choose(random).copied().unwrap_or_default()),
            2 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = random.random();
                }
            }
            3 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = MARKS.choose(random).copied().unwrap_or_default();
                }
            }
            4 => {
                let word = words.choose(random).copied().unwrap_or_default();
                drop(input.splice(at..end, word.bytes()));
            }
            5 => {
                let piece = input.get(at..end).unwrap_or_default().to_vec();
                drop(input.splice(at..at, piece));
            }
            _ => {
                // The rest of another one.
                let other = corpus.choose(random).cloned().unwrap_or_default();
                let from = random.random_range(0..=other.len());
                input.truncate(at);
                input.extend(other.into_iter().skip(from));
            }
        }
    }
    input.truncate(LONGEST);
    input
}
