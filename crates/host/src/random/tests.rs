use tombolo_engine::LimitHit;
use tombolo_spec::{LimitName, LimitOverrides, Profile};
use wasmtime_wasi::p2::bindings::random::random::Host as _;

use super::*;
use crate::random::host::RandomView;

#[test]
fn bytes_differ_each_time_and_between_threads() {
    let here = bytes(32);
    let there = std::thread::spawn(|| bytes(32)).join().unwrap();
    assert_ne!(here, bytes(32));
    assert_ne!(here, there);
    assert_ne!(here, [0; 32]);
}

#[test]
fn more_than_the_limit_in_one_call_is_a_trap_that_names_it() {
    let mut limits = LimitOverrides::default();
    limits.set_line("random=16B").unwrap();
    let limits = limits.resolve(Profile::Run);
    let mut view = RandomView { limits: &limits, uses: None };
    assert_eq!(view.get_random_bytes(16).unwrap().len(), 16);
    let error = view.get_random_bytes(u64::MAX).unwrap_err();
    let hit = error.downcast_ref::<LimitHit>().unwrap();
    assert_eq!((hit.name, hit.value.to_string()), (LimitName::Random, "16B".to_owned()));
}
