//! From grants to the kernel's rules: the second wall is made from the very lines that the first one asks.

use std::ops::RangeInclusive;

use tombolo_host::{Template, needs_network};
use tombolo_sandbox::{Access, FileRule, Network, Policy};
use tombolo_spec::grant::{HostPattern, Ports};
use tombolo_spec::{Grant, GrantSet};

/// A grant of more ports than this gets no rule for each: Landlock has rules for ports, not for ranges.
const PORT_RULES_MAX: usize = 1024;

/// The rules of a process that runs only this function.
pub fn policy(template: &Template) -> Policy<'_> {
    let rule =
        |fd, writable| FileRule { fd, access: if writable { Access::ReadWrite } else { Access::ReadOnly } };
    let dirs = template.dirs().iter().map(|dir| rule(dir.fd(), dir.writable()));
    let beside = template.dirs().iter().filter_map(|dir| dir.beside());
    let beside = beside.map(|folder| rule(folder, true)).collect::<Vec<_>>();
    let stores = template.stores().iter().map(|store| rule(store.fd(), store.writable()));
    let needs = NetworkNeeds::of(template.grants(), template.network().name_server_ports());
    Policy {
        shared_files: !beside.is_empty(),
        files: dirs.chain(beside).chain(stores).collect(),
        udp: needs.udp,
        network: needs.network(),
        ..Policy::default()
    }
}

/// What the grants together need of the network.
#[derive(Debug, Default, PartialEq, Eq)]
struct NetworkNeeds {
    /// Where this machine's name servers answer.
    name_servers: Vec<u16>,
    connect: Vec<u16>,
    bind: Vec<u16>,
    any_port: bool,
    udp: bool,
    some: bool,
}

impl NetworkNeeds {
    fn of(grants: &GrantSet, name_servers: &[u16]) -> NetworkNeeds {
        let name_servers = name_servers.to_vec();
        let mut needs = NetworkNeeds { some: needs_network(grants), name_servers, ..NetworkNeeds::default() };
        for (_, grant) in grants.iter() {
            match grant {
                Grant::Http { url, .. } => needs.connect_to(&url.host, &url.ports),
                Grant::TcpConnect { host, ports } => needs.connect_to(host, ports),
                Grant::ListenTcp { port } => needs.bind.push(*port),
                Grant::UdpConnect { host, .. } => {
                    needs.udp = true;
                    needs.resolve(host);
                }
                Grant::Dns { pattern } => needs.resolve(pattern),
                _ => {}
            }
        }
        needs
    }

    fn connect_to(&mut self, host: &HostPattern, ports: &Ports) {
        if host.is_internal() {
            return;
        }
        self.resolve(host);
        let ranges: Vec<RangeInclusive<u16>> = ports.ranges().collect();
        let count: usize = ranges.iter().map(ExactSizeIterator::len).sum();
        if self.connect.len() + count > PORT_RULES_MAX {
            self.any_port = true;
        } else {
            self.connect.extend(ranges.into_iter().flatten());
        }
    }

    /// A name has to be looked up: by UDP, or TCP for a long answer.
    fn resolve(&mut self, host: &HostPattern) {
        if !matches!(host, HostPattern::Addresses(_)) && !host.is_internal() {
            self.udp = true;
            self.connect.extend(&self.name_servers);
        }
    }

    fn network(self) -> Network {
        if !self.some {
            return Network::None;
        }
        Network::Tcp { connect: self.connect, bind: self.bind, any: self.any_port }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[track_caller]
    fn check(lines: &[&str], connect: &[u16], bind: &[u16], udp: bool) {
        let grants = lines.iter().map(|line| line.parse().expect("the test's grants parse")).collect();
        let needs = NetworkNeeds::of(&grants, &[53, 5353]);
        assert_eq!((needs.udp, needs.any_port), (udp, false));
        assert_eq!(
            needs.network(),
            Network::Tcp { connect: connect.to_vec(), bind: bind.to_vec(), any: false }
        );
    }

    #[test]
    fn ports_are_those_of_the_grants_and_of_the_name_servers() {
        check(&["http GET https://api.example.com/*"], &[53, 5353, 443], &[], true);
        check(&["http GET http://127.0.0.1:8080/*"], &[8080], &[], false);
        check(&["tcp connect 10.0.0.7:5432-5433"], &[5432, 5433], &[], false);
        check(&["listen tcp 9000"], &[], &[9000], false);
        check(&["udp connect 10.0.0.7:514"], &[], &[], true);
        check(&["dns *.example.com"], &[53, 5353], &[], true);
        check(&["http GET http://billing.internal/*", "dns *.internal"], &[], &[], false);
    }

    #[test]
    fn of_an_apps_data_only_what_is_granted_is_reached() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = tombolo_host::Data::at(folder.path().to_owned());
        let lines = ["kv readings read", "kv settings read-write", "volume cache as /cache 1MiB"];
        let grants = lines.iter().map(|line| line.parse().expect("a grant")).collect();
        let parts = tombolo_host::TemplateParts::new("f", grants);
        let template = Template::prepare(tombolo_host::TemplateParts { data: Some(data), ..parts });
        let template = template.expect("folders can be made");
        let rules = policy(&template).files.into_iter().map(|rule| {
            let path =
                std::fs::read_link(format!("/proc/self/fd/{}", rule.fd.as_raw_fd())).expect("it is open");
            (path.strip_prefix(folder.path()).expect("below the data").to_owned(), rule.access)
        });
        let expected = [
            ("volumes/cache", Access::ReadWrite),
            ("volumes/cache.removed", Access::ReadWrite),
            ("kv/settings", Access::ReadWrite),
            ("kv/readings", Access::ReadOnly),
        ];
        assert_eq!(rules.collect::<Vec<_>>(), expected.map(|(path, access)| (path.into(), access)));
    }

    #[test]
    fn more_ports_than_there_can_be_rules_for_open_all() {
        let grants = ["tcp connect 10.0.0.7:*".parse().expect("a grant")].into_iter().collect();
        assert!(NetworkNeeds::of(&grants, &[53, 5353]).any_port);
    }

    #[test]
    fn grants_that_need_no_network_get_none() {
        let lines = ["dir /srv as /srv read", "env A=b", "random", "clock 1ms", "kv readings read"];
        let grants = lines.iter().map(|line| line.parse().expect("a grant")).collect();
        assert!(!needs_network(&grants));
        assert_eq!(NetworkNeeds::of(&grants, &[53, 5353]).network(), Network::None);
    }
}
