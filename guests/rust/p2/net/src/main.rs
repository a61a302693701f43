//! Tries things on the network and prints how each went: what was received, or the error's name.
//!
//! ```text
//! net fetch [METHOD] URL [BODY]     net dns NAME
//! net tcp HOST:PORT [TEXT]          net udp ADDRESS:PORT TEXT
//! net listen ADDRESS:PORT           net udp-connect ADDRESS:PORT TEXT
//! ```
//!
//! Several acts in one instance are written with `then` between them. The URL's authority goes out as it is
//! written, so that odd spellings of a host reach the runtime.
//! Exit code 0: all worked; 1: something was refused or failed.

mod fetch;
mod sockets;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut code = ExitCode::SUCCESS;
    for act in args.split(|arg| *arg == "then") {
        if let Err(problem) = run(act) {
            println!("error: {problem}");
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn run(act: &[&str]) -> Result<(), String> {
    match *act {
        ["fetch", url] => fetch::fetch("GET", url, ""),
        ["fetch", method, url] => fetch::fetch(method, url, ""),
        ["fetch", method, url, body] => fetch::fetch(method, url, body),
        ["dns", name] => sockets::lookup(name),
        ["tcp", target] => sockets::tcp(target, ""),
        ["tcp", target, text] => sockets::tcp(target, text),
        ["listen", address] => sockets::listen(address),
        ["udp", address, text] => sockets::udp(address, text, false),
        ["udp-connect", address, text] => sockets::udp(address, text, true),
        _ => Err("usage: net fetch|dns|tcp|listen|udp|udp-connect …".to_owned()),
    }
}
