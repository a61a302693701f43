//! A web function that behaves badly on request: the path says how, a number in the query how much.
//!
//! A leading `/faults` does not count, so that it can stand beside other functions of an app.
//! Written against the raw interface of `wasi:http` 0.2, because a library would not let most of this through.

mod faults;
mod respond;

use respond::{Answer, text};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, IncomingRequest, ResponseOutparam};

struct Faults;

wasip2::http::proxy::export!(Faults);

impl Guest for Faults {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let path = path.strip_prefix("/faults").unwrap_or(path);
        let number = query.parse().unwrap_or(u64::MAX);
        match path {
            "/" => text(out, "hello\n"),
            "/count" => text(out, &faults::count()),
            "/echo" => respond::echo(out, &request),
            "/env" => text(
                out,
                &std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect::<String>(),
            ),

            "/spin" => while std::hint::black_box(true) {},
            "/memory" => faults::memory(number),
            "/hold" => {
                faults::memory(number);
                Answer::new(200).begin(out).write(b"holding\n").wait_forever();
            }
            "/recurse" => drop(faults::recurse(number)),
            "/handles" => faults::handles(number),
            "/timers" => faults::timers(number),
            "/random" => faults::random(number),
            "/fields" => faults::fields(number),
            "/logs" => faults::logs(number),
            "/sleep" => {
                faults::sleep(number);
                text(out, "slept\n");
            }
            "/fan-out" => text(out, &faults::fan_out(query)),

            "/trap" => core::arch::wasm32::unreachable(),
            "/panic" => panic!("asked to"),
            "/exit" => std::process::exit(7),
            "/no-answer" => drop(out),
            "/error" => {
                ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some("asked to".to_owned()))))
            }

            "/big" => Answer::new(200).begin(out).fill(number).finish(),
            "/endless" => Answer::new(200).begin(out).fill(u64::MAX).finish(),
            "/never-finish" => Answer::new(200).begin(out).write(b"begun\n").wait_forever(),
            "/trap-late" => {
                std::mem::forget(Answer::new(200).begin(out).write(b"begun\n"));
                core::arch::wasm32::unreachable();
            }
            "/drop-body" => drop(Answer::new(200).begin(out).write(b"begun\n")),
            "/short" => Answer::new(200).header("content-length", b"10").begin(out).write(b"abc").finish(),
            "/long" => {
                Answer::new(200).header("content-length", b"3").begin(out).write(b"abcdefghij").finish()
            }
            "/two-lengths" => Answer::new(200)
                .header("content-length", b"3")
                .header("content-length", b"4")
                .begin(out)
                .write(b"abc")
                .finish(),
            "/header" => faults::header(out, query),
            "/headers" => faults::headers(out, number),
            "/status" => Answer::new(number as u16).begin(out).finish(),
            "/trailers" => Answer::new(200).begin(out).write(b"abc").finish_with_trailer("x-sum", b"6"),
            _ => Answer::new(404).begin(out).finish(),
        }
    }
}
