//! The component's form of the C program of that name: one act on the filesystem through `wasi:filesystem`.
//!
//! `fsprobe [--at PREOPEN] [--to PREOPEN] [--under DIR] ACT [PATH] [SECOND]` prints `ok`, `ok: DETAIL` or the
//! error's name. Arguments may hold characters as `\xNN`; what is not UTF-8 cannot be said here at all.
//! Exit code 0: ok, 1: an error of the act or called wrongly.

use std::process::ExitCode;

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags as Flags, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
    filesystem_error_code,
};
use wasip2::io::streams::StreamError;

const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;
const READ_MAX: u64 = 4096;

fn main() -> ExitCode {
    match run() {
        Ok(detail) if detail.is_empty() => println!("ok"),
        Ok(detail) => println!("ok: {detail}"),
        Err(problem) => {
            println!("{problem}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run() -> Result<String, String> {
    let args: Vec<String> = std::env::args().skip(1).map(|arg| unescape(&arg)).collect();
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    let under = option(&mut args, "--under");
    let (at, to) = (option(&mut args, "--at"), option(&mut args, "--to"));
    if args == ["preopens"] {
        return Ok(get_directories().into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(" "));
    }
    let other = preopen(to.or(at))?;
    let mut base = preopen(at)?;
    if let Some(under) = under {
        let flags = Flags::READ | Flags::MUTATE_DIRECTORY;
        base = base.open_at(FOLLOW, under, OpenFlags::DIRECTORY, flags).map_err(name)?;
    }
    act(&base, &other, &args)
}

fn act(at: &Descriptor, to: &Descriptor, args: &[&str]) -> Result<String, String> {
    let none = |()| String::new();
    let done = match *args {
        ["open", path] => open(at, path, OpenFlags::empty(), Flags::READ).map(|_| String::new()),
        ["read", path] => open(at, path, OpenFlags::empty(), Flags::READ).and_then(|file| read(&file)),
        ["readdir", path] => open(at, path, OpenFlags::DIRECTORY, Flags::READ).and_then(|dir| list(&dir)),
        ["readlink", path] => at.readlink_at(path),
        ["stat", path] => at.stat_at(FOLLOW, path).map(|stat| format!("{:?} {}", stat.type_, stat.size)),
        ["lstat", path] => {
            at.stat_at(PathFlags::empty(), path).map(|stat| format!("{:?} {}", stat.type_, stat.size))
        }
        ["create", path] => {
            open(at, path, OpenFlags::CREATE | OpenFlags::EXCLUSIVE, Flags::WRITE).map(|_| String::new())
        }
        ["write", path, text] => open(at, path, OpenFlags::CREATE, Flags::WRITE)
            .and_then(|file| file.write(text.as_bytes(), 0))
            .map(|_| String::new()),
        ["append", path, text] => {
            open(at, path, OpenFlags::empty(), Flags::WRITE).and_then(|file| append(&file, text))
        }
        ["truncate", path] => open(at, path, OpenFlags::TRUNCATE, Flags::WRITE).map(|_| String::new()),
        ["truncate-reading", path] => open(at, path, OpenFlags::TRUNCATE, Flags::READ).map(|_| String::new()),
        ["resize", path, size] => open(at, path, OpenFlags::empty(), Flags::WRITE)
            .and_then(|file| file.set_size(size.parse().unwrap_or_default()))
            .map(none),
        ["utimes", path] => at.set_times_at(FOLLOW, path, NewTimestamp::Now, NewTimestamp::Now).map(none),
        ["mkdir", path] => at.create_directory_at(path).map(none),
        ["rmdir", path] => at.remove_directory_at(path).map(none),
        ["unlink", path] => at.unlink_file_at(path).map(none),
        ["rename", path, other] => at.rename_at(path, to, other).map(none),
        ["link", path, other] => at.link_at(PathFlags::empty(), path, to, other).map(none),
        ["link-follow", path, other] => at.link_at(FOLLOW, path, to, other).map(none),
        ["symlink", path, target] => at.symlink_at(target, path).map(none),
        _ => return Err("usage: no such act".to_owned()),
    };
    done.map_err(name)
}

fn name(code: ErrorCode) -> String {
    code.name().to_owned()
}

/// Takes the option and its value off the front of the arguments.
fn option<'a>(args: &mut Vec<&'a str>, name: &str) -> Option<&'a str> {
    let at = args.iter().position(|arg| *arg == name)?;
    args.remove(at);
    (at < args.len()).then(|| args.remove(at))
}

fn preopen(name: Option<&str>) -> Result<Descriptor, String> {
    let found = get_directories().into_iter().find(|(_, known)| name.is_none_or(|name| name == known));
    found.map(|(directory, _)| directory).ok_or_else(|| "bad-descriptor".to_owned())
}

fn open(at: &Descriptor, path: &str, open: OpenFlags, flags: Flags) -> Result<Descriptor, ErrorCode> {
    at.open_at(FOLLOW, path, open, flags)
}

fn read(file: &Descriptor) -> Result<String, ErrorCode> {
    let (bytes, _end) = file.read(READ_MAX, 0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Through a stream, as most libraries write.
fn append(file: &Descriptor, text: &str) -> Result<String, ErrorCode> {
    let written = file.append_via_stream()?.blocking_write_and_flush(text.as_bytes());
    written.map(|()| String::new()).map_err(|error| match error {
        StreamError::LastOperationFailed(error) => filesystem_error_code(&error).unwrap_or(ErrorCode::Io),
        StreamError::Closed => ErrorCode::Pipe,
    })
}

fn list(folder: &Descriptor) -> Result<String, ErrorCode> {
    let entries = folder.read_directory()?;
    let mut names = Vec::new();
    while let Some(entry) = entries.read_directory_entry()? {
        names.push(entry.name);
    }
    Ok(names.join(" "))
}

fn unescape(written: &str) -> String {
    let mut parts = written.split("\\x");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => text.extend(std::iter::once(char::from(byte)).chain(part[2..].chars())),
            None => text.extend(["\\x", part]),
        }
    }
    text
}
