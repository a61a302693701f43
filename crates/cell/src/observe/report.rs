//! What a node asks a cell: everything observed of every function, as JSON.

use std::collections::BTreeMap;

use tombolo_spec::Observed;

use super::metrics::totals;
use crate::function::Function;
use crate::refusal::Refusal;
use crate::worker::Shared;

/// All functions, also those that were never called.
pub(crate) fn text(shared: &Shared) -> String {
    let generation = shared.generation.load();
    let all: Vec<Observed> = generation.functions.iter().map(|function| observed(function)).collect();
    serde_json::to_string(&all).unwrap_or_default()
}

fn observed(function: &Function) -> Observed {
    let totals = totals(&function.counters);
    let ledger = function.template.ledger().report();
    let failed = Refusal::NAMES.iter().zip(totals.refusals).filter(|(_, count)| *count > 0);
    Observed {
        function: function.name.to_string(),
        revision: function.revision.to_string(),
        answered: totals.classes,
        canceled: totals.canceled,
        failed: failed.map(|(reason, count)| ((*reason).to_owned(), count)).collect::<BTreeMap<_, _>>(),
        latency: totals.duration,
        cpu_us: totals.cpu_ns / 1000,
        lines_dropped: function.log.dropped(),
        grants: ledger.grants,
        refused_without_grant: ledger.refused_without_grant,
        running: function.gate.running() as u64,
        waiting: function.gate.waiting() as u64,
        memory_bytes: function.gate.memory_bytes(),
    }
}
