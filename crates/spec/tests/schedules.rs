//! Schedules: which minutes, hours and days the fields of `cron` stand for.

use tombolo_spec::trigger::Cron;

fn values(bits: u64) -> Vec<u32> {
    (0..64).filter(|n| bits >> n & 1 == 1).collect()
}

fn cron(text: &str) -> Cron {
    text.parse().unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn fields_stand_for_their_values() {
    let work = cron("*/15 8-10 1,15,31 jan-mar/2 MON-fri");
    assert_eq!(values(work.minutes()), [0, 15, 30, 45]);
    assert_eq!(values(work.hours()), [8, 9, 10]);
    assert_eq!(values(work.days()), [1, 15, 31]);
    assert_eq!(values(work.months()), [1, 3]);
    assert_eq!(values(work.weekdays()), [1, 2, 3, 4, 5]);
    let all = cron("* * * * *");
    assert_eq!(
        (values(all.minutes()).len(), values(all.hours()).len(), values(all.days()).len()),
        (60, 24, 31)
    );
    assert_eq!((values(all.months()).len(), values(all.weekdays())), (12, vec![0, 1, 2, 3, 4, 5, 6]));
    assert_eq!(values(cron("50/5 0 * * *").minutes()), [50, 55]);
}

#[test]
fn sunday_is_zero_and_seven() {
    for text in ["0 0 * * 0", "0 0 * * 7", "0 0 * * sun"] {
        assert_eq!(values(cron(text).weekdays()), [0], "{text}");
    }
    assert_eq!(values(cron("0 0 * * 5-7").weekdays()), [0, 5, 6]);
}

#[test]
fn one_of_two_day_fields_is_enough_when_neither_is_open() {
    assert!(cron("0 0 13 * fri").either_day());
    assert!(!cron("0 0 13 * *").either_day());
    assert!(!cron("0 0 * * fri").either_day());
    assert!(!cron("0 0 */2 * fri").either_day());
}

#[test]
fn a_day_that_never_comes_is_refused() {
    for text in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        assert!(text.parse::<Cron>().is_err(), "{text}");
    }
    for text in ["0 0 29 2 *", "0 0 31 4,5 *", "0 0 30 2 fri", "0 0 1,30 2 *"] {
        assert!(text.parse::<Cron>().is_ok(), "{text}");
    }
}
