//! The files of one tenant's audit log: a new one begins when one is full, and the oldest is forgotten.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file that would be longer is put aside.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// Files that are kept, the one that is written to among them.
const FILES_MAX: usize = 4;

/// The files in a folder of their own; `0.jsonl` is the newest.
#[derive(Debug, Clone)]
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn new(folder: PathBuf) -> Files {
        Files(folder)
    }

    /// Adds a line; `durably` if it must survive a power loss.
    pub(super) fn append(&self, line: &str, durably: bool) -> io::Result<()> {
        let mut file = self.newest()?;
        let mut bytes = file.seek(SeekFrom::End(0))?;
        if bytes > 0 && bytes + line.len() as u64 > FILE_BYTES_MAX {
            self.rotate()?;
            file = self.newest()?;
            bytes = 0;
        }
        // A line that a power loss cut off must not take this one with it.
        let broken = bytes > 0 && last_byte(&mut file)? != b'\n';
        let line = format!("{}{line}\n", if broken { "\n" } else { "" });
        file.write_all(line.as_bytes())?;
        if durably { file.sync_data() } else { Ok(()) }
    }

    /// The text of all files, the newest first.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> + use<> {
        let paths: Vec<_> = (0..FILES_MAX).map(|age| self.path(age)).collect();
        paths.into_iter().filter_map(|path| {
            let mut bytes = Vec::new();
            File::open(path).ok()?.take(2 * FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        })
    }

    fn newest(&self) -> io::Result<File> {
        let mut open = OpenOptions::new();
        open.read(true).append(true).create(true).mode(0o600);
        match open.open(self.path(0)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
                open.open(self.path(0))
            }
            opened => opened,
        }
    }

    fn rotate(&self) -> io::Result<()> {
        for age in (1..FILES_MAX).rev() {
            match std::fs::rename(self.path(age - 1), self.path(age)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn path(&self, age: usize) -> PathBuf {
        Path::new(&self.0).join(format!("{age}.jsonl"))
    }
}

fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_bounded_in_size_and_number_and_the_newest_lines_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Files::new(folder.path().join("acme"));
        let line = |number: usize| format!("{number} {}", "x".repeat(1000));
        for number in 0..2000 {
            files.append(&line(number), false).expect("written");
        }
        let sizes: Vec<u64> = std::fs::read_dir(folder.path().join("acme"))
            .expect("readable")
            .map(|entry| entry.expect("readable").metadata().expect("there").len())
            .collect();
        assert_eq!(sizes.len(), FILES_MAX);
        assert!(sizes.iter().all(|bytes| *bytes <= FILE_BYTES_MAX + 1), "{sizes:?}");
        let newest = files.texts().next().expect("a text");
        assert_eq!(newest.lines().last(), Some(line(1999).as_str()));
        assert!(files.texts().map(|text| text.lines().count()).sum::<usize>() > 700);
    }

    #[test]
    fn a_line_that_was_cut_off_takes_no_other_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Files::new(folder.path().to_owned());
        std::fs::write(folder.path().join("0.jsonl"), "{\"cut\":").expect("written");
        files.append("{}", true).expect("written");
        assert_eq!(files.texts().collect::<String>(), "{\"cut\":\n{}\n");
    }
}
