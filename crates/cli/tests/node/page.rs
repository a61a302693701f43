//! The page of a node: what it shows, who may do what on it, and that no other page can use it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::browser::Browser;
use crate::common::guest;
use crate::tokens::routes;
use crate::world::{App, Node, guest_app};

/// A node with a page, and where that is.
fn node_with_page() -> (Node, String) {
    let node = Node::start_with(&["--admin", "127.0.0.1:0"]);
    let page =
        node.log().lines().find_map(|line| Some(line.split_once("the page is at http://")?.1.to_owned()));
    let page = page.expect("the page's address").trim_end_matches('/').to_owned();
    (node, page)
}

/// The head and the body of an answer.
fn ask(address: &str, request: &str, headers: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    let text = format!("{request} HTTP/1.1\r\ncontent-length: 0\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(text.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

fn status(address: &str, request: &str, headers: &str) -> u16 {
    let (head, _) = ask(address, request, headers);
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

#[test]
fn visitors_may_look_and_change_nothing() {
    let (node, page) = node_with_page();
    node.run(&["tenant", "add", "acme"]).exits(0);
    node.apply(&App { tenant: "acme", ..App::saying("web", "http * /web/*", "one") }).exits(0);
    let own = format!("host: {page}\r\n");
    for (method, path, _) in routes() {
        let status = status(&page, &format!("{method} {path}"), &own);
        if method == "GET" {
            assert!(status == 200 || path.contains("/events/0"), "{method} {path}: {status}");
        } else {
            assert_eq!(status, 401, "{method} {path}");
        }
    }
    assert_eq!(node.get("/web/"), (200, "one".into()));
    let read = node.run(&["token", "create", "acme", "--role", "read"]).exits(0).stdout;
    let signed = format!("{own}authorization: Bearer {}\r\n", read.trim());
    assert_eq!(status(&page, "DELETE /v1/tenants/acme/apps/web", &signed), 403);
    assert_eq!(status(&page, "GET /v1/apps", &signed), 200);
    let invented = format!("{own}authorization: Bearer tombolo_0\r\n");
    assert_eq!(status(&page, "GET /v1/apps", &invented), 401);
}

#[test]
fn an_address_that_others_reach_shows_nothing_without_a_token() {
    let node = Node::start_with(&["--admin", "0.0.0.0:0"]);
    let port = node.log().lines().find_map(|line| Some(line.split_once("http://0.0.0.0:")?.1.to_owned()));
    let page = format!("127.0.0.1:{}", port.expect("the page's address").trim_end_matches('/'));
    let own = format!("host: {page}\r\n");
    assert_eq!(status(&page, "GET /", &own), 200, "the page itself says nothing");
    assert_eq!(status(&page, "GET /v1/apps", &own), 401);
    let admin = node.run(&["token", "create", "default", "--role", "admin"]).exits(0).stdout;
    let signed = format!("{own}authorization: Bearer {}\r\n", admin.trim());
    assert_eq!(status(&page, "GET /v1/apps", &signed), 200);
    assert_eq!(status(&page, "GET /v1/apps", &signed.replace("127.0.0.1", "evil.example")), 403);
}

#[test]
fn browsers_are_told_to_take_nothing_from_elsewhere() {
    let (_node, page) = node_with_page();
    for path in ["/", "/main.js", "/page.css", "/v1/apps", "/nothing"] {
        let (head, _) = ask(&page, &format!("GET {path}"), &format!("host: {page}\r\n"));
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'",
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "cross-origin-resource-policy: same-origin",
            "referrer-policy: no-referrer",
        ] {
            assert!(head.to_lowercase().contains(&header.to_lowercase()), "{path}: no {header} in {head}");
        }
    }
    let (_, html) = ask(&page, "GET /", &format!("host: {page}\r\n"));
    assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
}

#[test]
fn other_pages_are_refused() {
    let (_node, page) = node_with_page();
    let ask = |request: &str, more: &str| status(&page, request, &format!("host: {page}\r\n{more}"));
    assert_eq!(
        ask("GET /v1/apps", &format!("origin: http://{page}\r\nsec-fetch-site: same-origin\r\n")),
        200
    );
    assert_eq!(ask("GET /v1/apps", "origin: http://evil.example\r\n"), 403);
    assert_eq!(ask("GET /v1/apps", "sec-fetch-site: cross-site\r\n"), 403);
    assert_eq!(ask("GET /", "sec-fetch-site: cross-site\r\n"), 200, "a link to the page");
    assert_eq!(status(&page, "GET /v1/apps", "host: rebound.example\r\n"), 403);
    assert_eq!(status(&page, "GET /", "host: rebound.example\r\n"), 403);
}

#[test]
fn the_page_shows_apps_and_their_numbers_refusals_and_events() {
    let (node, page) = node_with_page();
    guest_app(&node, "default", "asker", &guest("rust-http-faults"), "http * /*", "\"random\"").exits(0);
    let Some(mut browser) = Browser::open(&format!("http://{page}/")) else { return };
    browser.until("document.querySelector('#functions tbody')?.innerText.includes('asker') ?? false");
    node.get("/fan-out?a.example/x");
    browser.until("document.querySelector('#events').innerText.includes('http GET http://a.example/x')");
    browser.until("document.querySelector('#rates path.curve')?.getAttribute('d').length > 10");
    browser.value("document.querySelector('#functions tr.open').click()");
    browser.until("document.querySelector('#app').innerText.includes('\"http GET http://a.example/x\",')");
    browser.until("document.querySelector('#app pre').innerText.includes('/fan-out')");
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        let colors = browser.value("getComputedStyle(document.body).backgroundColor");
        assert_eq!(colors, if scheme == "dark" { "rgb(16, 20, 27)" } else { "rgb(246, 247, 249)" });
    }
    let complaints = &browser.complaints;
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[test]
fn a_token_signs_in_and_lets_the_page_go_back_to_a_revision() {
    let (node, page) = node_with_page();
    node.apply(&App::saying("web", "http * /web/*", "one")).exits(0);
    node.apply(&App::saying("web", "http * /web/*", "two")).exits(0);
    let token = node.run(&["token", "create", "default", "--role", "deploy"]).exits(0).stdout;
    let Some(mut browser) = Browser::open(&format!("http://{page}/")) else { return };
    browser.until("document.querySelector('#functions tr.open') !== null");
    browser.value("document.querySelector('#functions tr.open').click()");
    browser.until("document.querySelector('#app')?.innerText.includes('Revisions') ?? false");
    assert_eq!(
        browser.value("document.querySelectorAll('#app button').length"),
        0,
        "a visitor changes nothing"
    );
    let sign = format!(
        "document.querySelector('#token').value = '{}'; document.querySelector('#in').click()",
        token.trim()
    );
    browser.value(&sign);
    browser.until("document.querySelectorAll('#app button').length === 2");
    browser.value("[...document.querySelectorAll('#app button')].find((button) => button.innerText === 'serve this one').click()");
    node.serves("/web/", "one");
    node.until("it is written down who did that", || {
        let events = node.run(&["events"]).exits(0).stdout;
        events.contains("rollback") && events.contains("for deploy of default")
    });
    browser.until("document.querySelector('#who').innerText.startsWith('token ')");
    browser.value("document.querySelector('#out').click()");
    browser.until("document.querySelectorAll('#app button').length === 0");
}

#[test]
fn a_page_of_somebody_else_learns_and_changes_nothing() {
    let (node, page) = node_with_page();
    node.apply(&App::saying("web", "http * /web/*", "one")).exits(0);
    let evil = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = evil.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in evil.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\nconnection: close\r\n\r\nevil");
        }
    });
    let Some(mut browser) = Browser::open(&format!("http://{address}/")) else { return };
    browser.until("document.body?.innerText === 'evil'");
    for options in
        ["{}", "{mode: 'no-cors'}", "{method: 'DELETE'}", "{method: 'POST', mode: 'no-cors', body: '{}'}"]
    {
        let asked = format!(
            "fetch('http://{page}/v1/tenants/default/apps/web', {options}).then((answer) => answer.text()).catch(() => 'refused')"
        );
        let answer = browser.value(&asked);
        assert!(answer == "refused" || answer == "", "{options}: {answer}");
    }
    let framed = format!(
        "new Promise((done) => {{ const frame = document.createElement('iframe'); frame.src = 'http://{page}/'; \
         frame.onload = () => {{ try {{ done(frame.contentDocument ? 'same' : 'blocked') }} catch {{ done('blocked') }} }}; \
         document.body.append(frame) }})"
    );
    assert_eq!(browser.value(&framed), "blocked");
    assert_eq!(node.get("/web/"), (200, "one".into()));
}
