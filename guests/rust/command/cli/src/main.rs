//! Shows what a command-line program sees, or does one thing with it: `cli ACT [ARGUMENT]…`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, thread};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("cli: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<ExitCode> {
    let args: Vec<String> = env::args().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[1..] {
        ["args", ..] => args[2..].iter().for_each(|arg| println!("{arg}")),
        ["env"] => env::vars().for_each(|(name, value)| println!("{name}={value}")),
        ["env", name] => println!("{}", env::var(name).map_err(io::Error::other)?),
        ["cat"] => drop(io::copy(&mut io::stdin(), &mut io::stdout())?),
        ["stderr", text] => eprintln!("{text}"),
        ["exit", code] => return Ok(code.parse::<u8>().map_err(io::Error::other)?.into()),
        ["panic"] => fails_two_calls_deep(),
        ["ls", folder] => list(folder)?,
        ["read", file] => io::stdout().write_all(&fs::read(file)?)?,
        ["write", file, text] => fs::write(file, text)?,
        ["remove", file] => fs::remove_file(file)?,
        ["mkdir", folder] => fs::create_dir(folder)?,
        ["sleep", millis] => thread::sleep(Duration::from_millis(millis.parse().map_err(io::Error::other)?)),
        ["time"] => println!("{}", SystemTime::UNIX_EPOCH.elapsed().map_err(io::Error::other)?.as_secs()),
        ["clock-step"] => println!("{}", smallest_step().as_nanos()),
        _ => return Err(io::Error::other("no such act")),
    }
    Ok(ExitCode::SUCCESS)
}

#[inline(never)]
fn fails_two_calls_deep() {
    panic!("at the disco");
}

fn list(folder: &str) -> io::Result<()> {
    let mut names: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.file_name())).collect::<Result<_, _>>()?;
    names.sort();
    names.iter().for_each(|name| println!("{}", name.display()));
    Ok(())
}

/// The smallest difference that the monotonic clock shows in a thousand tries.
fn smallest_step() -> Duration {
    let step = |_| {
        let start = Instant::now();
        loop {
            let passed = start.elapsed();
            if !passed.is_zero() {
                return passed;
            }
        }
    };
    (0..1000).map(step).min().unwrap_or_default()
}
