//! What cells observed of their functions: asked when somebody wants to know, and kept when a cell goes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::Request;
use http::header::HOST;
use http_body_util::{BodyExt, Empty, Limited};
use tombolo_spec::{Name, Observed};

use crate::client;

/// How long a cell may take to answer. One that was taken over may not answer at all.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// What cells observed that are gone: by tenant and function.
#[derive(Debug, Default)]
pub(crate) struct Past(RefCell<BTreeMap<Name, BTreeMap<String, Observed>>>);

impl Past {
    /// Keeps what a cell of a tenant observed, for those that ask later.
    pub(crate) fn keep(&self, tenant: &Name, all: Vec<Observed>) {
        let mut past = self.0.borrow_mut();
        let own = past.entry(tenant.clone()).or_default();
        let all = all.into_iter().map(|mut observed| {
            // What ran then does not run now.
            (observed.running, observed.waiting, observed.memory_bytes) = (0, 0, 0);
            if let Some(before) = own.get(&observed.function) {
                observed.add(before);
            }
            (observed.function.clone(), observed)
        });
        let all: BTreeMap<_, _> = all.collect();
        // A function that its app's cell did not have is one that the app has no more. Other apps may be in other cells.
        own.retain(|function, _| !all.keys().any(|known| app(known) == app(function)));
        own.extend(all);
    }

    /// Adds what was kept to what a tenant's cell says now.
    pub(crate) fn add_to(&self, tenant: &Name, now: &mut [Observed]) {
        let past = self.0.borrow();
        let Some(own) = past.get(tenant) else { return };
        for observed in now {
            if let Some(before) = own.get(&observed.function) {
                observed.add(before);
            }
        }
    }

    /// Forgets an app that is removed.
    pub(crate) fn forget(&self, tenant: &Name, app: &Name) {
        if let Some(own) = self.0.borrow_mut().get_mut(tenant) {
            own.retain(|function, _| self::app(function) != app.as_str());
        }
    }
}

/// The app of a function's full name.
fn app(function: &str) -> &str {
    function.split_once('/').map_or(function, |(app, _)| app)
}

/// Asks a cell; nothing where it does not answer as it should.
pub(crate) async fn ask(admin: &Path) -> Vec<Observed> {
    tokio::time::timeout(PATIENCE, asked(admin)).await.ok().flatten().unwrap_or_default()
}

async fn asked(admin: &Path) -> Option<Vec<Observed>> {
    let request = Request::builder().uri("/observed").header(HOST, "tombolo");
    let request = request.body(Empty::<bytes::Bytes>::new()).ok()?;
    let answer = client::send(admin, request).await.ok()?;
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.ok()?.to_bytes();
    serde_json::from_slice(&body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_when_a_cell_is_replaced_and_end_with_the_app() {
        let (past, tenant): (_, Name) = (Past::default(), "acme".parse().expect("a name"));
        let observed = |function: &str| Observed {
            function: function.to_owned(),
            answered: [0, 5, 0, 0, 0],
            running: 1,
            ..Observed::default()
        };
        past.keep(&tenant, vec![observed("web/f"), observed("web/old"), observed("other/f")]);
        past.keep(&tenant, vec![observed("web/f")]);
        let total_of = |past: &Past, function: &str| {
            let mut now = [observed(function)];
            past.add_to(&tenant, &mut now);
            assert_eq!(now[0].running, 1);
            now[0].requests()
        };
        let total = |past: &Past| total_of(past, "web/f");
        assert_eq!(total(&past), 15);
        assert_eq!(total_of(&past, "other/f"), 10, "another cell's");
        assert_eq!(total_of(&past, "web/old"), 5, "its app has it no more");
        past.forget(&tenant, &"web".parse().expect("a name"));
        assert_eq!(total(&past), 5);
    }
}
