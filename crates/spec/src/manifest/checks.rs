//! Lines that are fine alone and wrong together.

use super::app::Placed;
use super::read::Reader;
use crate::grant::{Grant, HostPattern, Methods, PathPattern};
use crate::trigger::{Route, Trigger};
use std::collections::BTreeMap;

/// Reports grants that are written twice, or that a guest cannot have both.
pub(super) fn check_grants(reader: &mut Reader<'_>, grants: &[Placed<Grant>]) {
    for (i, (span, grant)) in grants.iter().enumerate() {
        let clash = grants[..i].iter().find_map(|(first, other)| {
            let why = if other == grant {
                Some("it is written twice".to_owned())
            } else {
                other.contradicts(grant)
            };
            Some((first, why?))
        });
        if let Some((first, why)) = clash {
            let line = reader.line_of(first.start);
            let what = format!("grant \"{grant}\": {why}, see line {line}");
            reader.problem(span.clone(), what, "delete one of the two");
        }
    }
}

/// Reports triggers other than routes that are written twice; routes are compared over all functions.
pub(super) fn check_triggers(reader: &mut Reader<'_>, triggers: &[Placed<Trigger>]) {
    for (i, (span, trigger)) in triggers.iter().enumerate() {
        let first = triggers[..i].iter().find(|(_, other)| other == trigger);
        if let (None, Some((first, _))) = (trigger.route(), first) {
            let line = reader.line_of(first.start);
            let what = format!("trigger \"{trigger}\": it is written twice, see line {line}");
            reader.problem(span.clone(), what, "delete one of the two");
        }
    }
}

/// The routes of all functions so far.
///
/// Two routes conflict when they have host, path and a method in common (see [`Route::conflicts`]), so a table
/// over these finds each conflict at once, however many routes there are.
#[derive(Default)]
pub(super) struct Routes {
    taken: BTreeMap<(Option<HostPattern>, PathPattern, Option<String>), Taken>,
}

struct Taken {
    function: String,
    route: Route,
    line: usize,
}

impl Routes {
    pub(super) fn add(&mut self, reader: &mut Reader<'_>, function: &str, triggers: &[Placed<Trigger>]) {
        for (span, trigger) in triggers {
            let Some(route) = trigger.route() else { continue };
            let line = reader.line_of(span.start);
            if let Some(other) = self.take(route, function, line) {
                let what = format!(
                    "trigger \"{trigger}\": the function {:?} takes these requests with \"http {}\" in line {}",
                    other.function, other.route, other.line
                );
                reader.problem(
                    span.clone(),
                    what,
                    "change the path, the host or the methods of one of the two",
                );
            }
        }
    }

    /// Enters a route under each of its methods; the first one that has a method keeps it.
    fn take(&mut self, route: &Route, function: &str, line: usize) -> Option<&Taken> {
        let methods = match &route.methods {
            Methods::Any => vec![None],
            Methods::These(list) => list.iter().cloned().map(Some).collect(),
        };
        let key = |method| (route.host.clone(), route.path.clone(), method);
        let clash = methods.iter().find(|method| self.taken.contains_key(&key((*method).clone()))).cloned();
        for method in methods {
            let taken = Taken { function: function.to_owned(), route: route.clone(), line };
            self.taken.entry(key(method)).or_insert(taken);
        }
        clash.and_then(|method| self.taken.get(&key(method)))
    }
}
