//! Answers with what an upstream answers: the one in the query (`/?http://…`), or the one in `UPSTREAM`.

use wstd::http::{Body, Client, Error, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let upstream = request.uri().query().map(str::to_owned).or_else(|| std::env::var("UPSTREAM").ok());
    let Some(upstream) = upstream else {
        return Ok(Response::builder()
            .status(StatusCode::BAD_REQUEST)
            .body("no upstream named\n".to_owned().into())?);
    };
    let (parts, body) = request.into_parts();
    let onward = Request::builder().method(parts.method).uri(upstream).body(body)?;
    match Client::new().send(onward).await {
        Ok(answer) => Ok(Response::builder().status(answer.status()).body(answer.into_body())?),
        Err(problem) => {
            Ok(Response::builder().status(StatusCode::BAD_GATEWAY).body(format!("{problem}\n").into())?)
        }
    }
}
