//! Sorts N pseudo-random numbers (default: four million) and prints a check sum.

fn main() {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(4_000_000);
    let mut numbers: Vec<u32> = xorshift(2_463_534_242).take(count).collect();
    numbers.sort();
    let sum = numbers.iter().fold(0_u64, |sum, &number| sum.wrapping_mul(31).wrapping_add(number.into()));
    println!("{sum:016x}");
}

fn xorshift(mut state: u32) -> impl Iterator<Item = u32> {
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    })
}
