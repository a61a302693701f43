//! The parts of grants, each pair of each vocabulary against each value of the world.

use crate::world::*;
use std::fmt::{Debug, Display};
use std::net::IpAddr;
use tombolo_spec::Grant;
use tombolo_spec::grant::{Host, HostPath, HostPattern, PathPattern, Ports, TopicPattern};

/// Holds the laws for all pairs and triples of `patterns`, given what each of them means on the values `0..world`.
#[track_caller]
fn check<P: PartialEq + Clone + Debug + Display>(
    patterns: &[P],
    world: usize,
    covers: impl Fn(&P, &P) -> bool,
    meet: impl Fn(&P, &P) -> Option<P>,
    permits: impl Fn(&P, usize) -> bool,
) {
    let set = |p: &P| -> Vec<bool> { (0..world).map(|value| permits(p, value)).collect() };
    let meanings: Vec<Vec<bool>> = patterns.iter().map(set).collect();
    for (a, in_a) in patterns.iter().zip(&meanings) {
        assert!(in_a.contains(&true), "the world has nothing for {a}");
        for (b, in_b) in patterns.iter().zip(&meanings) {
            let included = in_a.iter().zip(in_b).all(|(a, b)| *a || !*b);
            assert_eq!(covers(a, b), included, "{a} covers {b}");
            let both: Vec<bool> = in_a.iter().zip(in_b).map(|(a, b)| *a && *b).collect();
            let met = meet(a, b);
            let in_meet = met.as_ref().map_or_else(|| vec![false; world], set);
            assert_eq!(in_meet, both, "{a} meets {b} in {met:?}");
            assert_eq!(met, meet(b, a), "{a} meets {b} one way only");
            assert_eq!(a == b, in_a == in_b, "{a} and {b} are the same or are not");
        }
    }
}

#[test]
fn host_patterns_are_a_lattice() {
    let patterns: Vec<HostPattern> = HOSTS.iter().map(|text| text.parse().unwrap()).collect();
    let mut world: Vec<(Host, Option<IpAddr>)> = Vec::new();
    for name in NAMES {
        world.push((name.parse().unwrap(), None));
        world.extend(ADDRESSES.map(|ip| (name.parse().unwrap(), Some(ip.parse().unwrap()))));
    }
    world.extend(ADDRESSES.map(|ip| (Host::Address(ip.parse().unwrap()), None)));
    let permits = |p: &HostPattern, i: usize| p.permits(&world[i].0, world[i].1);
    check(&patterns, world.len(), HostPattern::covers, HostPattern::meet, permits);
}

#[test]
fn port_sets_are_a_lattice() {
    let ports = |text: &&str| match format!("tcp connect x.org:{text}").parse() {
        Ok(Grant::TcpConnect { ports, .. }) => ports,
        other => panic!("{other:?}"),
    };
    let sets: Vec<Ports> = PORTS.iter().map(ports).collect();
    let permits = |p: &Ports, i: usize| p.contains(u16::try_from(i).unwrap());
    check(&sets, 65536, Ports::covers, Ports::meet, permits);
}

#[test]
fn path_patterns_are_a_lattice() {
    let patterns: Vec<PathPattern> = PATHS.iter().map(|text| PathPattern::parse(text).unwrap()).collect();
    check(&patterns, URL_PATHS.len(), PathPattern::covers, PathPattern::meet, |p, i| p.matches(URL_PATHS[i]));
}

#[test]
fn topic_filters_are_a_lattice() {
    let patterns: Vec<TopicPattern> = TOPICS.iter().map(|text| text.parse().unwrap()).collect();
    check(&patterns, TOPIC_NAMES.len(), TopicPattern::covers, TopicPattern::meet, |p, i| {
        p.matches(TOPIC_NAMES[i])
    });
}

#[test]
fn a_folder_holds_what_is_below_it_and_nothing_beside_it() {
    let parse = |text: &&str| text.trim_matches('"').parse::<HostPath>().unwrap();
    let folders: Vec<HostPath> = FOLDERS.iter().map(parse).collect();
    for a in &folders {
        assert!(a.contains(a), "{a} holds itself");
        for b in &folders {
            for c in &folders {
                assert!(!(a.contains(b) && b.contains(c)) || a.contains(c), "{a} holds {b} holds {c}");
            }
            assert!(a == b || !(a.contains(b) && b.contains(a)), "{a} and {b} hold each other");
        }
    }
}
