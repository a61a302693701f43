//! A name that changes between the check and the open.

use std::process::Stdio;

use crate::world::{CANARY, on_each_wall};

#[test]
fn a_name_that_turns_into_a_link_while_it_is_opened_never_shows_the_canary() {
    on_each_wall(|world, walls| {
        std::fs::create_dir(world.path("work/door")).expect("a folder");
        std::fs::write(world.path("work/door/canary.txt"), "decoy").expect("a file");
        let spinner = spin(&world.path("work"));
        let done = world.run(walls, "c-race", &["open", "door/canary.txt", "20000"]);
        drop(spinner);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert!(!done.stdout.contains(CANARY), "the race was won: {}", done.stdout);
        assert!(done.stdout.contains("decoy"), "the race was never run: {}", done.stdout);
    });
}

/// Swaps `door` between a folder and a link to the outside, with the host's rights, until dropped.
struct Spinner(std::process::Child);

fn spin(work: &std::path::Path) -> Spinner {
    let script = "cd \"$1\"; while :; do mv door kept; ln -s ../outside door; rm door; mv kept door; sleep 0.003; done";
    let child = std::process::Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(work)
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell can be started");
    Spinner(child)
}

impl Drop for Spinner {
    fn drop(&mut self) {
        // It is our own child and has not been waited for, so the pid is still its own.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
