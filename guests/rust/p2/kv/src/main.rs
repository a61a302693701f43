//! One act on a key-value store: `kv STORE get|set|delete|increment|list [KEY] [VALUE]`, also `fill KEY NUMBER`, which
//! sets so many keys. Prints what it found, or the error.

use std::process::ExitCode;

mod bindings {
    wit_bindgen::generate!({ world: "kv", generate_all });
}

use bindings::wasi::keyvalue::atomics::increment;
use bindings::wasi::keyvalue::store::{Error, open};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match act(&args) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            println!("{problem:?}");
            ExitCode::FAILURE
        }
    }
}

fn act(args: &[&str]) -> Result<String, Error> {
    let (store, act) = args.split_first().unwrap_or((&"", &[]));
    let bucket = open(store)?;
    match *act {
        ["get", key] => Ok(bucket
            .get(key)?
            .map_or("nothing".to_owned(), |value| String::from_utf8_lossy(&value).into_owned())),
        ["set", key, value] => bucket.set(key, value.as_bytes()).map(|()| "ok".to_owned()),
        ["delete", key] => bucket.delete(key).map(|()| "ok".to_owned()),
        ["increment", key, number] => {
            increment(&bucket, key, number.parse().unwrap_or(1)).map(|sum| sum.to_string())
        }
        ["list"] => Ok(bucket.list_keys(None)?.keys.join(" ")),
        ["fill", key, number] => {
            let number: u32 = number.parse().unwrap_or(1);
            (0..number).try_for_each(|n| bucket.set(&format!("{key}-{n}"), b"x")).map(|()| "ok".to_owned())
        }
        _ => Err(Error::Other("no such act".to_owned())),
    }
}
