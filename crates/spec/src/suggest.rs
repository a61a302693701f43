//! "Did you mean": the nearest known word.

/// What to say about an unknown word: the nearest known one, or all of them.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match closest(word, &known) {
        Some(guess) => format!("did you mean {guess:?}?"),
        None => format!("known are {}", known.join(", ")),
    }
}

/// The known word that is close enough to `word` to be a slip of the finger.
fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known.iter().map(|candidate| (distance(word, candidate), *candidate));
    let (distance, best) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + best.chars().count() / 4).then_some(best)
}

/// The longest word worth comparing: known ones are shorter.
const CHARS_MAX: usize = 32;

/// Edits between two words, capitals aside: insert, delete, replace, swap of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let letters =
        |word: &str| word.chars().take(CHARS_MAX).map(|c| c.to_ascii_lowercase()).collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 { i + j } else { edit(&rows, &a, &b, i, j) };
        }
    }
    rows[a.len()][b.len()]
}

fn edit(rows: &[Vec<usize>], a: &[char], b: &[char], i: usize, j: usize) -> usize {
    let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
    let best = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
    let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
    if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best }
}
