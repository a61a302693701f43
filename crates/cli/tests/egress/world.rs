//! What a test sees: it runs guests under grants, and learns what they reached and which names they asked for.

use std::any::type_name;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use crate::addresses::{NAME_SERVER, ip};
use crate::common::{Done, finish, guest, tombolo};
use crate::dns::{Record, Zone};
use crate::namespaces::{Internet, inside};
use crate::node;
use crate::peers::{far, near};
use crate::tap::Tap;

/// The guests: WASI 0.2 and 0.3. They take the same acts.
pub(crate) const GUESTS: [&str; 2] = ["rust-net", "rust-net-p3"];

/// How a guest learns that something was refused, by the interface's own error codes.
const REFUSALS: [&str; 8] = [
    "HttpRequestDenied",
    "DestinationIpProhibited",
    "HttpRequestUriInvalid",
    "access-denied",
    "AccessDenied",
    "invalid-argument",
    "InvalidArgument",
    "authority refused",
];

/// One thing that a guest tries, as its arguments.
pub(crate) type Act = Vec<String>;

/// An [`Act`] from its words.
pub(crate) fn act(words: &[&str]) -> Act {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Runs a test in a world of its own, if this machine can have one. Problems are gathered until its end.
pub(crate) fn in_world<F: Fn(&World)>(case: F) {
    // The test's own path, as the harness knows it: `egress::names::a_test::{{closure}}`.
    let name = type_name::<F>().trim_end_matches("::{{closure}}");
    let (_program, name) = name.split_once("::").expect("a test is in a module");
    inside(name, || {
        let mut world = World::new();
        case(&world);
        world.zone.clear();
        world.on_node = true;
        case(&world);
        let problems = world.problems.take();
        assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    });
}

pub(crate) struct World {
    zone: Zone,
    tap: Tap,
    problems: RefCell<Vec<String>>,
    /// Whether a node runs the guests, or `tombolo run` does.
    pub(crate) on_node: bool,
    _internet: Internet,
}

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) done: Done,
    /// Where packets went.
    pub(crate) reached: BTreeSet<SocketAddr>,
    /// The names that were asked for.
    pub(crate) asked: Vec<String>,
}

impl World {
    fn new() -> World {
        let internet = Internet::connect();
        let (peers, datagrams, streams) = internet.there(|| {
            let at = (NAME_SERVER, 53);
            let datagrams = UdpSocket::bind(at).expect("the name server's port is free");
            (far(), datagrams, TcpListener::bind(at).expect("the name server's port is free"))
        });
        let zone = Zone::default();
        zone.serve(datagrams, streams);
        peers.into_iter().chain(near()).for_each(|peer| peer.serve());
        World { zone, tap: Tap::new(), problems: RefCell::default(), on_node: false, _internet: internet }
    }

    /// Lets a name lead to these addresses.
    pub(crate) fn name(&self, name: &str, addresses: &[&str]) {
        self.rotating_name(name, &[addresses]);
    }

    /// Lets a name lead elsewhere each time it is asked for.
    pub(crate) fn rotating_name(&self, name: &str, answers: &[&[&str]]) {
        let records = |addresses: &&[&str]| addresses.iter().map(|text| Record::Address(ip(text))).collect();
        self.zone.set(name, answers.iter().map(records).collect());
    }

    /// Lets a name be another one's.
    pub(crate) fn alias(&self, name: &str, to: &str) {
        self.zone.set(name, vec![vec![Record::Alias(to.to_owned())]]);
    }

    /// Runs a guest that does these acts in one instance.
    pub(crate) fn run(&self, program: &str, grants: &[&str], acts: &[Act]) -> Ran {
        let args = acts.join(&"then".to_owned());
        let done = if self.on_node {
            node::run(program, grants, &args)
        } else {
            let mut command = tombolo(["run", "--limit", "outbound-requests=1000"]);
            command.args(grants.iter().flat_map(|grant| ["--grant", grant]));
            finish(command.arg(guest(program)).args(args), b"")
        };
        Ran { done, reached: self.tap.reached(), asked: self.zone.asked() }
    }

    /// Each act is refused, and no packet leaves; the names in `asked` alone are looked up.
    pub(crate) fn refuses_asking(&self, program: &str, grants: &[&str], acts: &[Act], asked: &[&str]) {
        let ran = self.run(program, grants, acts);
        let told: Vec<&str> = ran.done.stdout.lines().collect();
        self.check(told.len() == acts.len(), &format!("{program} said something else"), &ran, acts);
        for (act, told) in acts.iter().zip(told) {
            let refused = told.starts_with("error: ") && REFUSALS.iter().any(|code| told.contains(code));
            self.check(refused, &format!("{program} under {grants:?}: {act:?} got {told:?}"), &ran, &[]);
        }
        self.check(ran.reached.is_empty(), &format!("{program}: packets left"), &ran, &[]);
        let asked: BTreeSet<&str> = asked.iter().copied().collect();
        let was: BTreeSet<&str> = ran.asked.iter().map(String::as_str).collect();
        self.check(was == asked, &format!("{program}: other names were asked for than {asked:?}"), &ran, &[]);
    }

    /// Each act is refused, and nobody is even asked for a name.
    pub(crate) fn refuses(&self, program: &str, grants: &[&str], acts: &[Act]) {
        self.refuses_asking(program, grants, acts, &[]);
    }

    /// Each act works, and packets go to these addresses alone, which answer.
    pub(crate) fn reaches(&self, program: &str, grants: &[&str], acts: &[Act], addresses: &[SocketAddr]) {
        let ran = self.run(program, grants, acts);
        self.check(ran.done.code == Some(0), &format!("{program} failed under {grants:?}"), &ran, acts);
        let expected: BTreeSet<SocketAddr> = addresses.iter().copied().collect();
        self.check(ran.reached == expected, &format!("{program} reached not {expected:?}"), &ran, &[]);
        for address in expected {
            let answered = ran.done.stdout.contains(&format!("reached {}\n", address.ip()));
            self.check(answered, &format!("{program}: {address} did not answer"), &ran, &[]);
        }
    }

    /// Keeps a problem in mind with what there is to see.
    pub(crate) fn check(&self, holds: bool, problem: &str, ran: &Ran, acts: &[Act]) {
        if !holds {
            let Ran { done, reached, asked } = ran;
            let on_node = self.on_node;
            self.problems.borrow_mut().push(format!(
                "- {problem}\n  on a node: {on_node}\n  acts: {acts:?}\n  reached: {reached:?}\n  asked: {asked:?}\n  code: {:?}\n  stdout: {:?}\n  stderr: {:?}",
                done.code, done.stdout, done.stderr
            ));
        }
    }
}
