//! Names that no file can have, or only a strange one.

use crate::world::{Walls, World, on_each_wall, refused};

#[test]
fn names_with_nul_are_refused() {
    on_each_wall(|world, walls| {
        refused(&world.probe(walls, &["read", "own.txt\\x00"]));
        refused(&world.probe(walls, &["create", "a\\x00b"]));
        refused(&world.probe(walls, &["read", "own.txt\\x00/../../outside/canary.txt"]));
    });
}

#[test]
fn overlong_names_are_refused() {
    on_each_wall(|world, walls| {
        let name = "n".repeat(256);
        refused(&world.probe(walls, &["create", &name]));
        let path = "d/".repeat(4096);
        refused(&world.probe(walls, &["read", &path]));
    });
}

#[test]
fn names_that_are_not_utf8_are_refused() {
    on_each_wall(|world, walls| {
        refused(&world.probe(walls, &["create", "\\xff\\xfe"]));
        refused(&world.probe(walls, &["read", "\\xc0\\xae\\xc0\\xae/outside/canary.txt"]));
    });
}

#[test]
fn empty_names_are_refused() {
    on_each_wall(|world, walls| refused(&world.probe(walls, &["read", ""])));
}

#[test]
fn the_guest_sees_its_folders_under_the_names_of_the_grants() {
    World::new().probe(Walls::Both, &["preopens"]).exits(0).prints("ok: /work\nok: /shown\n");
}
