use super::*;

#[test]
fn without_a_grant_clocks_are_coarse() {
    let clocks = Clocks::new(Resolution::COARSE);
    assert_eq!(clocks.wall().subsec_nanos(), 0);
    assert_eq!(clocks.monotonic_ns() % 10_000_000, 0);
    assert_eq!(clocks.wall_resolution(), Duration::from_secs(1));
    assert_eq!(clocks.monotonic_resolution_ns(), 10_000_000);
}

#[test]
fn a_grant_gives_its_step_and_never_a_coarser_one() {
    let fine = Resolution::granted(Duration::from_millis(1));
    assert_eq!(fine, Resolution { wall: Duration::from_millis(1), monotonic: Duration::from_millis(1) });
    assert_eq!(Clocks::new(fine).monotonic_ns() % 1_000_000, 0);
    assert_eq!(Resolution::granted(Duration::from_secs(60)), Resolution::COARSE);
    assert_eq!(Resolution::granted(Duration::ZERO).wall, Duration::from_nanos(1));
}

#[test]
fn rounding_goes_down_to_a_multiple_and_survives_extremes() {
    let round = policy::round_down;
    assert_eq!(round(Duration::from_millis(1999), COARSE_WALL), Duration::from_secs(1));
    assert_eq!(round(Duration::from_nanos(7), Duration::from_nanos(1)), Duration::from_nanos(7));
    assert_eq!(round(Duration::MAX, Duration::from_nanos(1)), Duration::MAX);
    assert_eq!(round(Duration::ZERO, Duration::ZERO), Duration::ZERO);
}

#[test]
fn rounding_goes_up_to_a_multiple_and_survives_extremes() {
    let round = policy::round_up;
    assert_eq!(round(Duration::from_millis(1001), COARSE_WALL), Duration::from_secs(2));
    assert_eq!(round(Duration::from_secs(2), COARSE_WALL), Duration::from_secs(2));
    assert_eq!(round(Duration::MAX, COARSE_WALL), Duration::MAX);
}

#[test]
fn a_timer_ends_when_the_guests_clock_shows_its_moment_and_is_never_negative() {
    let clocks = Clocks::new(Resolution::COARSE);
    assert!(clocks.until(u64::MAX) > Duration::from_secs(3600));
    assert_eq!(clocks.until(0), Duration::ZERO);
    let when = clocks.monotonic_ns() + 1;
    std::thread::sleep(clocks.until(when));
    assert!(clocks.monotonic_ns() >= when);
}
