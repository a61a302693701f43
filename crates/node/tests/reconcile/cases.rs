//! Single steps that matter, one by one.

use std::collections::BTreeMap;
use std::time::Duration;

use tombolo_node::reconcile::{
    Action, App, AppId, CellId, Event, Exit, HomeId, Policy, Record, Revision, State, Time, Unfit, step,
};
use tombolo_spec::{Isolation, Name};

/// A node at a moment, and what it was last told to do.
struct Node {
    state: State,
    now: Time,
    actions: Vec<Action>,
}

fn app(name: &str) -> AppId {
    AppId { tenant: name_of("acme"), app: name_of(name) }
}

fn name_of(text: &str) -> Name {
    text.parse().expect("a name")
}

fn died(culprit: Option<&str>) -> Exit {
    Exit { culprit: culprit.map(name_of), reason: "signal 11".into() }
}

impl Node {
    fn with(apps: &[(&str, u64, Option<u64>)]) -> Node {
        let apps = apps.iter().map(|(name, wanted, good)| {
            (app(name), Isolation::Tenant, App::new(Revision(*wanted), good.map(Revision), BTreeMap::new()))
        });
        let mut node = Node { state: State::new(Policy::default(), apps), now: Time(0), actions: Vec::new() };
        node.tell(Event::GatewayStarted);
        node
    }

    fn tell(&mut self, event: Event) -> &mut Node {
        let (state, actions) = step(self.state.clone(), event, self.now);
        (self.state, self.actions) = (state, actions);
        self
    }

    fn deploy(&mut self, name: &str, revision: u64) -> &mut Node {
        self.deploy_as(name, revision, Isolation::Tenant)
    }

    fn deploy_as(&mut self, name: &str, revision: u64, isolation: Isolation) -> &mut Node {
        self.tell(Event::Deploy { app: app(name), revision: Revision(revision), isolation })
    }

    fn wait(&mut self, time: Duration) -> &mut Node {
        self.now = self.now.after(time);
        self.tell(Event::Tick)
    }

    fn fit(&mut self, name: &str, revision: u64) -> &mut Node {
        self.tell(Event::Verified { app: app(name), revision: Revision(revision), outcome: Ok(()) })
    }

    /// The cell that was started last comes up and is routed to.
    fn enters(&mut self) -> CellId {
        let cell = self.started().expect("a cell was started").0;
        self.tell(Event::Ready { cell });
        self.confirm();
        cell
    }

    /// The gateway confirms its new table.
    fn confirm(&mut self) {
        let version = self.actions.iter().find_map(|action| match action {
            Action::Route { version, .. } => Some(*version),
            _ => None,
        });
        self.tell(Event::Routed { version: version.expect("a new table") });
    }

    fn started(&self) -> Option<(CellId, Vec<(String, u64)>)> {
        self.actions.iter().find_map(|action| match action {
            Action::Start { cell, plan, .. } => {
                let plan = plan.iter().map(|(name, revision)| (name.to_string(), revision.0));
                Some((*cell, plan.collect()))
            }
            _ => None,
        })
    }

    fn serving(&self, name: &str) -> Option<u64> {
        self.state.serving(&app(name)).map(|revision| revision.0)
    }

    fn has_failed(&self, name: &str, revision: u64) -> bool {
        self.state.app(&app(name)).is_some_and(|app| app.failed.contains_key(&Revision(revision)))
    }
}

#[test]
fn nothing_starts_before_it_is_verified() {
    let mut node = Node::with(&[]);
    node.deploy("api", 1);
    assert_eq!(node.actions, [Action::Verify { app: app("api"), revision: Revision(1) }]);
    node.fit("api", 1);
    assert_eq!(node.started().expect("started").1, [("api".to_owned(), 1)]);
}

#[test]
fn a_revision_is_good_after_its_trial_and_the_one_before_drains_only_then() {
    let mut node = Node::with(&[("api", 1, Some(1))]);
    let old = node.fit("api", 1).enters();
    node.deploy("api", 2);
    node.fit("api", 2).enters();
    assert_eq!(node.serving("api"), Some(2));
    assert_eq!(node.actions, [], "the old cell waits");
    node.wait(Policy::default().trial);
    let good = Record::Good { app: app("api"), revision: Revision(2) };
    assert_eq!(node.actions, [Action::Drain { cell: old }, Action::Record(good)]);
}

#[test]
fn a_revision_that_dies_on_trial_is_taken_back_at_once_and_not_tried_again() {
    let mut node = Node::with(&[("api", 1, Some(1))]);
    let old = node.fit("api", 1).enters();
    node.deploy("api", 2);
    let new = node.fit("api", 2).enters();
    node.tell(Event::Exited { cell: new, exit: died(None) });
    let table = BTreeMap::from([(app("api"), old)]);
    assert!(
        node.actions.iter().any(|action| matches!(action, Action::Route { table: new, .. } if *new == table))
    );
    assert!(node.has_failed("api", 2));
    assert_eq!(node.serving("api"), Some(1));
    for _ in 0..100 {
        node.wait(Duration::from_secs(60));
        assert_eq!(node.started(), None, "what failed is not tried again");
    }
}

#[test]
fn a_revision_that_its_cell_cannot_load_leaves_the_one_that_serves_where_it_is() {
    let mut node = Node::with(&[("api", 1, Some(1))]);
    node.fit("api", 1).enters();
    node.deploy("api", 2);
    let new = node.fit("api", 2).started().expect("started").0;
    node.tell(Event::Exited { cell: new, exit: died(Some("api")) });
    assert!(node.has_failed("api", 2));
    assert_eq!(node.serving("api"), Some(1));
    assert!(!node.actions.iter().any(|action| matches!(action, Action::Route { .. })), "{:?}", node.actions);
    assert_eq!(node.started(), None);
}

#[test]
fn a_failed_revision_is_tried_again_when_somebody_deploys_it_again() {
    let mut node = Node::with(&[]);
    node.deploy("api", 1);
    let corrupt = Unfit { reason: "corrupt".into(), permanent: true };
    node.tell(Event::Verified { app: app("api"), revision: Revision(1), outcome: Err(corrupt) });
    assert!(node.has_failed("api", 1));
    node.deploy("api", 1);
    assert_eq!(node.actions, [Action::Verify { app: app("api"), revision: Revision(1) }]);
}

#[test]
fn two_changes_are_tried_one_after_the_other() {
    let mut node = Node::with(&[]);
    node.deploy("api", 1);
    node.deploy("web", 1);
    node.fit("api", 1);
    let first = node.started().expect("started").0;
    node.fit("web", 1);
    assert_eq!(node.started(), None);
    node.tell(Event::Exited { cell: first, exit: died(None) });
    assert!(node.has_failed("api", 1) && !node.has_failed("web", 1), "it is known which one was at fault");
    assert_eq!(node.started().expect("started").1, [("web".to_owned(), 1)]);
}

#[test]
fn after_a_start_the_apps_of_a_tenant_come_back_in_one_cell() {
    let mut node = Node::with(&[("api", 1, Some(1)), ("web", 4, Some(4))]);
    assert_eq!(node.fit("api", 1).started(), None);
    assert_eq!(
        node.fit("web", 4).started().expect("started").1,
        [("api".to_owned(), 1), ("web".to_owned(), 4)]
    );
}

#[test]
fn a_node_whose_gateway_waits_is_prepared_once_each_app_has_a_cell_or_has_shown_why_not() {
    let apps = [("a", 1, Some(1)), ("b", 1, Some(1))].map(|(name, wanted, good)| {
        (app(name), Isolation::Tenant, App::new(Revision(wanted), good.map(Revision), BTreeMap::new()))
    });
    let state = State::new(Policy::default(), apps).numbered_from(7);
    let mut node = Node { state, now: Time(0), actions: Vec::new() };
    node.tell(Event::Tick).fit("a", 1);
    assert!(!node.state.is_prepared(), "the other one is waited for");
    let unfit = Unfit { reason: "no".into(), permanent: false };
    node.tell(Event::Verified { app: app("b"), revision: Revision(1), outcome: Err(unfit) });
    assert!(!node.state.is_prepared(), "the first has no cell yet");
    let (cell, _) = node.started().expect("a cell was started");
    assert_eq!(cell, CellId(7), "no number is used twice");
    node.tell(Event::Ready { cell });
    assert!(node.state.is_prepared());
    assert!(!node.state.is_routed());
    node.tell(Event::GatewayStarted).confirm();
    assert!(node.state.is_routed());
    assert_eq!((node.serving("a"), node.serving("b")), (Some(1), None));
}

#[test]
fn an_app_that_cannot_come_back_does_not_keep_the_others_down() {
    let mut node = Node::with(&[("api", 1, Some(1)), ("web", 4, Some(4))]);
    let lost = Unfit { reason: "the artifact is corrupt".into(), permanent: true };
    node.fit("api", 1);
    node.tell(Event::Verified { app: app("web"), revision: Revision(4), outcome: Err(lost) });
    assert_eq!(node.started().expect("started").1, [("api".to_owned(), 1)]);
    assert!(!node.has_failed("web", 4), "what was good may come back");
    assert_eq!(node.state.trouble(&app("web")), Some("the artifact is corrupt"));
}

#[test]
fn a_cell_that_dies_again_and_again_is_started_ever_more_rarely_and_for_ever() {
    let mut node = Node::with(&[("api", 1, Some(1))]);
    node.fit("api", 1);
    let mut waits = Vec::new();
    for _ in 0..14 {
        let cell = node.enters();
        node.tell(Event::Exited { cell, exit: died(None) });
        node.confirm();
        let wake = node.state.wake().expect("it is tried again");
        waits.push(wake.since(node.now).as_millis());
        node.wait(wake.since(node.now));
    }
    assert_eq!(waits[..4], [100, 200, 400, 800]);
    assert_eq!(waits[10..], [60_000; 4]);
    assert!(node.state.homes[&HomeId::of(&app("api"), Isolation::Tenant)].is_looping());
}

#[test]
fn a_removed_app_is_unrouted_before_its_cell_drains() {
    let mut node = Node::with(&[("api", 1, Some(1))]);
    let cell = node.fit("api", 1).enters();
    node.tell(Event::Remove { app: app("api") });
    let [Action::Route { version, table }] = &node.actions[..] else { panic!("{:?}", node.actions) };
    assert!(table.is_empty());
    let version = *version;
    assert_eq!(node.tell(Event::Routed { version }).actions, [Action::Drain { cell }]);
    node.tell(Event::Exited { cell, exit: died(None) });
    assert!(node.state.homes.is_empty());
}

#[test]
fn what_turns_out_to_be_good_while_another_is_wanted_goes_on_to_serve() {
    let mut node = Node::with(&[]);
    node.deploy("api", 1).fit("api", 1).enters();
    node.deploy("api", 2).deploy("web", 1).fit("web", 1);
    node.wait(Policy::default().trial);
    assert_eq!(node.started().expect("the next trial").1, [("api".to_owned(), 1), ("web".to_owned(), 1)]);
}

#[test]
fn an_app_that_moves_to_a_cell_of_its_own_serves_where_it_was_until_it_serves_there() {
    let mut node = Node::with(&[("api", 1, Some(1)), ("web", 1, Some(1))]);
    node.fit("api", 1);
    let shared = node.fit("web", 1).enters();
    node.deploy_as("api", 2, Isolation::App);
    let (early, plan) = node.started().expect("what is good moves at once");
    assert_eq!(plan, [("api".to_owned(), 1)]);
    assert_eq!(node.state.routed(&app("api")), Some(shared));
    node.fit("api", 2);
    assert!(
        node.actions.contains(&Action::Kill { cell: early }),
        "and what is new instead, once it is verified"
    );
    let own = node.enters();
    assert_eq!(node.serving("api"), Some(2));
    assert_eq!((node.state.routed(&app("api")), node.state.routed(&app("web"))), (Some(own), Some(shared)));
    assert_eq!(node.started().expect("the others go on without it").1, [("web".to_owned(), 1)]);
}

#[test]
fn an_app_that_is_alone_falls_alone() {
    let mut node = Node::with(&[("web", 1, Some(1))]);
    let shared = node.fit("web", 1).enters();
    node.deploy_as("api", 1, Isolation::App).fit("api", 1);
    let own = node.enters();
    node.tell(Event::Exited { cell: own, exit: died(None) });
    assert!(node.has_failed("api", 1));
    assert_eq!(node.state.routed(&app("web")), Some(shared));
    assert_eq!((node.serving("api"), node.serving("web")), (None, Some(1)));
}

#[test]
fn a_node_at_rest_waits_for_nothing() {
    let mut node = Node::with(&[("api", 1, Some(1))]);
    node.fit("api", 1).enters();
    assert_eq!(node.state.wake(), None);
}
