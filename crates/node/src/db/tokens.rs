//! Tokens of those who ask from elsewhere. Only their hashes are kept.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};
use tombolo_spec::Name;

use super::{Db, DbError};

/// What a token lets its bearer do; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look at the tenant's apps.
    Read,
    /// Also deploy, roll back, remove and call them.
    Deploy,
    /// Everything on this node, for every tenant.
    Admin,
}

/// Who bears a token that is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// Whose apps.
    pub tenant: Name,
    /// What may be done.
    pub role: Role,
}

/// 32 bytes that nobody can guess, so one round of a fast hash is enough.
const SECRET_BYTES: usize = 32;
const PREFIX: &str = "tombolo_";

impl Db {
    /// Makes a token. It is returned once and can't be read again.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn create_token(&mut self, bearer: &Bearer, expires: Option<SystemTime>) -> Result<String, DbError> {
        let mut secret = [0; SECRET_BYTES];
        rustix::rand::getrandom(&mut secret, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| DbError::Foreign(format!("no random bytes: {error}")))?;
        let token =
            format!("{PREFIX}{}", secret.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        let expires = expires.map(seconds);
        self.connection.execute(
            "INSERT INTO tokens (hash, tenant, role, expires) VALUES (?1, ?2, ?3, ?4)",
            params![hash(&token), &*bearer.tenant, bearer.role.to_string(), expires],
        )?;
        Ok(token)
    }

    /// Who bears this token; `None` if there is no such token, or its time is over.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn bearer(&self, token: &str, now: SystemTime) -> Result<Option<Bearer>, DbError> {
        let found: Option<(String, String)> = self
            .connection
            .prepare("SELECT tenant, role FROM tokens WHERE hash = ?1 AND (expires IS NULL OR expires > ?2)")?
            .query_row(params![hash(token), seconds(now)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((tenant, role)) = found else { return Ok(None) };
        let foreign = || DbError::Foreign("a token that is none".to_owned());
        let tenant = tenant.parse().map_err(|_| foreign())?;
        Ok(Some(Bearer { tenant, role: role.parse().map_err(|_: UnknownRole| foreign())? }))
    }
}

/// What a token is called where people may see it: the beginning of its hash.
pub fn token_name(token: &str) -> String {
    let digits: String = hash(token).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("token {digits}")
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

fn seconds(time: SystemTime) -> i64 {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Read => "read",
            Role::Deploy => "deploy",
            Role::Admin => "admin",
        })
    }
}

/// A text is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role; write read, deploy or admin")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Role, UnknownRole> {
        let roles = [Role::Read, Role::Deploy, Role::Admin];
        roles.into_iter().find(|role| role.to_string() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_token_is_valid_until_its_time_is_over_and_is_not_on_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut db, _) = Db::open(folder.path()).expect("opened");
        let bearer = Bearer { tenant: "acme".parse().expect("a name"), role: Role::Deploy };
        let now = SystemTime::now();
        let hour = Duration::from_secs(3600);
        let token = db.create_token(&bearer, Some(now + hour)).expect("made");
        assert_eq!(db.bearer(&token, now).expect("read"), Some(bearer));
        assert_eq!(db.bearer(&token, now + 2 * hour).expect("read"), None);
        assert_eq!(db.bearer(&format!("{token}0"), now).expect("read"), None);
        drop(db);
        for entry in std::fs::read_dir(folder.path()).expect("readable") {
            let path = entry.expect("readable").path();
            let bytes = std::fs::read(&path).unwrap_or_default();
            let secret = &token.as_bytes()[PREFIX.len()..];
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", path.display());
        }
    }
}
