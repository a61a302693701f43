//! The certificates of the public listeners: a folder that the operator keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use tombolo_listen::{Tls, TlsError, TlsFiles, TlsPems};
use tombolo_spec::Name;

use crate::public::Public;

/// The name of the certificate for all names that have none.
const DEFAULT: &str = "default";

/// Why certificates can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The folder can't be read.
    #[error("certificates: {}: {problem}", folder.display())]
    Folder {
        /// Which one.
        folder: PathBuf,
        /// The kernel's answer.
        problem: io::Error,
    },
    /// There is none.
    #[error("certificates: {} has none; put NAME.pem (the chain) and NAME.key (its private key) there", .0.display())]
    None(PathBuf),
    /// One of them is no good.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The certificates of the gateway's listeners (`None`), and of each tenant's own.
pub(crate) type Certificates = BTreeMap<Option<Name>, Vec<TlsPems>>;

/// The certificates that these listeners need: those of a tenant's own are in the folder of its name.
///
/// # Errors
/// [`CertificateError`].
pub(crate) fn read(folder: &Path, listeners: &[Public]) -> Result<Certificates, CertificateError> {
    let tenants = listeners.iter().filter(|public| public.is_tls).map(|public| public.tenant.clone());
    let tenants: BTreeSet<_> = tenants.collect();
    let read = |tenant: Option<Name>| {
        let own = tenant.as_ref().map_or_else(|| folder.to_owned(), |tenant| folder.join(tenant.as_str()));
        Ok((tenant, read_folder(&own)?))
    };
    tenants.into_iter().map(read).collect()
}

/// All certificates in a folder, each `NAME.pem` with `NAME.key`: `default` first, then by name. All of them are good.
fn read_folder(folder: &Path) -> Result<Vec<TlsPems>, CertificateError> {
    let pems = files(folder)?.iter().map(TlsFiles::read).collect::<Result<Vec<_>, _>>()?;
    if pems.is_empty() {
        return Err(CertificateError::None(folder.to_owned()));
    }
    Tls::load(&pems)?;
    Ok(pems)
}

fn files(folder: &Path) -> Result<Vec<TlsFiles>, CertificateError> {
    let failed = |problem| CertificateError::Folder { folder: folder.to_owned(), problem };
    let mut chains = Vec::new();
    match std::fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                let path = entry.map_err(failed)?.path();
                if path.extension().is_some_and(|extension| extension == "pem") {
                    chains.push(path);
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    chains.sort_by_key(|chain| (chain.file_stem().is_none_or(|name| name != DEFAULT), chain.clone()));
    Ok(chains
        .into_iter()
        .map(|certificate| TlsFiles { key: certificate.with_extension("key"), certificate })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_comes_first_and_other_files_do_not_count() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["b.pem", "b.key", "a.pem", "default.pem", "notes.txt", "c.key"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        let files = files(folder.path()).expect("files");
        let names = files.iter().map(|files| files.certificate.file_name().expect("a name"));
        assert_eq!(names.collect::<Vec<_>>(), ["default.pem", "a.pem", "b.pem"]);
        assert!(files[1].key.ends_with("a.key"));
    }

    #[test]
    fn a_folder_without_certificates_says_what_to_put_there() {
        let folder = tempfile::tempdir().expect("a folder");
        for folder in [folder.path().to_owned(), folder.path().join("missing")] {
            let error = read_folder(&folder).expect_err("there is none").to_string();
            assert!(error.contains("NAME.pem") && error.contains(&folder.display().to_string()), "{error}");
        }
    }
}
