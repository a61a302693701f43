//! The files that say how names are resolved: opened by who may, read by who looks names up.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use hickory_resolver::config::NameServerConfig;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::parse_resolv_conf;

use crate::names::NameConfig;

const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";
/// What is read of one file.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// `/etc/resolv.conf` and `/etc/hosts`, opened; one that is missing says nothing.
#[derive(Debug)]
pub struct NameFiles {
    resolv_conf: Option<File>,
    hosts: Option<File>,
}

/// Enough of the files to see that they are others, or say something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp([Option<FileStamp>; 2]);

type FileStamp = (u64, u64, u64, (i64, i64));

impl NameFiles {
    /// This machine's.
    pub fn open() -> NameFiles {
        NameFiles { resolv_conf: File::open(RESOLV_CONF).ok(), hosts: File::open(HOSTS).ok() }
    }

    /// Those that were opened elsewhere.
    pub(crate) fn given(resolv_conf: Option<OwnedFd>, hosts: Option<OwnedFd>) -> NameFiles {
        NameFiles { resolv_conf: resolv_conf.map(File::from), hosts: hosts.map(File::from) }
    }

    /// To be handed over: each where it is there.
    pub fn descriptors(&self) -> [Option<BorrowedFd<'_>>; 2] {
        [&self.resolv_conf, &self.hosts].map(|file| file.as_ref().map(File::as_fd))
    }

    /// What they are now.
    pub fn stamp(&self) -> Stamp {
        let stamp = |file: &Option<File>| {
            let about = file.as_ref()?.metadata().ok()?;
            Some((about.dev(), about.ino(), about.len(), (about.mtime(), about.mtime_nsec())))
        };
        Stamp([stamp(&self.resolv_conf), stamp(&self.hosts)])
    }

    /// What they say, read once. A file that says nothing leaves its part empty.
    pub fn read(self) -> NameConfig {
        let mut config = NameConfig::empty();
        if let Ok((resolver, _)) = parse_resolv_conf(text(self.resolv_conf)) {
            let port = |server: &NameServerConfig| server.connections.first().map_or(53, |udp| udp.port);
            let servers =
                resolver.name_servers().iter().map(|server| SocketAddr::new(server.ip, port(server)));
            config.servers = servers.collect();
            config.search = resolver.search().iter().map(Name::to_utf8).collect();
        }
        config.hosts = text(self.hosts);
        config
    }
}

/// What is no text says nothing.
fn text(file: Option<File>) -> String {
    let mut text = String::new();
    let read = file.map(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    if matches!(read, Some(Ok(_))) { text } else { String::new() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn written(text: &str) -> File {
        let path = std::env::temp_dir().join(format!("tombolo-names-{}-{}", std::process::id(), text.len()));
        std::fs::write(&path, text).expect("a file");
        let file = File::options().read(true).append(true).open(&path).expect("the file");
        std::fs::remove_file(&path).expect("it was there");
        file
    }

    #[test]
    fn what_the_files_say_is_read_and_what_is_missing_says_nothing() {
        let resolv_conf = written("nameserver 10.0.0.1\nnonsense\nnameserver fd00::1\nsearch a.example\n");
        let config = NameFiles { resolv_conf: Some(resolv_conf), hosts: None }.read();
        assert_eq!(
            config.servers,
            ["10.0.0.1:53", "[fd00::1]:53"].map(|text| text.parse().expect("an address"))
        );
        assert_eq!((config.search.len(), config.hosts.as_str()), (1, ""));
        assert_eq!(NameFiles { resolv_conf: None, hosts: None }.read(), NameConfig::empty());
    }

    #[test]
    fn files_that_changed_are_seen_to_be_others() {
        let files = NameFiles { resolv_conf: Some(written("nameserver 10.0.0.1\n")), hosts: None };
        let before = files.stamp();
        assert_eq!(files.stamp(), before);
        files.resolv_conf.as_ref().expect("it is there").write_all(b"#").expect("it can be written");
        assert_ne!(files.stamp(), before);
        assert_ne!(NameFiles { resolv_conf: None, hosts: None }.stamp(), before);
    }
}
