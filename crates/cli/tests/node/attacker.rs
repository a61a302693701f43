//! A tenant that has taken over its cell. The guest makes the system calls that a request asks for, with any
//! arguments, in the cell's own process (Caceres, "Syscall Proxying", 2002): what machine code can do to others, it
//! does by system calls.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::world::{App, Node};

/// Where the guest has the request in its memory.
const AT: usize = 1024;
/// Bytes of a number, its arguments, which of these are addresses, and the result.
const HEAD: usize = 8 * 14;

/// A cell that obeys.
pub(crate) struct Attacker<'n> {
    node: &'n Node,
    path: &'static str,
}

/// An argument of a system call.
#[derive(Clone, Copy)]
pub(crate) enum Arg<'a> {
    Number(i64),
    /// The address of these bytes, which the call may change.
    Bytes(&'a [u8]),
}

/// What came of a call that came back.
pub(crate) struct Answer {
    /// The result, or the error's number as a negative one.
    pub(crate) result: i64,
    /// All bytes that were handed in, one after the other, as the call left them.
    pub(crate) bytes: Vec<u8>,
}

impl<'n> Attacker<'n> {
    /// Deploys the guest as the app `evil` of the tenant, below `/evil/`. The node must be one without a first wall.
    pub(crate) fn enter(node: &'n Node, tenant: &'static str, grants: &'static str) -> Attacker<'n> {
        node.apply(&App { tenant, grants, wat: guest(), ..App::saying("evil", "http * /evil/*", "") })
            .exits(0);
        Attacker { node, path: "/evil/" }
    }

    /// Makes a call; nothing if the process ended over it.
    pub(crate) fn call(&self, number: i64, arguments: &[Arg<'_>]) -> Option<Answer> {
        let request = request(number, arguments);
        let mut answer = self.send(&request).expect("an answer");
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let body = answer.split_off(end);
        if !answer.starts_with(b"HTTP/1.0 200") {
            return None;
        }
        assert_eq!(body.len(), request.len() - HEAD + 8, "{}", String::from_utf8_lossy(&answer));
        let (result, bytes) = body.split_at(8);
        Some(Answer {
            result: i64::from_le_bytes(result.try_into().expect("eight bytes")),
            bytes: bytes.to_vec(),
        })
    }

    /// Makes a call and forgets it, also where nobody is there to make it.
    pub(crate) fn try_call(&self, number: i64, arguments: &[Arg<'_>]) {
        let _ = self.send(&request(number, arguments));
    }

    fn send(&self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.node.address)?;
        let length = request.len();
        let head =
            format!("POST {} HTTP/1.0\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n", self.path);
        stream.write_all(head.as_bytes())?;
        stream.write_all(request)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// The result of a call after which the process is still there.
    #[track_caller]
    pub(crate) fn result(&self, number: i64, arguments: &[Arg<'_>]) -> i64 {
        self.call(number, arguments).expect("the process is still there").result
    }

    /// Opens a file by its path.
    #[track_caller]
    pub(crate) fn open(&self, path: &str, flags: i32) -> i64 {
        let path = format!("{path}\0");
        let at = Arg::Number(libc::AT_FDCWD.into());
        let (flags, mode) = (Arg::Number(flags.into()), Arg::Number(0o600));
        self.result(libc::SYS_openat, &[at, Arg::Bytes(path.as_bytes()), flags, mode])
    }
}

/// A call as the guest reads it: words as its host function wants them, room for the result, and the bytes.
fn request(number: i64, arguments: &[Arg<'_>]) -> Vec<u8> {
    let (mut numbers, mut are_addresses, mut bytes) = ([0_i64; 6], [0_i64; 6], Vec::new());
    for (index, argument) in arguments.iter().enumerate() {
        match argument {
            Arg::Number(number) => numbers[index] = *number,
            Arg::Bytes(more) => {
                numbers[index] = (AT + HEAD + bytes.len()) as i64;
                are_addresses[index] = 1;
                bytes.extend_from_slice(more);
            }
        }
    }
    let words = [number].into_iter().chain(numbers).chain(are_addresses).chain([0]);
    let mut request: Vec<u8> = words.flat_map(i64::to_le_bytes).collect();
    request.extend(bytes);
    request
}

/// Reads a request, makes its call, and answers with the result and the bytes.
pub(crate) fn guest() -> String {
    let head = "content-type: application/octet-stream\n\n";
    let result = AT + HEAD - 8;
    format!(
        "(module
           (import \"wasi_snapshot_preview1\" \"fd_read\" (func $read (param i32 i32 i32 i32) (result i32)))
           (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
           (import \"escape\" \"syscall\" (func $syscall (param i32) (result i64)))
           (memory (export \"memory\") 4)
           (data (i32.const 64) \"{}\")
           (func $say (param $at i32) (param $length i32)
             (loop $more
               (i32.store (i32.const 0) (local.get $at))
               (i32.store (i32.const 4) (local.get $length))
               (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
               (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
               (local.set $length (i32.sub (local.get $length) (i32.load (i32.const 8))))
               (br_if $more (local.get $length))))
           (func (export \"_start\") (local $end i32)
             (local.set $end (i32.const {AT}))
             (loop $more
               (i32.store (i32.const 0) (local.get $end))
               (i32.store (i32.const 4) (i32.sub (i32.const 0x40000) (local.get $end)))
               (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
               (local.set $end (i32.add (local.get $end) (i32.load (i32.const 8))))
               (br_if $more (i32.load (i32.const 8))))
             (i64.store (i32.const {result}) (call $syscall (i32.const {AT})))
             (call $say (i32.const 64) (i32.const {}))
             (call $say (i32.const {result}) (i32.sub (local.get $end) (i32.const {result})))))",
        head.replace('\n', "\\n"),
        head.len(),
    )
}
