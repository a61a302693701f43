//! Path texts as guests give them.

use rustix::io::Errno;

/// The longest path the kernel takes, with its closing NUL.
const PATH_BYTES_MAX: usize = 4096;

/// Refuses what no file can be called, before anything is looked up.
///
/// # Errors
/// `ENOENT` for an empty path, `ENAMETOOLONG` for one that is too long, `EINVAL` for one with a NUL in it.
pub(super) fn check(path: &str) -> Result<(), Errno> {
    if path.is_empty() {
        return Err(Errno::NOENT);
    }
    if path.len() >= PATH_BYTES_MAX {
        return Err(Errno::NAMETOOLONG);
    }
    if path.as_bytes().contains(&0) {
        return Err(Errno::INVAL);
    }
    Ok(())
}

/// A path cut before its last entry, so that the entry can be named without being followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parent<'a> {
    /// What leads to the entry; `None` is the directory itself.
    pub(super) dir: Option<&'a str>,
    /// A plain name, or `.` where the path ends in `.`, `..` or names the directory itself. With a slash behind it
    /// where the path had one, as the kernel refuses a link or file there.
    pub(super) entry: &'a str,
}

impl<'a> Parent<'a> {
    pub(super) fn of(path: &'a str) -> Parent<'a> {
        let trimmed = path.trim_end_matches('/');
        if trimmed.is_empty() {
            // Only slashes: an absolute path, which resolution refuses.
            return Parent { dir: Some(path), entry: "." };
        }
        let start = trimmed.rfind('/').map_or(0, |slash| slash + 1);
        let last = &trimmed[start..];
        if last == "." || last == ".." {
            return Parent { dir: Some(path), entry: "." };
        }
        let end = (trimmed.len() + 1).min(path.len());
        let dir = &path[..start];
        Parent { dir: (!dir.is_empty()).then_some(dir), entry: &path[start..end] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_file_can_be_called_is_refused() {
        assert_eq!(check(""), Err(Errno::NOENT));
        assert_eq!(check("a\0b"), Err(Errno::INVAL));
        assert_eq!(check(&"a".repeat(4096)), Err(Errno::NAMETOOLONG));
        assert_eq!(check(&"a".repeat(4095)), Ok(()));
    }

    #[test]
    fn a_path_is_cut_before_its_last_entry() {
        let check = |path, dir, entry| assert_eq!(Parent::of(path), Parent { dir, entry }, "{path:?}");
        check("a", None, "a");
        check("a/", None, "a/");
        check("a//", None, "a/");
        check("a/b", Some("a/"), "b");
        check("a/b/", Some("a/"), "b/");
        check("/a", Some("/"), "a");
        check("..", Some(".."), ".");
        check("a/..", Some("a/.."), ".");
        check(".", Some("."), ".");
        check("a/.", Some("a/."), ".");
        check("/", Some("/"), ".");
        check("../a", Some("../"), "a");
    }
}
