//! The kernel's errors in the words of each WASI version.

use rustix::io::Errno;
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p3::bindings::filesystem::types as p3;

/// Both enumerations have the same names for the same errors; `other` stands for the rest.
macro_rules! error_codes {
    ($name:ident, $code:ty, $other:expr) => {
        /// The error code for what the kernel said.
        pub(crate) fn $name(errno: Errno) -> $code {
            type Code = $code;
            match errno {
                Errno::ACCESS => Code::Access,
                Errno::ALREADY => Code::Already,
                Errno::BADF => Code::BadDescriptor,
                Errno::BUSY => Code::Busy,
                Errno::DEADLK => Code::Deadlock,
                Errno::DQUOT => Code::Quota,
                Errno::EXIST => Code::Exist,
                Errno::FBIG => Code::FileTooLarge,
                Errno::ILSEQ => Code::IllegalByteSequence,
                Errno::INPROGRESS => Code::InProgress,
                Errno::INTR => Code::Interrupted,
                Errno::INVAL => Code::Invalid,
                Errno::ISDIR => Code::IsDirectory,
                Errno::LOOP => Code::Loop,
                Errno::MLINK => Code::TooManyLinks,
                Errno::MSGSIZE => Code::MessageSize,
                Errno::NAMETOOLONG => Code::NameTooLong,
                Errno::NODEV => Code::NoDevice,
                Errno::NOENT => Code::NoEntry,
                Errno::NOLCK => Code::NoLock,
                Errno::NOMEM => Code::InsufficientMemory,
                Errno::NOSPC => Code::InsufficientSpace,
                Errno::NOTDIR => Code::NotDirectory,
                Errno::NOTEMPTY => Code::NotEmpty,
                Errno::NOTRECOVERABLE => Code::NotRecoverable,
                Errno::NOTSUP => Code::Unsupported,
                Errno::NOTTY => Code::NoTty,
                Errno::NXIO => Code::NoSuchDevice,
                Errno::OVERFLOW => Code::Overflow,
                Errno::PERM => Code::NotPermitted,
                Errno::PIPE => Code::Pipe,
                Errno::ROFS => Code::ReadOnly,
                Errno::SPIPE => Code::InvalidSeek,
                Errno::TXTBSY => Code::TextFileBusy,
                Errno::XDEV => Code::CrossDevice,
                other => $other(other),
            }
        }
    };
}

error_codes!(code_p2, p2::ErrorCode, |errno| match errno {
    Errno::AGAIN => p2::ErrorCode::WouldBlock,
    _ => p2::ErrorCode::Io,
});
error_codes!(code_p3, p3::ErrorCode, |errno| match errno {
    Errno::AGAIN => p3::ErrorCode::Busy,
    _ => p3::ErrorCode::Io,
});
