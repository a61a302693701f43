//! A store over HTTP: `/STORE/KEY` is read by GET, written by PUT, removed by DELETE, and counted up by POST with
//! the number to add as its body. `GET /STORE/` lists keys; PUT there writes `KEY=VALUE` lines all at once, and POST
//! there reads the keys named line by line.

use wstd::http::{Body, Error, Method, Request, Response, StatusCode};

mod bindings {
    wit_bindgen::generate!({ world: "http-kv", generate_all });
}

use bindings::wasi::keyvalue::store::{self, Bucket};
use bindings::wasi::keyvalue::{atomics, batch};

type Answer = Result<Option<Vec<u8>>, store::Error>;

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (parts, mut body) = request.into_parts();
    let (store, key) = parts.uri.path()[1..].split_once('/').unwrap_or((&parts.uri.path()[1..], ""));
    let sent = body.contents().await?;
    let answer = store::open(store).and_then(|bucket| match key {
        "" => many(&bucket, &parts.method, &String::from_utf8_lossy(sent)),
        key => one(&bucket, key, &parts.method, sent),
    });
    let (status, body) = match answer {
        Ok(Some(value)) => (StatusCode::OK, value),
        Ok(None) => (StatusCode::NOT_FOUND, Vec::new()),
        Err(store::Error::NoSuchStore) => (StatusCode::NOT_FOUND, b"no such store\n".to_vec()),
        Err(store::Error::AccessDenied) => (StatusCode::FORBIDDEN, b"access denied\n".to_vec()),
        Err(store::Error::Other(why)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n").into_bytes()),
    };
    Ok(Response::builder().status(status).body(body.into())?)
}

fn one(bucket: &Bucket, key: &str, method: &Method, sent: &[u8]) -> Answer {
    match *method {
        Method::PUT => bucket.set(key, sent).map(|()| Some(Vec::new())),
        Method::DELETE => bucket.delete(key).map(|()| Some(Vec::new())),
        Method::HEAD => bucket.exists(key).map(|there| there.then(Vec::new)),
        Method::POST => {
            let delta = String::from_utf8_lossy(sent).trim().parse().unwrap_or(1);
            atomics::increment(bucket, key, delta).map(|value| Some(value.to_string().into_bytes()))
        }
        _ => bucket.get(key),
    }
}

fn many(bucket: &Bucket, method: &Method, sent: &str) -> Answer {
    match *method {
        Method::PUT => {
            let pairs = sent.lines().filter_map(|line| line.split_once('='));
            let pairs: Vec<_> =
                pairs.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())).collect();
            batch::set_many(bucket, &pairs).map(|()| Some(Vec::new()))
        }
        Method::POST => {
            let keys: Vec<String> = sent.lines().map(str::to_owned).collect();
            let found = batch::get_many(bucket, &keys)?.into_iter().flatten();
            let line =
                |(key, value): (String, Vec<u8>)| format!("{key}={}\n", String::from_utf8_lossy(&value));
            Ok(Some(found.map(line).collect::<String>().into_bytes()))
        }
        _ => list(bucket),
    }
}

fn list(bucket: &Bucket) -> Answer {
    let mut page = bucket.list_keys(None)?;
    let mut keys = page.keys;
    while page.cursor.is_some() {
        page = bucket.list_keys(page.cursor)?;
        keys.append(&mut page.keys);
    }
    Ok(Some(keys.into_iter().map(|key| key + "\n").collect::<String>().into_bytes()))
}
