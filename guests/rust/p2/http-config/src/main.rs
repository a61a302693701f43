//! Answers with the configuration value that the path names (`/` lists all), and says so in the log.

use wstd::http::{Body, Error, Request, Response, StatusCode};

mod bindings {
    wit_bindgen::generate!({ world: "http-config", generate_all });
}

use bindings::wasi::config::store;
use bindings::wasi::logging::logging::{Level, log};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let name = &request.uri().path()[1..];
    log(Level::Info, "config", &format!("asked for {name:?}"));
    println!("on stdout: {name}");
    eprintln!("on stderr: {name}");
    let answer = match name {
        "" => store::get_all()
            .map(|all| Some(all.iter().map(|(name, value)| format!("{name}={value}\n")).collect())),
        name => store::get(name),
    };
    let (status, body) = match answer {
        Ok(Some(value)) => (StatusCode::OK, value),
        Ok(None) => (StatusCode::NOT_FOUND, String::new()),
        Err(problem) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{problem}\n")),
    };
    Ok(Response::builder().status(status).body(body.into())?)
}
