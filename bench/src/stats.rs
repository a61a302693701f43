//! Medians and ratios. Times are in seconds unless a name says otherwise.

/// The value below which the part `quantile` of the samples lies (nearest rank); `NaN` of none.
pub fn quantile(samples: &[f64], quantile: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (quantile * (sorted.len().max(1) - 1) as f64).round() as usize;
    sorted.get(rank).copied().unwrap_or(f64::NAN)
}

pub fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

/// The median of the ratios of samples taken in the same round, so that a slow moment of the machine hits both.
pub fn paired_ratio(samples: &[f64], base: &[f64]) -> f64 {
    let ratios: Vec<f64> = samples.iter().zip(base).map(|(sample, base)| sample / base).collect();
    median(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_is_the_middle_one() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        assert_eq!(paired_ratio(&[2.0, 20.0, 6.0], &[1.0, 10.0, 2.0]), 2.0);
    }
}
