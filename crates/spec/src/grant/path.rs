//! Paths in grants: where a folder is on this machine, and where the guest sees it.
//!
//! This module compares paths as text and asks no file system. Symbolic links are the caller's: it makes a path
//! real before it compares it with a ceiling, and the host opens below a descriptor.

use crate::invalid::Invalid;
use crate::line::Quoted;
use std::fmt;
use std::str::FromStr;

/// A path on this machine, absolute or relative, without `.`, empty or inner `..` components.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPath(String);

impl HostPath {
    /// The path as text; `.` for the current folder.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when the path starts at the root.
    pub fn is_absolute(&self) -> bool {
        self.0.starts_with('/')
    }

    /// The path seen from `base`, which should be absolute; an absolute path stays as it is.
    ///
    /// `..` takes a component off `base` as text, so `base` should be free of symbolic links.
    pub fn resolve(&self, base: &Self) -> Self {
        if self.is_absolute() { self.clone() } else { base.join(&self.0) }
    }

    /// The path as what stands before a file's name: with a slash at its end.
    pub(crate) fn prefix(&self) -> String {
        if self.0 == "/" { "/".to_owned() } else { format!("{}{}/", self.dot(), self.0) }
    }

    fn dot(&self) -> &'static str {
        let plain = self.is_absolute() || self.0 == "." || self.0 == ".." || self.0.starts_with("../");
        if plain { "" } else { "./" }
    }

    /// True when `other` is this path or below it, as far as the text can tell.
    pub fn contains(&self, other: &Self) -> bool {
        self.remainder(other).is_some()
    }

    /// The components of `other` below `self`, or `None` when it is not below.
    pub(crate) fn remainder<'a>(&self, other: &'a Self) -> Option<Vec<&'a str>> {
        if self.is_absolute() != other.is_absolute() {
            return None;
        }
        let mut theirs = components(&other.0);
        for own in components(&self.0) {
            if theirs.next() != Some(own) {
                return None;
            }
        }
        let rest: Vec<&str> = theirs.collect();
        (!rest.contains(&"..")).then_some(rest)
    }

    fn join(&self, relative: &str) -> Self {
        let root = self.is_absolute();
        let mut parts: Vec<&str> = Vec::new();
        for part in components(&self.0).chain(components(relative)) {
            match (part, parts.last()) {
                ("..", Some(last)) if *last != ".." => drop(parts.pop()),
                ("..", None) if root => {}
                _ => parts.push(part),
            }
        }
        Self(print(root, &parts))
    }
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

fn print(root: bool, parts: &[&str]) -> String {
    let path = parts.join("/");
    match (root, path.is_empty()) {
        (true, _) => format!("/{path}"),
        (false, true) => ".".to_owned(),
        (false, false) => path,
    }
}

impl FromStr for HostPath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        common(text)?;
        if text.starts_with('~') {
            return Err(Invalid::new(
                "~ is a shell's word for a home folder",
                "write the folder's full path",
            ));
        }
        let parts: Vec<&str> = components(text).collect();
        let root = text.starts_with('/');
        let ups = parts.iter().take_while(|part| **part == "..").count();
        if (root && ups > 0) || parts[ups..].contains(&"..") {
            let what = format!("{text:?} has a .. inside");
            return Err(Invalid::new(what, "write the path without it: .. may only lead a relative path"));
        }
        Ok(Self(print(root, &parts)))
    }
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quoted(&format!("{}{}", self.dot(), self.0)).fmt(f)
    }
}

/// The name under which a guest sees a folder: absolute and normal, or `.` for its current folder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestPath(String);

impl GuestPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn join(&self, parts: &[&str]) -> Self {
        if parts.is_empty() {
            return self.clone();
        }
        let own = components(&self.0);
        let all: Vec<&str> = own.chain(parts.iter().copied()).collect();
        Self(print(true, &all))
    }
}

impl FromStr for GuestPath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        common(text)?;
        if text == "." || text == "./" {
            return Ok(Self(".".to_owned()));
        }
        if !text.starts_with('/') {
            let what = format!("the guest path {text:?} is not absolute");
            return Err(Invalid::new(what, format!("write /{}", text.trim_start_matches(['.', '/']))));
        }
        if components(text).any(|part| part == "..") {
            return Err(Invalid::new(
                format!("the guest path {text:?} has a .."),
                "write the path without it",
            ));
        }
        let parts: Vec<&str> = components(text).collect();
        Ok(Self(print(true, &parts)))
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quoted(&self.0).fmt(f)
    }
}

/// The longest path (Linux `PATH_MAX`), in bytes.
const PATH_BYTES_MAX: usize = 4096;

fn common(text: &str) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(Invalid::new("an empty path", "write . for the current folder"));
    }
    if text.contains('\0') {
        return Err(Invalid::new("a NUL in a path", "no file name holds one"));
    }
    if text.len() >= PATH_BYTES_MAX {
        return Err(Invalid::new(format!("a path of {} bytes", text.len()), "the longest is 4095"));
    }
    Ok(())
}
