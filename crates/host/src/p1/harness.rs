//! Calls the functions of WASI 0.1 as a guest does: through a core module that hands each call on.

use std::sync::Arc;

use tombolo_engine::{Calls, Code, Engine, EngineClass, EngineOptions, arm};
use wasmtime::{Instance, Memory, Store, Val};

use crate::stdio::{Input, OutputReader, Stdio, output_pipe};
use crate::{Guest, Template, link_p1};

/// Each function with its parameters; all but `proc_exit` give an error number.
const FUNCTIONS: [(&str, &str); 35] = [
    ("args_get", "i32 i32"),
    ("args_sizes_get", "i32 i32"),
    ("environ_get", "i32 i32"),
    ("environ_sizes_get", "i32 i32"),
    ("clock_res_get", "i32 i32"),
    ("clock_time_get", "i32 i64 i32"),
    ("fd_advise", "i32 i64 i64 i32"),
    ("fd_close", "i32"),
    ("fd_fdstat_get", "i32 i32"),
    ("fd_fdstat_set_flags", "i32 i32"),
    ("fd_filestat_get", "i32 i32"),
    ("fd_filestat_set_size", "i32 i64"),
    ("fd_filestat_set_times", "i32 i64 i64 i32"),
    ("fd_pread", "i32 i32 i32 i64 i32"),
    ("fd_prestat_get", "i32 i32"),
    ("fd_prestat_dir_name", "i32 i32 i32"),
    ("fd_pwrite", "i32 i32 i32 i64 i32"),
    ("fd_read", "i32 i32 i32 i32"),
    ("fd_readdir", "i32 i32 i32 i64 i32"),
    ("fd_renumber", "i32 i32"),
    ("fd_seek", "i32 i64 i32 i32"),
    ("fd_sync", "i32"),
    ("fd_write", "i32 i32 i32 i32"),
    ("path_create_directory", "i32 i32 i32"),
    ("path_filestat_get", "i32 i32 i32 i32 i32"),
    ("path_filestat_set_times", "i32 i32 i32 i32 i64 i64 i32"),
    ("path_link", "i32 i32 i32 i32 i32 i32 i32"),
    ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
    ("path_readlink", "i32 i32 i32 i32 i32 i32"),
    ("path_remove_directory", "i32 i32 i32"),
    ("path_rename", "i32 i32 i32 i32 i32 i32"),
    ("path_symlink", "i32 i32 i32 i32 i32"),
    ("path_unlink_file", "i32 i32 i32"),
    ("poll_oneoff", "i32 i32 i32 i32"),
    ("random_get", "i32 i32"),
];

fn module() -> String {
    let mut wat = "(module\n".to_owned();
    for (name, params) in FUNCTIONS {
        wat += &format!(
            "(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param {params}) (result i32)))\n"
        );
    }
    wat += "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func $proc_exit (param i32)))\n";
    wat += "(memory (export \"memory\") 16)\n";
    wat += "(func (export \"proc_exit\") (param i32) (result i32) (call $proc_exit (local.get 0)) (i32.const 0))\n";
    for (name, params) in FUNCTIONS {
        let hand_on: String = (0..params.split(' ').count()).map(|n| format!("(local.get {n})")).collect();
        wat +=
            &format!("(func (export \"{name}\") (param {params}) (result i32) (call ${name} {hand_on}))\n");
    }
    wat + ")"
}

/// Where results, strings and buffers lie in the guest's memory.
pub(super) const OUT: u32 = 0;
const LIST: u32 = 256;
const PATH_A: u32 = 8192;
const PATH_B: u32 = 16384;
pub(super) const BUFFER: u32 = 65536;

/// A guest whose calls a test makes.
pub(super) struct Caller {
    store: Store<Guest>,
    instance: Instance,
    memory: Memory,
    pub(super) stdout: OutputReader,
}

/// The error number of a call, or zero.
pub(super) type Errno = i32;
pub(super) const SUCCESS: Errno = 0;
pub(super) const BADF: Errno = 8;
pub(super) const ILSEQ: Errno = 25;
pub(super) const INVAL: Errno = 28;
pub(super) const NOENT: Errno = 44;
pub(super) const PERM: Errno = 63;
pub(super) const NAMETOOLONG: Errno = 37;
pub(super) const MFILE: Errno = 33;
pub(super) const NOTDIR: Errno = 54;

/// Rights of an open.
pub(super) const READ: i64 = 2;
pub(super) const WRITE: i64 = 64;
/// What an open does besides.
pub(super) const CREAT: i32 = 1;
pub(super) const DIRECTORY: i32 = 2;
pub(super) const TRUNC: i32 = 8;

impl Caller {
    pub(super) async fn new(template: &Arc<Template>, stdin: &str) -> Caller {
        let engine = Engine::new(&EngineOptions::new(EngineClass::Plain).with_compiler(true)).unwrap();
        let (stdout, reader) = output_pipe(16);
        let stdin = Input::bytes(bytes::Bytes::copy_from_slice(stdin.as_bytes()));
        let guest = template.instantiate(Stdio { stdin, stdout, ..Stdio::null() });
        let mut store = Store::new(engine.raw(), guest);
        arm(&mut store, Calls::Async);
        let Code::Module(module) = engine.build(module().as_bytes()).unwrap() else { panic!("a module") };
        let mut linker = wasmtime::Linker::new(engine.raw());
        link_p1(&mut linker).unwrap();
        let instance = linker.instantiate_async(&mut store, &module).await.unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        Caller { store, instance, memory, stdout: reader }
    }

    pub(super) async fn try_call(&mut self, name: &str, args: &[Val]) -> wasmtime::Result<Errno> {
        let function = self.instance.get_func(&mut self.store, name).unwrap();
        let mut results = [Val::I32(-1)];
        function.call_async(&mut self.store, args, &mut results).await?;
        Ok(results[0].unwrap_i32())
    }

    pub(super) async fn call(&mut self, name: &str, args: &[Val]) -> Errno {
        self.try_call(name, args).await.unwrap()
    }

    pub(super) fn write(&mut self, at: u32, bytes: &[u8]) {
        self.memory.write(&mut self.store, at as usize, bytes).unwrap();
    }

    pub(super) fn read(&self, at: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.memory.read(&self.store, at as usize, &mut bytes).unwrap();
        bytes
    }

    pub(super) fn u32(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.read(at, 4).try_into().unwrap())
    }

    pub(super) fn u64(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.read(at, 8).try_into().unwrap())
    }

    fn path(&mut self, path: &[u8]) -> [Val; 2] {
        self.write(PATH_A, path);
        [int(PATH_A), int(path.len() as u32)]
    }

    /// Calls something that takes a descriptor and a path.
    pub(super) async fn at(&mut self, name: &str, fd: u32, path: impl AsRef<[u8]>) -> Errno {
        let [at, len] = self.path(path.as_ref());
        self.call(name, &[int(fd), at, len]).await
    }

    pub(super) async fn open(
        &mut self,
        dir: u32,
        path: impl AsRef<[u8]>,
        oflags: i32,
        rights: i64,
    ) -> Result<u32, Errno> {
        self.open_with(dir, path, oflags, rights, 0).await
    }

    pub(super) async fn open_with(
        &mut self,
        dir: u32,
        path: impl AsRef<[u8]>,
        oflags: i32,
        rights: i64,
        fdflags: i32,
    ) -> Result<u32, Errno> {
        let [at, len] = self.path(path.as_ref());
        let args = [
            int(dir),
            int(1),
            at,
            len,
            Val::I32(oflags),
            Val::I64(rights),
            Val::I64(0),
            Val::I32(fdflags),
            int(OUT),
        ];
        match self.call("path_open", &args).await {
            SUCCESS => Ok(self.u32(OUT)),
            errno => Err(errno),
        }
    }

    /// Calls something that takes two descriptors with a path each.
    pub(super) async fn two(&mut self, name: &str, a: (u32, &str), b: (u32, &str)) -> Errno {
        self.write(PATH_A, a.1.as_bytes());
        self.write(PATH_B, b.1.as_bytes());
        let (len_a, len_b) = (int(a.1.len() as u32), int(b.1.len() as u32));
        let args = match name {
            "path_link" => vec![int(a.0), int(0), int(PATH_A), len_a, int(b.0), int(PATH_B), len_b],
            _ => vec![int(a.0), int(PATH_A), len_a, int(b.0), int(PATH_B), len_b],
        };
        self.call(name, &args).await
    }

    pub(super) async fn symlink(&mut self, target: &str, dir: u32, path: &str) -> Errno {
        self.write(PATH_A, target.as_bytes());
        self.write(PATH_B, path.as_bytes());
        let (len_a, len_b) = (int(target.len() as u32), int(path.len() as u32));
        self.call("path_symlink", &[int(PATH_A), len_a, int(dir), int(PATH_B), len_b]).await
    }

    pub(super) async fn set_times(&mut self, dir: u32, path: &str) -> Errno {
        let [at, len] = self.path(path.as_bytes());
        let args = [int(dir), int(1), at, len, Val::I64(0), Val::I64(1_000_000_000), Val::I32(1 | 4)];
        self.call("path_filestat_set_times", &args).await
    }

    /// Sets up a list of one buffer for a read or write.
    fn list(&mut self, len: u32) -> [Val; 2] {
        self.write(LIST, &[BUFFER.to_le_bytes(), len.to_le_bytes()].concat());
        [int(LIST), int(1)]
    }

    pub(super) async fn fd_write(&mut self, fd: u32, text: &str) -> Result<u32, Errno> {
        self.write(BUFFER, text.as_bytes());
        let [list, count] = self.list(text.len() as u32);
        match self.call("fd_write", &[int(fd), list, count, int(OUT)]).await {
            SUCCESS => Ok(self.u32(OUT)),
            errno => Err(errno),
        }
    }

    pub(super) async fn fd_read(&mut self, fd: u32, len: u32) -> Result<String, Errno> {
        let [list, count] = self.list(len);
        match self.call("fd_read", &[int(fd), list, count, int(OUT)]).await {
            SUCCESS => {
                let bytes = self.read(BUFFER, self.u32(OUT) as usize);
                Ok(String::from_utf8(bytes).unwrap())
            }
            errno => Err(errno),
        }
    }

    /// The entries of a directory, listed in pieces of `len` bytes as a C library does.
    pub(super) async fn list_dir(&mut self, fd: u32, len: u32) -> Result<Vec<(String, u8)>, Errno> {
        let (mut cookie, mut entries) = (0u64, Vec::new());
        loop {
            let args = [int(fd), int(BUFFER), int(len), Val::I64(cookie as i64), int(OUT)];
            match self.call("fd_readdir", &args).await {
                SUCCESS => {}
                errno => return Err(errno),
            }
            let used = self.u32(OUT);
            let mut at = BUFFER;
            while at + 24 <= BUFFER + used {
                let name_len = self.u32(at + 16);
                if at + 24 + name_len > BUFFER + used {
                    break;
                }
                let name = String::from_utf8_lossy(&self.read(at + 24, name_len as usize)).into_owned();
                entries.push((name, self.read(at + 20, 1)[0]));
                cookie = self.u64(at);
                at += 24 + name_len;
            }
            if used < len {
                return Ok(entries);
            }
        }
    }
}

pub(super) fn int(value: u32) -> Val {
    Val::I32(value as i32)
}
