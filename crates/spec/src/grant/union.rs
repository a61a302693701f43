//! What several grants cover together, and which of them are needless.

use super::{Grant, GrantId, Ports};

/// True when the grants together permit all that `asked` permits, as far as methods and ports add up.
pub(super) fn covers(grants: &[(GrantId, Grant)], asked: &Grant) -> bool {
    let cover =
        |piece: &Grant| grants.iter().any(|(_, own)| own.covers(piece)) || ports_covered(grants, piece);
    pieces(asked).iter().all(cover)
}

/// The grant as one grant for each of its methods.
fn pieces(grant: &Grant) -> Vec<Grant> {
    match grant {
        Grant::Http { methods, url } => {
            methods.singles().into_iter().map(|methods| Grant::Http { methods, url: url.clone() }).collect()
        }
        other => vec![other.clone()],
    }
}

/// Takes off the ports that each grant covers, until none is left.
fn ports_covered(grants: &[(GrantId, Grant)], piece: &Grant) -> bool {
    let Some(all) = ports(piece) else { return false };
    let mut left = Some(all.clone());
    for (_, own) in grants {
        let Some(open) = &left else { return true };
        let Some(shared) = ports(own).and_then(|own| own.meet(open)) else { continue };
        if with_ports(piece, &shared).is_some_and(|part| own.covers(&part)) {
            left = open.minus(&shared);
        }
    }
    left.is_none()
}

const fn ports(grant: &Grant) -> Option<&Ports> {
    match grant {
        Grant::Http { url, .. } => Some(&url.ports),
        Grant::TcpConnect { ports, .. } | Grant::UdpConnect { ports, .. } => Some(ports),
        _ => None,
    }
}

fn with_ports(grant: &Grant, ports: &Ports) -> Option<Grant> {
    let mut grant = grant.clone();
    match &mut grant {
        Grant::Http { url, .. } => url.ports = ports.clone(),
        Grant::TcpConnect { ports: own, .. } | Grant::UdpConnect { ports: own, .. } => *own = ports.clone(),
        _ => return None,
    }
    Some(grant)
}

/// Drops each grant that adds neither authority nor a guest path to the others.
pub(super) fn without_needless(mut grants: Vec<Grant>) -> Vec<Grant> {
    let mut i = 0;
    while i < grants.len() {
        let needless = grants.iter().enumerate().any(|(j, other)| {
            i != j && makes_needless(other, &grants[i]) && (j < i || !makes_needless(&grants[i], other))
        });
        if needless {
            grants.remove(i);
        } else {
            i += 1;
        }
    }
    grants
}

fn makes_needless(one: &Grant, other: &Grant) -> bool {
    one.covers(other) && shows_at_same_place(one, other)
}

/// True when the guest sees what `other` names at the same path through `one`.
fn shows_at_same_place(one: &Grant, other: &Grant) -> bool {
    match (one, other) {
        (Grant::Dir { host, guest, .. }, Grant::Dir { host: inner, guest: theirs, .. }) => {
            host.remainder(inner).is_some_and(|rest| guest.join(&rest) == *theirs)
        }
        (Grant::Volume { guest, .. }, Grant::Volume { guest: theirs, .. }) => guest == theirs,
        _ => true,
    }
}
