//! A machine without a machine: processes, a disk and a gateway that do what actions say, or fail to.

use std::collections::{BTreeMap, BTreeSet};

use tombolo_node::reconcile::{
    Action, App, AppId, CellId, Event, Exit, HomeId, Phase, Policy, Record, Revision, State, Time, Unfit,
    step,
};
use tombolo_spec::{Isolation, Name};

/// Which things go wrong while a world lives.
#[derive(Clone, Copy)]
pub(crate) struct Faults {
    pub(crate) crashes: bool,
    pub(crate) events: bool,
    pub(crate) disk: bool,
    pub(crate) clock: bool,
}

impl Faults {
    pub(crate) const NONE: Faults = Faults { crashes: false, events: false, disk: false, clock: false };
    pub(crate) const ALL: Faults = Faults { crashes: true, events: true, disk: true, clock: true };
}

/// What a revision is like, which the reconciler has to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    Healthy,
    Corrupt,
    NamedAtStart,
    DiesAtStart,
    NeverReady,
    DiesOnTrial,
    Unwell,
}

/// What the disk holds about an app.
#[derive(Debug, Clone)]
struct OnDisk {
    isolation: Isolation,
    wanted: Revision,
    good: Option<Revision>,
    failed: BTreeMap<Revision, String>,
}

struct Process {
    plan: BTreeMap<Name, Revision>,
    ready: bool,
    draining: bool,
}

pub(crate) struct World {
    seed: u64,
    random: u64,
    faults: Faults,
    never_fails: bool,
    now: Time,
    state: State,
    disk: BTreeMap<AppId, OnDisk>,
    disk_is_full: bool,
    last_revision: BTreeMap<AppId, u64>,
    cells: BTreeMap<CellId, Process>,
    fit: BTreeSet<(AppId, Revision)>,
    gateway: BTreeMap<AppId, CellId>,
    inbox: Vec<(Time, Event)>,
}

impl World {
    pub(crate) fn new(seed: u64, faults: Faults) -> World {
        World {
            seed,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635,
            faults,
            never_fails: !faults.crashes,
            now: Time(1000),
            state: State::new(Policy::default(), []),
            disk: BTreeMap::new(),
            disk_is_full: false,
            last_revision: BTreeMap::new(),
            cells: BTreeMap::new(),
            fit: BTreeSet::new(),
            gateway: BTreeMap::new(),
            inbox: vec![(Time(1000), Event::GatewayStarted)],
        }
    }

    /// Lets `count` things happen.
    pub(crate) fn live(&mut self, count: u32) {
        for _ in 0..count {
            match self.below(100) {
                0..12 => self.somebody_deploys(),
                12..15 => self.somebody_removes(),
                15..18 if self.faults.crashes => self.node_crashes(),
                18..21 if self.faults.crashes => self.gateway_crashes(),
                21..27 if self.faults.crashes => self.a_cell_crashes(),
                27..30 if self.faults.disk => self.disk_is_full = !self.disk_is_full,
                30..33 if self.faults.clock => self.now = Time(self.now.0 + self.below(400_000_000)),
                _ => {
                    self.something_happens();
                }
            }
        }
    }

    /// Ends all faults and lets the world come to rest.
    pub(crate) fn rest(&mut self) {
        self.faults = Faults::NONE;
        self.disk_is_full = false;
        for _ in 0..20_000 {
            if !self.something_happens() {
                return;
            }
        }
        panic!("seed {}: no rest: {:#?}", self.seed, self.state);
    }

    /// All that should serve does, and nothing else is left.
    pub(crate) fn check_served(&self) {
        let mut expected = BTreeMap::<HomeId, BTreeMap<Name, Revision>>::new();
        for (id, on_disk) in &self.disk {
            let wanted = Some(on_disk.wanted).filter(|wanted| !on_disk.failed.contains_key(wanted));
            if let Some(revision) = wanted.or(on_disk.good) {
                let home = HomeId::of(id, on_disk.isolation);
                expected.entry(home).or_default().insert(id.app.clone(), revision);
            }
            let served = wanted.or(on_disk.good);
            assert!(served.is_none_or(|revision| self.nature(id, revision) == Nature::Healthy));
            assert_eq!(served, on_disk.good, "seed {}: {id}: what is good is on disk", self.seed);
        }
        let mut served = BTreeMap::<CellId, BTreeMap<Name, Revision>>::new();
        for (id, cell) in &self.gateway {
            let revision = self.cells[cell].plan[&id.app];
            served.entry(*cell).or_default().insert(id.app.clone(), revision);
        }
        let running =
            self.cells.iter().map(|(id, cell)| (*id, cell.plan.clone())).collect::<BTreeMap<_, _>>();
        assert_eq!(running, served, "seed {}: processes that nobody needs: {:#?}", self.seed, self.state);
        let mut served: Vec<_> = served.into_values().collect();
        let mut expected: Vec<_> = expected.into_values().collect();
        served.sort();
        expected.sort();
        assert_eq!(served, expected, "seed {}: {:#?}", self.seed, self.state);
    }

    /// Where nothing goes wrong, nothing that works is given up.
    pub(crate) fn check_nothing_healthy_failed(&self) {
        for (id, on_disk) in &self.disk {
            for (revision, reason) in &on_disk.failed {
                let nature = self.nature(id, *revision);
                assert_ne!(nature, Nature::Healthy, "seed {}: {id} {revision}: {reason}", self.seed);
            }
        }
    }

    /// The next event or the next moment that is waited for; false if there is neither.
    pub(crate) fn something_happens(&mut self) -> bool {
        let event = (0..self.inbox.len()).min_by_key(|index| self.inbox[*index].0);
        let wake = self.state.wake();
        match (event, wake) {
            (None, None) => return false,
            (Some(event), wake) if wake.is_none_or(|wake| self.inbox[event].0 <= wake.max(self.now)) => {
                let (due, event) = self.inbox.remove(event);
                self.now = self.now.max(due);
                self.tell(event);
            }
            (_, Some(wake)) => {
                self.now = self.now.max(wake);
                self.tell(Event::Tick);
            }
            (Some(_), None) => unreachable!("covered by the guard above"),
        }
        true
    }

    pub(crate) fn tell(&mut self, event: Event) {
        let (state, actions) = step(self.state.clone(), event, self.now);

        self.state = state;
        self.check_cells();
        for action in actions {
            if self.faults.crashes && self.below(60) == 0 {
                return self.node_crashes();
            }
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Verify { app, revision } => self.verify(app, revision),
            Action::Start { cell, tenant, plan } => self.start(cell, &tenant, plan),
            Action::Route { version, table } => {
                for (app, cell) in &table {
                    let process = self.cells.get(cell);
                    let drains = process.is_some_and(|cell| cell.draining || !cell.ready);
                    assert!(!drains, "seed {}: {app} is routed to a cell that does not serve", self.seed);
                    let has = process.is_none_or(|cell| cell.plan.contains_key(&app.app));
                    assert!(has, "seed {}: {app} is routed to a cell without it", self.seed);
                }
                self.check_nobody_is_forgotten(&table);
                self.gateway = table;
                self.later(5, Event::Routed { version });
            }
            Action::Drain { cell } => {
                let routed = self.gateway.values().any(|routed| *routed == cell);
                assert!(!routed, "seed {}: cell {cell} drains while requests go there", self.seed);
                if let Some(process) = self.cells.get_mut(&cell) {
                    process.draining = true;
                    // Some take too long and are killed.
                    let time = self.below(30_000);
                    self.exit(cell, time, None, "drained");
                }
            }
            Action::Kill { cell } => self.exit(cell, 1, None, "killed"),
            Action::Record(record) => self.record(record),
        }
    }

    /// Where nothing goes wrong, an app that serves what is wanted goes on to be routed to.
    fn check_nobody_is_forgotten(&self, table: &BTreeMap<AppId, CellId>) {
        for (app, cell) in self.gateway.iter().filter(|_| self.never_fails) {
            let (Some(process), Some(on_disk)) = (self.cells.get(cell), self.disk.get(app)) else { continue };
            let well = on_disk.good == Some(on_disk.wanted) && process.plan[&app.app] == on_disk.wanted;
            let dropped = well && !process.draining && !table.contains_key(app);
            assert!(!dropped, "seed {}: {app} serves well and was dropped", self.seed);
        }
    }

    fn verify(&mut self, app: AppId, revision: Revision) {
        let broken = self.nature(&app, revision) == Nature::Corrupt;
        let full = self.disk_is_full && self.below(2) == 0;
        let outcome = match (broken, full) {
            (true, _) => Err(Unfit { reason: "corrupt".into(), permanent: true }),
            (_, true) => Err(Unfit { reason: "the disk is full".into(), permanent: false }),
            _ => Ok(()),
        };
        if outcome.is_ok() {
            self.fit.insert((app.clone(), revision));
        }
        let time = self.below(800);
        self.later(time, Event::Verified { app, revision, outcome });
    }

    fn start(&mut self, cell: CellId, tenant: &Name, plan: BTreeMap<Name, Revision>) {
        assert!(!plan.is_empty(), "seed {}: a cell for nothing", self.seed);
        let mut trouble = None;
        for (app, revision) in &plan {
            let id = AppId { tenant: tenant.clone(), app: app.clone() };
            assert!(self.fit.contains(&(id.clone(), *revision)), "seed {}: {id} was not verified", self.seed);
            let failed = self.disk.get(&id).is_some_and(|on_disk| {
                on_disk.failed.contains_key(revision) && on_disk.good != Some(*revision)
            });
            assert!(!failed, "seed {}: {id} {revision} has failed before", self.seed);
            match self.nature(&id, *revision) {
                Nature::Healthy => {}
                nature => trouble = Some((app.clone(), nature)),
            }
        }
        self.cells.insert(cell, Process { plan, ready: false, draining: false });
        let time = self.below(200);
        match trouble {
            Some((app, Nature::NamedAtStart)) => self.exit(cell, time, Some(app), "cannot be loaded"),
            Some((_, Nature::DiesAtStart)) => self.exit(cell, time, None, "signal 11"),
            Some((_, Nature::NeverReady)) => {}
            Some((_, Nature::DiesOnTrial)) => {
                self.ready(cell, time);
                self.exit(cell, time + 300, None, "signal 9");
            }
            Some((_, Nature::Unwell)) => {
                self.ready(cell, time);
                // Its requests fail for as long as it gets any.
                for again in 0..60 {
                    let due = Time(self.now.0 + time + 300 + 700 * again);
                    self.inbox.push((due, Event::Unwell { cell, reason: "traps".into() }));
                }
            }
            Some((_, Nature::Healthy | Nature::Corrupt)) | None => self.ready(cell, time),
        }
    }

    fn ready(&mut self, cell: CellId, time: u64) {
        if let Some(process) = self.cells.get_mut(&cell) {
            process.ready = true;
        }
        self.later(time, Event::Ready { cell });
    }

    fn record(&mut self, record: Record) {
        if self.disk_is_full {
            return self.later(1, Event::NotRecorded(record));
        }
        let Some(on_disk) = self.disk.get_mut(record.app()) else { return };
        match record {
            Record::Good { revision, .. } => on_disk.good = Some(revision),
            Record::Failed { revision, reason, .. } => drop(on_disk.failed.insert(revision, reason)),
        }
    }

    /// An event that comes later; with faults it may come much later or never.
    fn later(&mut self, ms: u64, event: Event) {
        let must_come = matches!(event, Event::NotRecorded(_) | Event::GatewayStarted);
        let mut ms = ms;
        if self.faults.events && !must_come {
            match self.below(20) {
                0 => return,
                1 => ms += self.below(10_000),
                _ => {}
            }
        }
        self.inbox.push((Time(self.now.0 + ms), event));
    }

    /// The kernel tells when a process ends: this event is never lost.
    fn exit(&mut self, cell: CellId, ms: u64, culprit: Option<Name>, reason: &str) {
        if self.cells.contains_key(&cell) {
            let exit = Exit { culprit, reason: reason.into() };
            self.inbox.push((Time(self.now.0 + ms), Event::Exited { cell, exit }));
        }
    }

    /// Processes whose end was told are gone; those of which the reconciler knows nothing should not be there.
    fn check_cells(&mut self) {
        let known: BTreeSet<CellId> = self.state.cells().map(|(cell, _)| cell).collect();
        self.cells.retain(|cell, _| known.contains(cell));
        for home in self.state.homes.values() {
            let fronts = home
                .cells
                .values()
                .filter(|cell| matches!(cell.phase, Phase::OnTrial { .. } | Phase::Serving { .. }))
                .count();
            assert!(fronts <= 1, "seed {}: two cells serve the same apps", self.seed);
        }
    }

    fn somebody_deploys(&mut self) {
        let app = self.some_app();
        if self.disk_is_full {
            return;
        }
        let last = self.last_revision.entry(app.clone()).or_default();
        *last += 1;
        let mut revision = Revision(*last);
        if let Some(old) = self.disk.get(&app).and_then(|on_disk| on_disk.good)
            && self.below(5) == 0
        {
            revision = old;
        }
        let isolation = self.isolation(&app, revision);
        let on_disk = self.disk.entry(app.clone()).or_insert(OnDisk {
            isolation,
            wanted: revision,
            good: None,
            failed: BTreeMap::new(),
        });
        on_disk.wanted = revision;
        on_disk.isolation = isolation;
        on_disk.failed.remove(&revision);
        self.tell(Event::Deploy { app, revision, isolation });
    }

    fn somebody_removes(&mut self) {
        let app = self.some_app();
        if !self.disk_is_full && self.disk.remove(&app).is_some() {
            self.tell(Event::Remove { app });
        }
    }

    /// All processes die with the node; what is left is the disk.
    pub(crate) fn node_crashes(&mut self) {
        self.cells.clear();
        self.gateway.clear();
        self.fit.clear();
        self.inbox = vec![(self.now, Event::GatewayStarted)];
        let apps = self.disk.iter().map(|(id, on_disk)| {
            (id.clone(), on_disk.isolation, App::new(on_disk.wanted, on_disk.good, on_disk.failed.clone()))
        });
        self.state = State::new(Policy::default(), apps.collect::<Vec<_>>());
    }

    fn gateway_crashes(&mut self) {
        self.gateway.clear();
        self.inbox.retain(|(_, event)| !matches!(event, Event::Routed { .. }));
        self.later(100, Event::GatewayStarted);
    }

    fn a_cell_crashes(&mut self) {
        let cells: Vec<_> = self.cells.keys().copied().collect();
        if !cells.is_empty() {
            let cell = cells[usize::try_from(self.below(cells.len() as u64)).expect("a small number")];
            self.exit(cell, 0, None, "signal 9");
        }
    }

    fn some_app(&mut self) -> AppId {
        let tenant = ["acme", "beta"][usize::try_from(self.below(2)).expect("a small number")];
        let app = ["api", "ingest", "web"][usize::try_from(self.below(3)).expect("a small number")];
        AppId { tenant: tenant.parse().expect("a name"), app: app.parse().expect("a name") }
    }

    /// Fixed for each revision of a world: a revision does not change its mind.
    fn nature(&self, app: &AppId, revision: Revision) -> Nature {
        match self.hash(app, revision) >> 32 & 15 {
            0 => Nature::Corrupt,
            1 => Nature::NamedAtStart,
            2 => Nature::DiesAtStart,
            3 => Nature::NeverReady,
            4 => Nature::DiesOnTrial,
            5 => Nature::Unwell,
            _ => Nature::Healthy,
        }
    }

    /// As fixed; apps change between their tenant's cell and one of their own.
    fn isolation(&self, app: &AppId, revision: Revision) -> Isolation {
        if self.hash(app, revision) >> 40 & 3 == 0 { Isolation::App } else { Isolation::Tenant }
    }

    fn hash(&self, app: &AppId, revision: Revision) -> u64 {
        let text = format!("{}{app}{revision}", self.seed);
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % bound
    }
}
