//! Where an artifact comes from: a file, or an image in a registry.

use crate::digest::Digest;
use crate::invalid::Invalid;
use crate::line::is_visible;
use std::fmt;
use std::str::FromStr;

/// Where an artifact comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A file, relative to the manifest's folder.
    Path(String),
    /// An image in a registry.
    Oci(OciReference),
}

/// `oci://registry/repository:tag@sha256:…`; a tag, a digest, or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OciReference {
    /// The registry's host, with a port if one is written.
    pub registry: String,
    /// The repository within the registry.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest; with one, the content can never change.
    pub digest: Option<Digest>,
}

const REMEDY: &str = "write a file's path, or oci://registry/name:tag@sha256:…";

impl FromStr for Source {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Some(reference) = text.strip_prefix("oci://") {
            return reference.parse().map(Self::Oci);
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(Invalid::new(format!("components are not fetched over {scheme}://"), REMEDY));
        }
        if text.is_empty() || !is_visible(text) {
            return Err(Invalid::new(format!("{text:?} is no path"), REMEDY));
        }
        Ok(Self::Path(text.to_owned()))
    }
}

impl FromStr for OciReference {
    type Err = Invalid;

    /// Reads a reference without `oci://` (OCI distribution-spec, "Pulling manifests").
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fail = |what: String| Invalid::new(what, REMEDY);
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        let Some((registry, path)) = rest.split_once('/') else {
            return Err(fail(format!("{text:?} has no registry before a slash")));
        };
        let (repository, tag) = path.split_once(':').map_or((path, None), |(path, tag)| (path, Some(tag)));
        if !is_registry(registry) {
            return Err(fail(format!("{registry:?} is no registry's host")));
        }
        if !is_repository(repository) {
            return Err(fail(format!("{repository:?} is no repository's name")));
        }
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(fail(format!("{tag:?} is no tag")));
        }
        if tag.is_none() && digest.is_none() {
            return Err(fail(format!("{text:?} has neither a tag nor a digest")));
        }
        let (registry, repository) = (registry.to_owned(), repository.to_owned());
        Ok(Self { registry, repository, tag: tag.map(str::to_owned), digest })
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    host.parse::<crate::grant::Host>().is_ok()
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|n| n > 0))
}

fn is_repository(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
            && !part.contains("..")
    };
    text.len() <= 255 && text.split('/').all(part)
}

fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !text.starts_with(['.', '-'])
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Oci(reference) => write!(f, "oci://{reference}"),
        }
    }
}

impl fmt::Display for OciReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}
