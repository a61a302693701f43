//! What the loader tells the server, over the socket between them.
//!
//! ```text
//! server → loader   one byte: load everything anew
//! loader → server   length (4 bytes) │ message (JSON) │ one byte with a descriptor for each function's code
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use serde::{Deserialize, Serialize};
use tombolo_engine::{Authenticated, EngineClass, Kind};
use tombolo_listen::TlsPems;

use super::prepare::Compiled;

/// The largest message: a manifest, secrets and digests.
const MESSAGE_BYTES_MAX: u32 = 64 << 20;

/// What the loader has to say.
#[derive(Serialize, Deserialize)]
pub(super) enum Message {
    /// Everything is loaded and compiled; a descriptor follows for each function.
    Functions(Functions),
    /// The certificate files hold this.
    Certificates(Vec<TlsPems>),
    /// Something could not be loaded.
    Failed(String),
}

/// The functions to serve from now on.
#[derive(Serialize, Deserialize)]
pub(super) struct Functions {
    /// The manifest's text, from which the server makes its own plans.
    pub(super) manifest: Option<String>,
    /// One for each of the plans, in their order.
    pub(super) codes: Vec<CodeNote>,
}

/// What goes with a descriptor.
#[derive(Serialize, Deserialize)]
pub(super) struct CodeNote {
    revision: String,
    class: String,
    is_module: bool,
    /// The texts of the function's secrets.
    pub(super) secrets: BTreeMap<String, String>,
}

impl CodeNote {
    pub(super) fn new(compiled: &Compiled, secrets: BTreeMap<String, String>) -> CodeNote {
        CodeNote {
            revision: compiled.revision.clone(),
            class: compiled.class.name().to_owned(),
            is_module: compiled.code.kind() == Kind::Module,
            secrets,
        }
    }

    /// The code in `file`, which came with this note.
    pub(super) fn compiled(&self, file: File) -> io::Result<Compiled> {
        let class: EngineClass =
            self.class.parse().map_err(|why: String| io::Error::new(io::ErrorKind::InvalidData, why))?;
        let kind = if self.is_module { Kind::Module } else { Kind::Component };
        Ok(Compiled { revision: self.revision.clone(), class, code: Authenticated::handed_over(file, kind) })
    }
}

/// Sends a message.
pub(super) fn send(mut socket: &UnixStream, message: &Message) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let length = u32::try_from(text.len()).ok().filter(|length| *length <= MESSAGE_BYTES_MAX);
    let length =
        length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the manifest is too large"))?;
    socket.write_all(&length.to_le_bytes())?;
    socket.write_all(&text)
}

/// Sends the descriptor of a function's code.
pub(super) fn send_code(socket: &UnixStream, code: &Authenticated) -> io::Result<()> {
    tombolo_sandbox::send_fds(socket, &[0], &[code.file().as_fd()])
}

/// The next message; `None` when the loader has ended.
pub(super) fn receive(mut socket: &UnixStream) -> io::Result<Option<Message>> {
    let mut length = [0; 4];
    match socket.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u32::from_le_bytes(length);
    if length > MESSAGE_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length as usize];
    socket.read_exact(&mut text)?;
    Ok(Some(serde_json::from_slice(&text)?))
}

/// The next descriptor that follows a message.
pub(super) fn receive_code(socket: &UnixStream) -> io::Result<File> {
    let (read, mut files) = tombolo_sandbox::recv_fds(socket, &mut [0])?;
    let file: Option<OwnedFd> = files.pop();
    match file {
        Some(file) if read == 1 && files.is_empty() => Ok(file.into()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
