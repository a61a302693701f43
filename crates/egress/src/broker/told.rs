//! What the guests of a cell were told that names lead to.

use std::collections::VecDeque;
use std::net::IpAddr;

use tombolo_spec::grant::HostName;

/// Answers that are kept in mind for one cell; the oldest go first.
const TOLD_MAX: usize = 4096;

/// The broker's own memory of its answers, which a cell can't change.
#[derive(Debug, Default)]
pub(super) struct Told(VecDeque<(HostName, IpAddr)>);

impl Told {
    pub(super) fn tell(&mut self, name: &HostName, addresses: &[IpAddr]) {
        for address in addresses {
            if self.knows(name, *address) {
                continue;
            }
            if self.0.len() == TOLD_MAX {
                self.0.pop_front();
            }
            self.0.push_back((name.clone(), *address));
        }
    }

    pub(super) fn knows(&self, name: &HostName, address: IpAddr) -> bool {
        self.0.iter().any(|(known, told)| *told == address && known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_known_of_that_name_alone_and_the_oldest_is_forgotten() {
        let (one, other): (HostName, HostName) =
            ("a.example".parse().expect("a name"), "b.example".parse().expect("a name"));
        let mut told = Told::default();
        told.tell(&one, &[IpAddr::from([10, 0, 0, 1])]);
        assert!(told.knows(&one, IpAddr::from([10, 0, 0, 1])));
        assert!(!told.knows(&other, IpAddr::from([10, 0, 0, 1])));
        assert!(!told.knows(&one, IpAddr::from([10, 0, 0, 2])));
        for n in 0..TOLD_MAX as u32 {
            told.tell(&other, &[IpAddr::from(n.to_be_bytes()), IpAddr::from(n.to_be_bytes())]);
        }
        assert!(!told.knows(&one, IpAddr::from([10, 0, 0, 1])), "the oldest");
        assert!(told.knows(&other, IpAddr::from([0, 0, 0, 0])));
    }
}
