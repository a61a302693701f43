use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tombolo_engine::LimitHit;
use tombolo_spec::{LimitName, LimitOverrides, Profile};
use wasmtime_wasi::cli::{StdinStream as _, StdoutStream as _};
use wasmtime_wasi::p2::{Pollable as _, StreamError};

use super::lines::LineBuffer;
use super::*;

fn lines(writes: &[&str]) -> Vec<String> {
    let (mut buffer, mut lines) = (LineBuffer::default(), Vec::new());
    let mut line = |bytes: &[u8]| lines.push(String::from_utf8_lossy(bytes).into_owned());
    for write in writes {
        buffer.push(write.as_bytes(), &mut line);
    }
    buffer.finish(line);
    lines
}

#[test]
fn output_is_cut_into_lines_however_it_is_written() {
    assert_eq!(lines(&["a\nb\n"]), ["a", "b"]);
    assert_eq!(lines(&["a", "b", "\n", "c"]), ["ab", "c"]);
    assert_eq!(lines(&["a\r\nb\r", "\n"]), ["a", "b"]);
    assert_eq!(lines(&["\n\n"]), ["", ""]);
    assert_eq!(lines(&[""]), [""; 0]);
}

#[test]
fn a_line_that_does_not_end_is_cut_and_loses_nothing() {
    let long = "x".repeat(LINE_BYTES_MAX * 2 + 5);
    for writes in
        [vec![long.as_str()], long.as_bytes().chunks(1000).map(|c| str::from_utf8(c).unwrap()).collect()]
    {
        let lines = lines(&writes);
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [LINE_BYTES_MAX, LINE_BYTES_MAX, 5]);
    }
    assert_eq!(lines(&[&long, "\nnext\n"]).last().unwrap(), "next");
}

#[derive(Default)]
struct Seen(Mutex<Vec<(u128, LogStream, String)>>);

impl LogSink for Seen {
    fn line(&self, request: u128, stream: LogStream, line: &[u8]) {
        self.0.lock().unwrap().push((request, stream, String::from_utf8_lossy(line).into_owned()));
    }

    fn message(&self, request: u128, level: LogLevel, context: &str, message: &str) {
        let text = format!("{} {context} {message}", level.name());
        self.0.lock().unwrap().push((request, LogStream::Stderr, text));
    }
}

#[test]
fn a_message_is_cut_to_a_line_and_counts_for_the_limit_of_output() {
    let seen = Arc::new(Seen::default());
    let log = || Output::Log { sink: seen.clone(), request: 7 };
    let stdio = Stdio { stdin: Input::closed(), stdout: log(), stderr: log() };
    let mut slot = Slot::new(stdio, limit("output=9KiB"));
    slot.open().log(LogLevel::Warn, "sensor", &"é".repeat(LINE_BYTES_MAX)).unwrap();
    assert!(matches!(slot.open().log(LogLevel::Info, "", &"x".repeat(2000)), Err(WriteError::Limit(_))));
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen[0].2, format!("warn sensor {}", "é".repeat(LINE_BYTES_MAX / 2)));
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn both_streams_log_with_their_request_and_the_rest_comes_at_the_end() {
    let seen = Arc::new(Seen::default());
    let log = |request| Output::Log { sink: seen.clone(), request };
    let mut slot = Slot::new(Stdio { stdin: Input::closed(), stdout: log(7), stderr: log(7) }, None);
    slot.open().write(LogStream::Stdout, b"one\ntw").await.unwrap();
    slot.open().write(LogStream::Stderr, b"err\n").await.unwrap();
    slot.open().write(LogStream::Stdout, b"o").await.unwrap();
    drop(slot);
    let seen = seen.0.lock().unwrap();
    let expected =
        [(7, LogStream::Stdout, "one"), (7, LogStream::Stderr, "err"), (7, LogStream::Stdout, "two")];
    assert_eq!(*seen, expected.map(|(request, stream, line)| (request, stream, line.to_owned())));
}

fn limit(line: &str) -> Option<LimitHit> {
    let mut limits = LimitOverrides::default();
    limits.set_line(line).unwrap();
    Some(LimitHit::of(&limits.resolve(Profile::Serve), LimitName::Output))
}

#[tokio::test]
async fn both_streams_share_one_limit_and_hitting_it_names_it() {
    let mut slot = Slot::new(Stdio::null(), limit("output=10B"));
    slot.open().write(LogStream::Stdout, b"123456").await.unwrap();
    slot.open().write(LogStream::Stderr, b"1234").await.unwrap();
    let WriteError::Limit(hit) = slot.open().write(LogStream::Stdout, b"x").await.unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(hit.value.to_string(), "10B");
    assert_eq!(slot.ended(), Some(OutputEnd::Limit(hit)));
}

#[tokio::test]
async fn a_full_pipe_holds_the_guest_back_and_loses_nothing() {
    let (stdout, mut reader) = output_pipe(1);
    let mut slot = Slot::new(Stdio { stdout, ..Stdio::null() }, None);
    let mut handle = OutputHandle::new(Arc::clone(slot.open()), LogStream::Stdout).p2_stream();
    assert!(handle.check_write().unwrap() > 0);
    handle.write(Bytes::from("a")).unwrap();
    assert_eq!(handle.check_write().unwrap(), 0, "full");
    // A second handle had its permit before the pipe was full.
    handle.write(Bytes::from("b")).unwrap();
    let read = async {
        let mut all = String::new();
        for _ in 0..2 {
            all += str::from_utf8(&reader.next().await.unwrap()).unwrap();
        }
        all
    };
    let (all, ()) = tokio::join!(read, handle.ready());
    assert_eq!(all, "ab");
    drop((handle, slot));
    assert_eq!(reader.next().await, None, "ends with the guest");
}

#[tokio::test]
async fn a_reader_that_went_away_ends_the_guest() {
    let (stdout, reader) = output_pipe(1);
    let mut slot = Slot::new(Stdio { stdout, ..Stdio::null() }, None);
    drop(reader);
    let mut handle = OutputHandle::new(Arc::clone(slot.open()), LogStream::Stdout).p2_stream();
    let Err(StreamError::Trap(trap)) = handle.check_write() else { panic!("no trap") };
    assert!(trap.downcast_ref::<ClosedPipe>().is_some());
    assert!(matches!(slot.open().write(LogStream::Stdout, b"x").await, Err(WriteError::Closed(_))));
    assert_eq!(slot.ended(), Some(OutputEnd::Closed));
}

#[tokio::test]
async fn input_comes_from_bytes_or_a_reader_and_is_shared_by_its_handles() {
    let (mut sender, receiver) = tokio::io::duplex(8);
    for input in [Input::bytes("hello"), Input::reader(receiver)] {
        tokio::io::AsyncWriteExt::write_all(&mut sender, b"hello").await.ok();
        let mut slot = Slot::new(Stdio { stdin: input, ..Stdio::null() }, None);
        let handle = StdinHandle(Arc::clone(slot.open()));
        let (mut a, mut b) = (handle.p2_stream(), handle.p2_stream());
        assert_eq!(a.blocking_read(2).await.unwrap(), "he");
        assert_eq!(b.blocking_read(3).await.unwrap(), "llo");
    }
    let mut closed = Box::into_pin(Input::closed().async_stream());
    assert_eq!(closed.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn streams_of_0_3_report_their_end_afterwards() {
    use tokio::io::AsyncWriteExt as _;
    let (stdout, mut reader) = output_pipe(4);
    let mut slot = Slot::new(Stdio { stdout, ..Stdio::null() }, limit("output=4B"));
    let handle = OutputHandle::new(Arc::clone(slot.open()), LogStream::Stdout);
    let mut stream = Box::into_pin(handle.async_stream());
    stream.write_all(b"1234").await.unwrap();
    assert_eq!(reader.next().await.unwrap(), "1234");
    assert_eq!(slot.ended(), None);
    stream.write_all(b"5").await.unwrap_err();
    assert!(matches!(slot.ended(), Some(OutputEnd::Limit(_))));
}
