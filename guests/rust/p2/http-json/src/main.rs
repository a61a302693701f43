//! Answers with a JSON document after some work on it: on the request's body, or on one of its own.

use wstd::http::{Body, Error, Request, Response};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let mut body = request.into_body();
    let sent = body.str_contents().await?;
    let answer =
        if sent.is_empty() { json_work::work(&json_work::document()) } else { json_work::work(sent) };
    let response = match answer {
        Ok(document) => Response::builder().header("content-type", "application/json").body(document.into()),
        Err(problem) => Response::builder().status(400).body(format!("{problem}\n").into()),
    };
    Ok(response?)
}
