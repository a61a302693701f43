//! One request over `wasi:http`, without a client library in between.

use std::io::Write;

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::streams::StreamError;

/// Prints the status on a line, then the body as it arrives.
pub fn fetch(method: &str, url: &str, body: &str) -> Result<(), String> {
    let request = request(method, url)?;
    let outgoing = request.body().map_err(|()| "no body")?;
    let response = handle(request, None).map_err(name)?;
    let written = write(&outgoing, body);
    // The error of the request says more than that of the body that it broke off.
    let sent = OutgoingBody::finish(outgoing, None);
    response.subscribe().block();
    let response = response.get().ok_or("not ready")?.map_err(|()| "taken twice")?.map_err(name)?;
    written?;
    sent.map_err(name)?;
    print(&response)
}

fn write(outgoing: &OutgoingBody, body: &str) -> Result<(), String> {
    if body.is_empty() {
        return Ok(());
    }
    let stream = outgoing.write().map_err(|()| "no body stream")?;
    stream.blocking_write_and_flush(body.as_bytes()).map_err(|e| format!("{e:?}"))
}

fn name(code: impl std::fmt::Debug) -> String {
    format!("{code:?}")
}

fn request(method: &str, url: &str) -> Result<OutgoingRequest, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme in the URL")?;
    let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_at);
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    };
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&method).map_err(|()| "method refused")?;
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme refused")?;
    request.set_authority(Some(authority)).map_err(|()| "authority refused")?;
    request
        .set_path_with_query(Some(if path.is_empty() { "/" } else { path }))
        .map_err(|()| "path refused")?;
    Ok(request)
}

fn print(response: &IncomingResponse) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    let problem = |e: std::io::Error| e.to_string();
    writeln!(out, "{}", response.status()).map_err(problem)?;
    for location in response.headers().get("location") {
        writeln!(out, "location: {}", String::from_utf8_lossy(&location)).map_err(problem)?;
    }
    let body: IncomingBody = response.consume().map_err(|()| "body taken twice")?;
    let stream = body.stream().map_err(|()| "stream taken twice")?;
    loop {
        match stream.blocking_read(16 * 1024) {
            Ok(bytes) => out.write_all(&bytes).map_err(problem)?,
            Err(StreamError::Closed) => return out.flush().map_err(problem),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = wasip2::http::types::http_error_code(&error);
                return Err(code.map_or_else(|| error.to_debug_string(), name));
            }
        }
    }
}
