//! The reconciler against worlds made from seeds: processes crash, events are lost or late, clocks jump, disks fill.

mod cases;
mod world;

use world::{Faults, World};

/// Worlds of each kind; `TOMBOLO_SIM_SEEDS` asks for more.
fn seeds() -> u64 {
    std::env::var("TOMBOLO_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(400)
}

#[test]
fn every_world_without_faults_comes_to_rest_with_what_was_wanted() {
    for seed in 0..seeds() {
        let mut world = World::new(seed, Faults::NONE);
        world.live(120);
        world.rest();
        world.check_served();
        world.check_nothing_healthy_failed();
    }
}

#[test]
fn every_world_with_faults_comes_to_rest_once_they_stop() {
    for seed in 0..seeds() {
        let mut world = World::new(seed, Faults::ALL);
        world.live(200);
        world.rest();
        world.check_served();
    }
}
