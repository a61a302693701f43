//! What a read-only grant keeps from being changed, also by way of a folder that may be changed.

use crate::world::{on_each_wall, refused};

#[test]
fn a_read_only_folder_takes_no_change_at_all() {
    on_each_wall(|world, walls| {
        for act in [
            &["create", "egg"][..],
            &["write", "read-me.txt", "gotcha"],
            &["append", "read-me.txt", "gotcha"],
            &["truncate", "read-me.txt"],
            &["truncate-reading", "read-me.txt"],
            &["resize", "read-me.txt", "1"],
            &["mkdir", "nest"],
            &["unlink", "read-me.txt"],
            &["rename", "read-me.txt", "moved"],
            &["symlink", "link", "read-me.txt"],
            &["link", "read-me.txt", "twin"],
        ] {
            let arguments: Vec<&str> = ["--at", "/shown"].iter().chain(act).copied().collect();
            refused(&world.probe(walls, &arguments));
        }
        assert_eq!(
            std::fs::read_dir(world.path("shown")).expect("it is there").count(),
            1,
            "nothing was added"
        );
    });
}

#[test]
fn a_hard_link_makes_no_read_only_file_writable() {
    on_each_wall(|world, walls| {
        refused(&world.probe(walls, &["--at", "/shown", "--to", "/work", "link", "read-me.txt", "mine"]));
        assert!(!world.path("work/mine").exists(), "a link to a read-only file would be a way to write it");
    });
}

#[test]
fn rename_across_grants_needs_the_right_to_change_on_both_sides() {
    on_each_wall(|world, walls| {
        refused(&world.probe(walls, &["--at", "/shown", "--to", "/work", "rename", "read-me.txt", "mine"]));
        refused(&world.probe(walls, &["--at", "/work", "--to", "/shown", "rename", "own.txt", "yours"]));
        assert!(world.path("work/own.txt").exists() && world.path("shown/read-me.txt").exists());
    });
}

#[test]
fn rename_within_a_writable_grant_works() {
    on_each_wall(|world, walls| {
        world.probe(walls, &["rename", "own.txt", "sub/moved.txt"]).exits(0);
        assert!(world.path("work/sub/moved.txt").exists());
    });
}

#[test]
fn rename_and_link_do_not_lead_out() {
    on_each_wall(|world, walls| {
        refused(&world.probe(walls, &["rename", "own.txt", "../outside/egg"]));
        refused(&world.probe(walls, &["rename", "../outside/canary.txt", "mine"]));
        refused(&world.probe(walls, &["link", "../outside/canary.txt", "mine"]));
        refused(&world.probe(walls, &["link", "own.txt", "../outside/egg"]));
        world.plant_symlink("work/out", "../outside/canary.txt");
        refused(&world.probe(walls, &["link-follow", "out", "mine"]));
    });
}
