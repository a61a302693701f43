//! The smallest grants for what was seen: what `tombolo suggest` proposes.

use super::{Grant, GrantSet, HostPattern, Methods, Ports, Request, Scheme, Segment, UrlPattern};
use std::collections::{BTreeMap, BTreeSet};

/// Paths of one host that are listed each by itself; of more, what they have in common is granted.
const PATHS_MAX: usize = 3;

impl Request<'_> {
    /// The narrowest grants that this access needs: one, or two where a name leads to an address that only a grant of
    /// its own permits. None when no grant can permit it.
    pub fn needs(&self) -> Vec<Grant> {
        let named = match *self {
            Self::Http { method, scheme, host, addr: Some(_), port, path } => {
                Self::Http { method, scheme, host, addr: None, port, path }.narrowest()
            }
            _ => None,
        };
        let mut needs: Vec<Grant> = self.narrowest().into_iter().collect();
        needs.extend(named.filter(|named| !needs.contains(named)));
        needs
    }
}

/// The least that permits everything in `needs`, which `granted` permitted, written as people would write it.
///
/// Paths of one host come together under what they have in common when they are many; never more than `granted`.
pub fn smallest(granted: &Grant, needs: &[Grant]) -> Vec<Grant> {
    let (web, others): (Vec<_>, Vec<_>) =
        needs.iter().cloned().partition(|need| matches!(need, Grant::Http { .. }));
    let web = by_site(&web).into_values().flat_map(|site| gathered(granted, &site));
    let all: Vec<Grant> = others.into_iter().chain(web).collect();
    let set = GrantSet::new(all.iter().cloned());
    let needless = |index: usize, grant: &Grant| {
        all.iter().enumerate().any(|(other, wider)| {
            other != index && wider.covers(grant) && (!grant.covers(wider) || other < index)
        })
    };
    let kept = set.grants().enumerate().filter(|(index, grant)| !needless(*index, grant));
    kept.map(|(_, grant)| grant.clone()).collect()
}

/// The methods of each URL of one scheme, host and port.
type Site = BTreeMap<UrlPattern, BTreeSet<String>>;

fn by_site(web: &[Grant]) -> BTreeMap<(Scheme, HostPattern, Ports), Site> {
    let mut sites = BTreeMap::<_, Site>::new();
    for grant in web {
        let Grant::Http { methods: Methods::These(methods), url } = grant else { continue };
        let site = (url.scheme, url.host.clone(), url.ports.clone());
        sites.entry(site).or_default().entry(url.clone()).or_default().extend(methods.iter().cloned());
    }
    sites
}

fn gathered(granted: &Grant, site: &Site) -> Vec<Grant> {
    let each = || {
        let grants = site
            .iter()
            .map(|(url, methods)| Grant::Http { methods: Methods::These(methods.clone()), url: url.clone() });
        grants.collect()
    };
    if site.len() <= PATHS_MAX {
        return each();
    }
    let Some(url) = in_common(site.keys()) else { return each() };
    let together = Grant::Http { methods: Methods::These(site.values().flatten().cloned().collect()), url };
    if granted.covers(&together) { vec![together] } else { vec![granted.clone()] }
}

/// The pattern of all below the folders that the paths share.
fn in_common<'a>(mut urls: impl Iterator<Item = &'a UrlPattern>) -> Option<UrlPattern> {
    let mut common = urls.next()?.clone();
    common.path.segments.pop();
    common.path.rest = true;
    for url in urls {
        let own = url.path.segments.split_last().map_or(&[] as &[Segment], |(_, folders)| folders);
        let shared = common.path.segments.iter().zip(own).take_while(|(a, b)| a == b).count();
        common.path.segments.truncate(shared);
    }
    Some(common)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(granted: &str, needs: &[&str], expected: &[&str]) {
        let parse = |line: &&str| line.parse::<Grant>().expect("a grant");
        let needs: Vec<Grant> = needs.iter().map(parse).collect();
        let granted = parse(&granted);
        let smallest = smallest(&granted, &needs);
        let lines: Vec<String> = smallest.iter().map(ToString::to_string).collect();
        assert_eq!(lines, expected, "{granted} for {needs:?}");
        let set = GrantSet::new(smallest);
        assert!(set.covers(&GrantSet::new(needs)), "{set} permits what was seen");
        assert!(GrantSet::new([granted]).covers(&set), "{set} permits no more than was granted");
    }

    #[test]
    fn few_paths_are_listed_and_many_come_together_below_what_they_share() {
        let any = "http * https://*/*";
        let get = |path: &str| format!("http GET https://a.example{path}");
        check(any, &[], &[]);
        check(any, &[&get("/v1/x")], &["http GET https://a.example/v1/x"]);
        check(
            any,
            &[&get("/v1/x"), "http POST https://a.example/v1/x"],
            &["http GET,POST https://a.example/v1/x"],
        );
        let many: Vec<String> = (0..5).map(|number| get(&format!("/v1/items/{number}"))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        check(any, &many, &["http GET https://a.example/v1/items/*"]);
        let spread =
            [&many[..], &["http GET https://a.example/v1/other", "http HEAD https://b.example/"]].concat();
        check(any, &spread, &["http GET https://a.example/v1/*", "http HEAD https://b.example/"]);
    }

    #[test]
    fn what_paths_share_is_never_more_than_was_granted() {
        let needs: Vec<String> =
            (0..5).map(|number| format!("http GET https://a.example/v1/{number}/items")).collect();
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        let granted = "http * https://a.example/v1/*/items";
        check(granted, &needs, &[granted]);
    }

    #[test]
    fn a_lookup_needs_no_grant_beside_the_connection_that_it_was_for() {
        check(
            "tcp connect *.example:*",
            &["dns db.example", "tcp connect db.example:5432"],
            &["tcp connect db.example:5432"],
        );
        check("tcp connect *.example:*", &["dns db.example"], &["dns db.example"]);
    }
}
