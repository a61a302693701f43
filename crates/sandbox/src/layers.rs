//! The layers by name, and what is known of each.

use std::borrow::Cow;
use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// One wall of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// No program started from here can gain rights.
    NoNewPrivs,
    /// No capability is left, in any set.
    Capabilities,
    /// Landlock's file rules: only the policy's files and folders can be opened.
    Landlock,
    /// Landlock's TCP port rules (ABI 4).
    TcpPorts,
    /// Landlock's scopes (ABI 6): no signal and no abstract Unix socket leaves the cell.
    Scope,
    /// System calls outside the allow list are refused.
    Seccomp,
    /// A user namespace of its own: root inside is nobody outside.
    UserNamespace,
    /// A process namespace of its own: no other process can be named.
    PidNamespace,
    /// System V and POSIX message queues of its own.
    IpcNamespace,
    /// An empty network namespace.
    NetNamespace,
    /// A mount table of its own.
    MountNamespace,
    /// A control group that bounds memory, processor and processes.
    Cgroup,
    /// No core file is written.
    NoCore,
    /// `/proc/PID` of the process belongs to root, and nobody of the same user may trace it.
    NotDumpable,
}

impl Layer {
    /// All layers, in the order in which they are printed.
    pub const ALL: [Layer; 14] = [
        Layer::NoNewPrivs,
        Layer::Capabilities,
        Layer::Landlock,
        Layer::TcpPorts,
        Layer::Scope,
        Layer::Seccomp,
        Layer::UserNamespace,
        Layer::PidNamespace,
        Layer::IpcNamespace,
        Layer::NetNamespace,
        Layer::MountNamespace,
        Layer::Cgroup,
        Layer::NoCore,
        Layer::NotDumpable,
    ];

    /// The name used on the command line, in reports and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Layer::NoNewPrivs => "no-new-privs",
            Layer::Capabilities => "capabilities",
            Layer::Landlock => "landlock",
            Layer::TcpPorts => "tcp-ports",
            Layer::Scope => "scope",
            Layer::Seccomp => "seccomp",
            Layer::UserNamespace => "user",
            Layer::PidNamespace => "pid",
            Layer::IpcNamespace => "ipc",
            Layer::NetNamespace => "net",
            Layer::MountNamespace => "mount",
            Layer::Cgroup => "cgroup",
            Layer::NoCore => "no-core",
            Layer::NotDumpable => "not-dumpable",
        }
    }

    /// The layer of that name.
    pub fn from_name(name: &str) -> Option<Layer> {
        Layer::ALL.into_iter().find(|layer| layer.name() == name)
    }

    /// What the layer stops, in a few words for a table.
    pub fn stops(self) -> &'static str {
        match self {
            Layer::NoNewPrivs => "gaining rights through setuid programs",
            Layer::Capabilities => "everything that asks for a capability",
            Layer::Landlock => "opening files outside the granted ones",
            Layer::TcpPorts => "TCP to and from ports not granted",
            Layer::Scope => "signals and abstract sockets to other processes",
            Layer::Seccomp => "system calls that no guest needs",
            Layer::UserNamespace => "holding rights over the machine",
            Layer::PidNamespace => "naming other processes",
            Layer::IpcNamespace => "shared memory and queues of others",
            Layer::NetNamespace => "any network at all",
            Layer::MountNamespace => "seeing the machine's mounts",
            Layer::Cgroup => "using up the machine",
            Layer::NoCore => "memory written to a core file",
            Layer::NotDumpable => "being traced or read by the same user",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is known of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// In force now; the text adds a detail, such as a version, and can be empty.
    InForce(Cow<'static, str>),
    /// The machine has it and nothing uses it yet.
    Available(Cow<'static, str>),
    /// Not wanted here, and why.
    NotUsed(Cow<'static, str>),
    /// The machine does not have it or refused it, and why.
    Missing(Cow<'static, str>),
}

impl Status {
    /// One word: `in-force`, `available`, `not-used` or `missing`.
    pub fn word(&self) -> &'static str {
        match self {
            Status::InForce(_) => "in-force",
            Status::Available(_) => "available",
            Status::NotUsed(_) => "not-used",
            Status::Missing(_) => "missing",
        }
    }

    fn from_parts(word: &str, text: &str) -> Option<Status> {
        let text = text.to_owned().into();
        match word {
            "in-force" => Some(Status::InForce(text)),
            "available" => Some(Status::Available(text)),
            "not-used" => Some(Status::NotUsed(text)),
            "missing" => Some(Status::Missing(text)),
            _ => None,
        }
    }

    /// The detail or the reason; can be empty.
    pub fn text(&self) -> &str {
        match self {
            Status::InForce(text)
            | Status::Available(text)
            | Status::NotUsed(text)
            | Status::Missing(text) => text,
        }
    }
}

/// What is known of every layer: of the machine after [`probe`](crate::probe), of this process after
/// [`lock_down`](crate::Entered::lock_down).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layers([Status; Layer::ALL.len()]);

impl Layers {
    pub(crate) fn new(of: impl Fn(Layer) -> Status) -> Self {
        Layers(Layer::ALL.map(of))
    }

    /// What is known of one layer.
    pub fn get(&self, layer: Layer) -> &Status {
        &self.0[layer as usize]
    }

    pub(crate) fn set(&mut self, layer: Layer, status: Status) {
        self.0[layer as usize] = status;
    }

    /// True if the layer is in force now.
    pub fn in_force(&self, layer: Layer) -> bool {
        matches!(self.get(layer), Status::InForce(_))
    }

    /// The table in a form for a pipe: name, status and text, separated by tabs, one layer a line.
    pub(crate) fn to_lines(&self) -> String {
        let lines =
            self.iter().map(|(layer, status)| format!("{layer}\t{}\t{}\n", status.word(), status.text()));
        lines.collect()
    }

    /// Reads what [`to_lines`](Self::to_lines) wrote; `None` if a layer is missing.
    pub(crate) fn from_lines(text: &str) -> Option<Layers> {
        let mut found: [Option<Status>; Layer::ALL.len()] = Default::default();
        for line in text.lines() {
            let mut parts = line.splitn(3, '\t');
            let layer = Layer::from_name(parts.next()?)?;
            found[layer as usize] = Some(Status::from_parts(parts.next()?, parts.next()?)?);
        }
        let found = found.into_iter().collect::<Option<Vec<_>>>()?;
        found.try_into().ok().map(Layers)
    }

    /// All layers with their status, in the order in which they are printed.
    pub fn iter(&self) -> impl Iterator<Item = (Layer, &Status)> {
        Layer::ALL.into_iter().zip(&self.0)
    }
}

impl fmt::Display for Layers {
    /// A table of one line a layer: name, status, what it stops, detail or reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (layer, status) in self.iter() {
            let line = format!("{layer:<14}{:<11}{:<49}{}", status.word(), layer.stops(), status.text());
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl Serialize for Layers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (layer, status) in self.iter() {
            map.serialize_entry(layer.name(), &Row { status: status.word(), detail: status.text() })?;
        }
        map.end()
    }
}

#[derive(serde::Serialize)]
struct Row<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        for (place, layer) in Layer::ALL.into_iter().enumerate() {
            assert_eq!((Layer::from_name(layer.name()), layer as usize), (Some(layer), place));
        }
    }

    #[test]
    fn the_form_for_a_pipe_is_read_back() {
        let layers = Layers::new(|layer| match layer as usize % 4 {
            0 => Status::InForce("ABI 7".into()),
            1 => Status::Available("".into()),
            2 => Status::NotUsed("a grant needs the network".into()),
            _ => Status::Missing("refused: with a\ttab".into()),
        });
        assert_eq!(Layers::from_lines(&layers.to_lines()), Some(layers.clone()));
        let shorter = layers.to_lines().lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
        assert_eq!(Layers::from_lines(&shorter), None);
        assert_eq!(Layers::from_lines("user\tbroken\t\n"), None);
    }

    #[test]
    fn the_table_has_a_line_for_each_layer() {
        let table = Layers::new(|_| Status::InForce("detail".into())).to_string();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), Layer::ALL.len());
        let first = "no-new-privs  in-force   gaining rights through setuid programs           detail";
        assert_eq!(lines[0], first);
    }
}
