//! What people do with a node.

use crate::world::{App, Node, path};

const WEB: &str = "http * /web/*";

#[test]
fn an_app_is_deployed_looked_at_rolled_back_and_removed() {
    let node = Node::start();
    node.apply(&App::saying("web", WEB, "one")).exits(0).prints("web: revision 1 serving\n");
    assert_eq!(node.get("/web/"), (200, "one".into()));
    node.apply(&App::saying("web", WEB, "one")).exits(0).prints("web: revision 1 unchanged\n");
    node.apply(&App::saying("web", WEB, "two")).exits(0).prints("web: revision 2 serving\n");
    assert_eq!(node.get("/web/x"), (200, "two".into()));
    let history = node.run(&["history", "web"]).exits(0).stdout;
    assert_eq!(history, "2     1               serving\n1     1\n");
    node.run(&["rollback", "web"]).exits(0).prints("web: revision 1 serving\n");
    assert_eq!(node.get("/web/"), (200, "one".into()));
    node.run(&["rollback", "web", "2"]).exits(0);
    assert_eq!(node.get("/web/"), (200, "two".into()));
    node.run(&["rollback", "web", "9"]).exits(125).says("no revision 9");
    node.run(&["remove", "web"]).exits(0);
    node.until("the app is gone", || node.get("/web/").0 == 404);
    assert!(!node.run(&["apps"]).exits(0).stdout.contains("web"));
    node.run(&["status", "web"]).exits(125).says("no app web");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn logs_and_events_are_those_of_the_app() {
    let node = Node::start();
    node.apply(&App::saying("web", WEB, "one")).exits(0);
    node.apply(&App::saying("other", "http * /other/*", "two")).exits(0);
    node.get("/web/seen");
    node.get("/other/unseen");
    node.until("a line", || node.run(&["logs", "web"]).exits(0).stdout.contains("/web/seen"));
    assert!(!node.run(&["logs", "web"]).exits(0).stdout.contains("unseen"));
    node.run(&["invoke", "web/web", "--data", "{}"]).exits(0);
    node.run(&["invoke", "web/nobody"]).exits(125);
}

#[test]
fn what_cannot_be_deployed_is_refused_with_the_reason() {
    let node = Node::start();
    let app = App::saying("web", WEB, "one");
    node.apply(&App { grants: "\"dir /etc as /etc read\"", ..app.clone() })
        .exits(125)
        .says("ceiling of this machine")
        .says("dir /etc as /etc read");
    node.apply(&App { wat: "(module".into(), ..app.clone() }).exits(126);
    node.apply(&App { tenant: "nobody", ..app.clone() }).exits(125).says("tombolo tenant add nobody");
    node.apply(&app).exits(0);
    node.apply(&App { name: "thief", ..app }).exits(125).says("is taken by the app web");
    let folder = crate::common::folder(&[("tombolo.toml", "name = \"../up\"\nversion = \"1\"\n")]);
    node.run(&["apply", "-f", path(&folder.path().join("tombolo.toml"))])
        .exits(125)
        .says("the name \"../up\" holds");
}

#[test]
fn without_a_node_the_commands_say_so() {
    let folder = crate::common::folder(&[]);
    let mut command = crate::common::tombolo(["apps", "--node", path(&folder.path().join("none.sock"))]);
    crate::common::finish(&mut command, b"").exits(125).says("no node answers at").says("tombolo node");
}

#[test]
fn the_operators_ceiling_is_kept_and_nothing_runs_when_it_cannot_be_read() {
    let node = Node::start_under("mode = \"narrow\"\ngrants = [\"env A\"]\n");
    let app = App { grants: "\"env A=1\", \"env B=2\"", ..App::saying("web", WEB, "one") };
    let said = node.apply(&app).exits(0).stdout;
    assert!(said.contains("not given: web: - env B=2"), "{said}");
    assert_eq!(node.stop(), Some(0));

    let broken = crate::common::folder(&[("ceiling.toml", "mode = \"lax\"\n")]);
    let mut command =
        crate::common::tombolo(["node", "--listen", "127.0.0.1:0", "--config", path(broken.path())]);
    command.arg("--state").arg(broken.path().join("state"));
    crate::common::finish(&mut command, b"").exits(125).says("\"lax\" is no mode");
}

#[test]
fn requests_that_are_not_what_they_seem_are_refused() {
    let node = Node::start();
    node.apply(&App::saying("web", WEB, "one")).exits(0);
    let status = |request: &str| node.raw(request).split(' ').nth(1).unwrap_or_default().to_owned();
    let get = |more: &str| format!("GET /web/ HTTP/1.1\r\n{more}connection: close\r\n\r\n");
    assert_eq!(status(&get("host: localhost\r\n")), "200");
    assert_eq!(status(&get("")), "400", "no Host");
    assert_eq!(status(&get("host: a\r\nhost: b\r\n")), "400", "two hosts");
    assert_eq!(status("GET /web/../x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"), "400");
    let upgrade = "GET /web/ HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n";
    assert_eq!(status(upgrade), "501");
    assert_eq!(status("CONNECT a:443 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"), "501");
    assert_eq!(status("GET /nobody HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"), "404");
}

#[test]
fn one_folder_has_one_node() {
    let node = Node::start();
    let mut second = crate::common::tombolo(["node", "--listen", "127.0.0.1:0"]);
    for (flag, name) in [("--state", "state"), ("--runtime", "run"), ("--config", "config")] {
        second.arg(flag).arg(node.folder.path().join(name));
    }
    crate::common::finish(&mut second, b"").exits(125).says("another node uses");
    assert!(node.run(&["apps"]).exits(0).stdout.contains("TENANT"), "the first one still answers");
}
