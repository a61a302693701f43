//! Tenants and their ceilings.

use rusqlite::{OptionalExtension, params};
use tombolo_spec::Name;

use super::{Db, DbError};

impl Db {
    /// Adds a tenant, or gives one another ceiling: the text of a `ceiling.toml`.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn put_tenant(&mut self, tenant: &Name, ceiling: Option<&str>) -> Result<(), DbError> {
        self.connection.execute(
            "INSERT INTO tenants (name, ceiling) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET ceiling = ?2",
            params![&**tenant, ceiling],
        )?;
        Ok(())
    }

    /// The text of a tenant's ceiling, if it has one.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn ceiling(&self, tenant: &Name) -> Result<Option<String>, DbError> {
        let ceiling = self
            .connection
            .prepare("SELECT ceiling FROM tenants WHERE name = ?1")?
            .query_row(params![&**tenant], |row| row.get::<_, Option<String>>(0))
            .optional()?;
        Ok(ceiling.flatten())
    }

    /// Whether there is such a tenant.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn has_tenant(&self, tenant: &Name) -> Result<bool, DbError> {
        let found =
            self.connection.prepare("SELECT 1 FROM tenants WHERE name = ?1")?.exists(params![&**tenant])?;
        Ok(found)
    }

    /// The names of all tenants.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn tenants(&self) -> Result<Vec<String>, DbError> {
        let mut statement = self.connection.prepare("SELECT name FROM tenants ORDER BY name")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }
}
