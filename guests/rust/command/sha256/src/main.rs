//! Hashes N MiB of zeros (default: 64) with SHA-256 and prints the digest.

use sha2::{Digest, Sha256};

fn main() {
    let mebibytes = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(64);
    let block = vec![0; 1 << 20];
    let mut hash = Sha256::new();
    (0..mebibytes).for_each(|_| hash.update(&block));
    hash.finalize().iter().for_each(|byte| print!("{byte:02x}"));
    println!();
}
