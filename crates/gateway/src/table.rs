//! The table in force, and the change from one to the next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tombolo_spec::Trigger;
use tombolo_spec::call::AppOf;
use tombolo_spec::trigger::{Miss, RouteTable};

use crate::wire;

/// How often is looked whether somebody still uses the table before.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// A request that has not reached its cell by then never will.
const LOOK_AT_MOST: u32 = 500;

/// Which cell takes which request.
#[derive(Debug, Default)]
pub(crate) struct Table {
    routes: RouteTable<u64>,
    /// Those of one owner alone.
    own: BTreeMap<String, RouteTable<u64>>,
    /// Where each app is, for the others that call it.
    apps: HashMap<AppOf, u64>,
}

/// The table that all workers use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Current(Arc<ArcSwap<Table>>);

impl Table {
    /// Lines that are no routes lead nowhere: the node has read them before.
    pub(crate) fn new(table: &wire::Table) -> Table {
        let (mut routes, mut own) = (RouteTable::default(), BTreeMap::<_, RouteTable<u64>>::new());
        let mut apps = HashMap::new();
        for cell in &table.cells {
            apps.insert(AppOf { tenant: cell.owner.clone(), app: cell.app.clone() }, cell.cell);
            let own = own.entry(cell.owner.clone()).or_default();
            for route in cell.routes.iter().filter_map(|line| line.parse::<Trigger>().ok()?.route().cloned())
            {
                routes.add(&route, cell.cell);
                own.add(&route, cell.cell);
            }
        }
        Table { routes, own, apps }
    }

    /// The routes of all, or of one owner alone.
    pub(crate) fn routes(&self, owner: Option<&str>) -> Result<&RouteTable<u64>, Miss> {
        match owner {
            None => Ok(&self.routes),
            Some(owner) => self.own.get(owner).ok_or(Miss::NoRoute),
        }
    }

    /// The cell of an app. Which of its functions answers is for the cell to say.
    pub(crate) fn cell_of(&self, app: &AppOf) -> Result<u64, Miss> {
        self.apps.get(app).copied().ok_or(Miss::NoRoute)
    }
}

impl Current {
    /// The table, for one request: held until the request has reached its cell.
    pub(crate) fn get(&self) -> Arc<Table> {
        self.0.load_full()
    }

    /// Replaces the table, and waits until nothing is on its way by the one before.
    pub(crate) async fn replace(&self, table: Table) {
        let before = self.0.swap(Arc::new(table));
        for _ in 0..LOOK_AT_MOST {
            if Arc::strong_count(&before) == 1 {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(routes: &[(u64, &str, &str)]) -> Table {
        let cells = routes
            .iter()
            .map(|(cell, owner, route)| wire::CellRoutes {
                cell: *cell,
                owner: (*owner).to_owned(),
                app: format!("app-of-{owner}"),
                routes: vec![(*route).to_owned()],
            })
            .collect();
        Table::new(&wire::Table { version: 1, cells, handed: Vec::new() })
    }

    fn find(table: &Table, owner: Option<&str>, method: &str, host: &str, path: &str) -> Result<u64, Miss> {
        table.routes(owner)?.find(method, host, path).map(|found| found.target)
    }

    #[test]
    fn the_most_specific_route_of_all_cells_wins() {
        let table = table(&[
            (1, "a", "http * /*"),
            (2, "b", "http GET /api/*"),
            (3, "c", "http GET example.com/api/*"),
        ]);
        assert_eq!(find(&table, None, "GET", "x", "/"), Ok(1));
        assert_eq!(find(&table, None, "GET", "x", "/api/a"), Ok(2));
        assert_eq!(find(&table, None, "GET", "example.com:80", "/api/a"), Ok(3));
        assert_eq!(find(&table, None, "POST", "example.com", "/api/a"), Ok(1));
    }

    #[test]
    fn where_one_owner_is_asked_nobody_else_answers() {
        let table = table(&[(1, "a", "http * /*"), (2, "b", "http GET /api/*")]);
        assert_eq!(find(&table, Some("a"), "GET", "x", "/api/a"), Ok(1));
        assert_eq!(find(&table, Some("b"), "GET", "x", "/api/a"), Ok(2));
        assert_eq!(find(&table, Some("b"), "GET", "x", "/"), Err(Miss::NoRoute));
        assert_eq!(find(&table, Some("c"), "GET", "x", "/"), Err(Miss::NoRoute));
    }

    #[test]
    fn an_app_is_where_its_tenants_one_of_that_name_is() {
        let table = table(&[(1, "a", "http * /*"), (2, "b", "http GET /api/*")]);
        let find = |tenant: &str, app: &str| {
            table.cell_of(&AppOf { tenant: tenant.to_owned(), app: app.to_owned() })
        };
        assert_eq!(find("a", "app-of-a"), Ok(1));
        assert_eq!(find("b", "app-of-b"), Ok(2));
        assert_eq!(find("a", "app-of-b"), Err(Miss::NoRoute));
        assert_eq!(find("c", "app-of-a"), Err(Miss::NoRoute));
    }

    #[tokio::test]
    async fn a_table_is_replaced_only_once_nobody_is_on_the_way_by_the_one_before() {
        let current = Current::default();
        let on_the_way = current.get();
        let waiting = current.clone();
        let next = table(&[(1, "a", "http * /*")]);
        let replaced = tokio::spawn(async move { waiting.replace(next).await });
        while find(&current.get(), None, "GET", "x", "/").is_err() {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
        assert!(!replaced.is_finished(), "one request still uses the one before");
        drop(on_the_way);
        replaced.await.expect("it ends");
    }
}
