//! Certificates that sign themselves, made by `openssl`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A certificate and its key in `folder`, for these DNS names.
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    pub(crate) fn make(folder: &Path, name: &str, dns_names: &[&str]) -> Certificate {
        let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        let names = dns_names.iter().map(|name| format!("DNS:{name}")).collect::<Vec<_>>().join(",");
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "2", "-subj", &format!("/CN={name}"), "-addext"])
            .arg(format!("subjectAltName={names}"))
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Certificate { certificate, key }
    }
}
