//! The payload comes on standard input, the attributes of the event (CloudEvents) as `CE_*` variables.

use std::env;
use std::error::Error;
use std::io;

fn main() -> Result<(), Box<dyn Error>> {
    let subject = env::var("CE_SUBJECT").unwrap_or_else(|_| "unknown".to_owned());
    let payload = io::read_to_string(io::stdin())?;
    // An error ends the program with exit code 1: the event was not handled.
    let celsius: f64 = payload.trim().parse()?;
    println!("{subject}: {celsius:.1} °C");
    Ok(())
}
