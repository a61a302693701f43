//! Paths that lead out of a granted folder.

use crate::world::{CANARY, on_each_wall, refused};

#[test]
fn what_is_granted_can_be_used() {
    on_each_wall(|world, walls| {
        world.probe(walls, &["read", "own.txt"]).exits(0).prints("ok: own\n");
        world.probe(walls, &["read", "sub/deep.txt"]).exits(0).prints("ok: deep\n");
        world.probe(walls, &["--at", "/shown", "read", "read-me.txt"]).exits(0).prints("ok: shown\n");
        world.probe(walls, &["write", "new.txt", "fresh"]).exits(0);
        assert_eq!(std::fs::read_to_string(world.path("work/new.txt")).expect("it was written"), "fresh");
    });
}

#[test]
fn dots_do_not_lead_out() {
    on_each_wall(|world, walls| {
        for path in [
            "../outside/canary.txt",
            "sub/../../outside/canary.txt",
            "./.././outside/canary.txt",
            "../../../../../../../../etc/passwd",
        ] {
            refused(&world.probe(walls, &["read", path]));
            refused(&world.probe(walls, &["write", path, "gotcha"]));
        }
        refused(&world.probe(walls, &["readdir", "../outside"]));
        refused(&world.probe(walls, &["create", "../outside/egg"]));
        refused(&world.probe(walls, &["mkdir", "../outside/nest"]));
        refused(&world.probe(walls, &["unlink", "../outside/canary.txt"]));
        refused(&world.probe(walls, &["--under", "sub", "read", "../../outside/canary.txt"]));
    });
}

#[test]
fn absolute_paths_do_not_lead_out() {
    on_each_wall(|world, walls| {
        let canary = world.path("outside/canary.txt");
        let canary = canary.to_str().expect("text");
        refused(&world.probe(walls, &["read", canary]));
        refused(&world.probe(walls, &["write", canary, "gotcha"]));
        refused(&world.probe(walls, &["read", "/etc/passwd"]));
        refused(&world.probe(walls, &["read", "//etc/passwd"]));
    });
}

#[test]
fn symbolic_links_do_not_lead_out() {
    on_each_wall(|world, walls| {
        world.plant_symlink("work/absolute", world.path("outside/canary.txt"));
        world.plant_symlink("work/relative", "../outside/canary.txt");
        world.plant_symlink("work/folder", "../outside");
        for path in ["absolute", "relative", "folder/canary.txt", "folder/folder/inner.txt"] {
            refused(&world.probe(walls, &["read", path]));
            refused(&world.probe(walls, &["write", path, "gotcha"]));
            refused(&world.probe(walls, &["truncate", path]));
        }
        refused(&world.probe(walls, &["readdir", "folder"]));
        refused(&world.probe(walls, &["create", "folder/egg"]));
    });
}

#[test]
fn chains_and_loops_of_links_do_not_lead_out_and_do_not_hang() {
    on_each_wall(|world, walls| {
        world.plant_symlink("work/one", "two");
        world.plant_symlink("work/two", "sub/three");
        world.plant_symlink("work/sub/three", "../../outside/canary.txt");
        world.plant_symlink("work/loop-a", "loop-b");
        world.plant_symlink("work/loop-b", "loop-a");
        world.plant_symlink("work/self", "self");
        for path in ["one", "two", "loop-a", "self", "self/own.txt"] {
            refused(&world.probe(walls, &["read", path]));
        }
    });
}

#[test]
fn a_trailing_slash_makes_no_difference() {
    on_each_wall(|world, walls| {
        world.plant_symlink("work/folder", "../outside");
        refused(&world.probe(walls, &["readdir", "folder/"]));
        refused(&world.probe(walls, &["read", "own.txt/"]));
        refused(&world.probe(walls, &["mkdir", "folder/nest/"]));
        refused(&world.probe(walls, &["rmdir", "folder/folder/"]));
    });
}

#[test]
fn a_link_that_the_guest_makes_itself_leads_nowhere() {
    on_each_wall(|world, walls| {
        let canary = world.path("outside/canary.txt");
        // Making the link may be refused or not; following it is.
        world.probe(walls, &["symlink", "planted", canary.to_str().expect("text")]);
        world.probe(walls, &["symlink", "planted-relative", "../outside/canary.txt"]);
        for path in ["planted", "planted-relative"] {
            refused(&world.probe(walls, &["read", path]));
            refused(&world.probe(walls, &["append", path, "gotcha"]));
            refused(&world.probe(walls, &["truncate", path]));
        }
    });
}

#[test]
fn proc_does_not_lead_out() {
    on_each_wall(|world, walls| {
        world.plant_symlink("work/proc", "/proc");
        for path in [
            "proc/self/environ",
            "proc/self/maps",
            "proc/self/root/etc/passwd",
            "proc/1/environ",
            "proc/self/fd/0",
            "proc/self/cwd/Cargo.toml",
        ] {
            refused(&world.probe(walls, &["read", path]));
        }
        refused(&world.probe(walls, &["write", "proc/self/mem", CANARY]));
        refused(&world.probe(walls, &["read", "/proc/self/environ"]));
    });
}
