//! What `inspect` tells of artifacts, and of files that are none.

mod common;

use common::{Random, TestResult};
use tombolo_engine::{EngineClass, Entry, Kind, LoadError, Producer, Wasi, class, inspect};

#[test]
fn a_module_of_wasi_0_1_is_told_in_full() -> TestResult {
    let wat = r#"(module $hello
        (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
        (import "env" "log" (func))
        (memory (export "memory") 1) (func (export "_start"))
        (@producers (language "C11" "") (processed-by "clang" "19.1.7")))"#;
    let info = inspect(wat.as_bytes())?;
    assert_eq!((info.kind, info.newest_wasi(), info.entry()), (Kind::Module, Wasi::P1, Some(Entry::Start)));
    assert_eq!(info.name.as_deref(), Some("hello"));
    let imports: Vec<_> = info.imports.iter().map(|i| (i.name.as_str(), i.functions.join(" "))).collect();
    assert_eq!(
        imports,
        [("wasi_snapshot_preview1", "fd_write proc_exit".to_owned()), ("env", "log".to_owned())]
    );
    let exports: Vec<_> = info.exports.iter().map(|export| export.name.as_str()).collect();
    assert_eq!(exports, ["memory", "_start"]);
    let clang = Producer { field: "processed-by".into(), name: "clang".into(), version: "19.1.7".into() };
    assert!(info.producers.contains(&clang), "{:?}", info.producers);
    assert_eq!(info.bytes, wat.len() as u64, "of the file as it is");
    assert_eq!(class(&info), EngineClass::Plain);
    Ok(())
}

#[test]
fn a_component_s_interfaces_are_told_with_their_functions() -> TestResult {
    let wat = r#"(component
        (type $unrelated u32)
        (import "wasi:io/poll@0.2.6" (instance $poll
          (export "pollable" (type (sub resource)))
          (export "poll" (func))))
        (alias export $poll "pollable" (type $pollable))
        (import "wasi:clocks/monotonic-clock@0.2.10" (instance
          (alias outer 1 $pollable (type $p)) (export "pollable" (type (eq $p)))
          (export "now" (func (result u64))) (export "resolution" (func (result u64)))))
        (import "log" (func (param "text" string)))
        (core module $inner (import "secret" "thing" (func)) (@producers (language "Rust" "2024")))
        (component $nested (import "hidden:import/x@1.0.0" (instance)) (type $t u32) (export "hidden" (type $t)))
        (instance $run (export "unrelated" (type $unrelated)))
        (export "wasi:cli/run@0.2.6" (instance $run)))"#;
    let info = inspect(wat.as_bytes())?;
    let imports: Vec<_> = info.imports.iter().map(|i| (i.name.as_str(), i.functions.join(" "))).collect();
    let expected = [
        ("wasi:io/poll@0.2.6", "poll"),
        ("wasi:clocks/monotonic-clock@0.2.10", "now resolution"),
        ("log", ""),
    ];
    assert_eq!(imports, expected.map(|(name, functions)| (name, functions.to_owned())));
    assert_eq!(info.exports.len(), 1, "what is nested is not exported: {:?}", info.exports);
    assert_eq!(
        (info.kind, info.entry(), class(&info)),
        (Kind::Component, Some(Entry::CommandP2), EngineClass::Plain)
    );
    assert_eq!(info.producers.len(), 1, "the producers of nested modules are: {:?}", info.producers);
    Ok(())
}

#[test]
fn versions_and_entry_points() -> TestResult {
    use EngineClass::{Concurrent, Plain};
    use Entry::*;
    use Wasi::{P1, P2, P3};
    let cases: &[(&str, &[Wasi], &[Entry], EngineClass)] = &[
        ("(module)", &[], &[], Plain),
        (r#"(module (func (export "_initialize")))"#, &[], &[Initialize], Plain),
        (r#"(module (import "wasi_unstable" "f" (func)) (func (export "_start")))"#, &[P1], &[Start], Plain),
        ("(component)", &[], &[], Plain),
        (&exporting("wasi:cli/run@0.2.0"), &[P2], &[CommandP2], Plain),
        (&exporting("wasi:cli/run@0.3.0-rc-2025-09-16"), &[P3], &[CommandP3], Concurrent),
        (&exporting("wasi:http/incoming-handler@0.2.10"), &[P2], &[HttpP2], Plain),
        (&exporting("wasi:http/handler@0.3.0"), &[P3], &[HttpP3], Concurrent),
        (&exporting("wasi:http/handler@0.4.0"), &[], &[], Plain),
        (&exporting("wasi:http/handler"), &[], &[], Plain),
        (&exporting("acme:http/incoming-handler@0.2.0"), &[], &[], Plain),
        // wstd programs export both: the handler is preferred.
        (
            r#"(component (instance $i) (export "wasi:cli/run@0.2.6" (instance $i))
                (export "wasi:http/incoming-handler@0.2.6" (instance $i)))"#,
            &[P2],
            &[HttpP2, CommandP2],
            Plain,
        ),
        // Several versions side by side.
        (
            r#"(component (import "wasi:io/poll@0.2.6" (instance)) (import "wasi:io/poll@0.2.10" (instance))
                (import "wasi:random/random@0.3.0" (instance)))"#,
            &[P2, P3],
            &[],
            Concurrent,
        ),
        (
            r#"(component (import "f" (func $f async)) (core module $mod (memory (export "m") 1))
              (core instance $m (instantiate $mod))
              (core func (canon lower (func $f) async (memory (core memory $m "m")))))"#,
            &[],
            &[],
            Concurrent,
        ),
        (r#"(component (component $inner (core func (canon waitable-set.new))))"#, &[], &[], Concurrent),
        (r#"(component (import "acme:x/y" (instance (export "f" (func async)))))"#, &[], &[], Concurrent),
        (r#"(component (component (import "f" (func (result (stream u8))))))"#, &[], &[], Concurrent),
        (r#"(component (import "f" (func (result (list u8)))))"#, &[], &[], Plain),
    ];
    for (wat, wasi, entries, expected) in cases {
        let info = inspect(wat.as_bytes()).map_err(|error| format!("{error}\n{wat}"))?;
        assert_eq!((&info.wasi[..], &info.entries[..], class(&info)), (*wasi, *entries, *expected), "{wat}");
    }
    Ok(())
}

fn exporting(name: &str) -> String {
    format!(r#"(component (instance $i) (export "{name}" (instance $i)))"#)
}

#[test]
fn what_is_no_artifact_is_told_apart() -> TestResult {
    let module = wat::parse_str(r#"(module (func (export "_start")))"#)?;
    let code = {
        let engine = common::engine(EngineClass::Plain);
        [engine.compile(&module)?, engine.compile(b"(component)")?]
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "the file is empty"),
        (b"hello".to_vec(), "not WebAssembly: it does not start with \\0asm"),
        (b"\0as".to_vec(), "not WebAssembly: too short for its first four bytes"),
        (b"\0asm\x01".to_vec(), "WebAssembly, but cut off after 5 bytes: fetch or build it again"),
        (
            module[..module.len() - 1].to_vec(),
            "WebAssembly, but cut off after 35 bytes: fetch or build it again",
        ),
        (
            b"\0asm\x02\0\0\0".to_vec(),
            "WebAssembly module of version 2, which is not supported: build it again with current tools",
        ),
        (
            b"\0asm\x0a\0\x01\0".to_vec(),
            "WebAssembly component of version 10, which is not supported: build it again with current tools",
        ),
        (b"\0asm\x01\0\0\x07".to_vec(), "WebAssembly, but damaged: unknown version"),
        (
            b"\0asm\x01\0\0\0\xff\x01\0".to_vec(),
            "WebAssembly, but damaged: malformed section id (at offset 0x8)",
        ),
        (b"\x7fELF\x02\x01\x01\0".to_vec(), "not WebAssembly: a native Linux program or library"),
        (b"#!/bin/sh\n".to_vec(), "not WebAssembly: a script"),
        (b"PK\x03\x04".to_vec(), "not WebAssembly: a zip archive"),
        (b"\x1f\x8b\x08".to_vec(), "not WebAssembly: compressed with gzip"),
        (b"!<arch>\n".to_vec(), "not WebAssembly: a static library"),
        (code[0].clone(), "compiled code, not WebAssembly: give the .wasm that it was compiled from"),
        (code[1].clone(), "compiled code, not WebAssembly: give the .wasm that it was compiled from"),
    ];
    for (bytes, expected) in cases {
        let text = inspect(&bytes).err().map(|error| error.to_string());
        assert_eq!(text.as_deref(), Some(expected), "{:?}", &bytes[..bytes.len().min(12)]);
    }
    Ok(())
}

#[test]
fn a_kind_that_does_not_fit_is_told() -> TestResult {
    let module = inspect(b"(module)")?;
    let component = inspect(b"(component)")?;
    assert_eq!(module.require(Kind::Module), Ok(()));
    assert_eq!(module.require(Kind::Component), Err(LoadError::NeedsComponent));
    assert_eq!(component.require(Kind::Module), Err(LoadError::NeedsModule));
    Ok(())
}

#[test]
fn text_with_an_error_tells_line_and_column() {
    let wat = "(module\n  (func (export \"run\")\n    i32.konst 1))\n";
    let Err(LoadError::Text(text)) = inspect(wat.as_bytes()) else { panic!("it was read") };
    assert!(text.contains(":3:5") && text.contains("i32.konst"), "{text}");
}

#[test]
fn text_may_start_with_a_comment() -> TestResult {
    for wat in [";; hello\n(module)", "(; hello ;) (module)", "\n\t (module)", "(func)"] {
        assert_eq!(inspect(wat.as_bytes())?.kind, Kind::Module, "{wat}");
    }
    Ok(())
}

/// A component with a bit of everything.
const MIXED: &str = r#"(component $mixed
    (import "wasi:io/poll@0.2.6" (instance (export "poll" (func (param "a" (list string)) (result (option u32))))))
    (type (component (import "x" (func)) (export "y" (instance (export "z" (func))))))
    (core module $m (import "a" "b" (func)) (memory 1) (func (export "f") (nop)) (data (i32.const 3) "abc"))
    (core module $lib (func (export "b")))
    (core instance $l (instantiate $lib))
    (core instance $i (instantiate $m (with "a" (instance $l))))
    (func $f (canon lift (core func $i "f")))
    (export "run" (func $f)))"#;

#[test]
fn every_cut_of_an_artifact_is_reported_and_none_is_taken_for_whole() -> TestResult {
    for wat in [MIXED, r#"(module (import "a" "b" (func)) (memory 1) (func (export "_start") (call 0)))"#] {
        let wasm = wat::parse_str(wat)?;
        let whole = inspect(&wasm)?;
        for end in 0..wasm.len() {
            match inspect(&wasm[..end]) {
                // A cut between two sections leaves an artifact that ends early, but properly.
                Ok(info) => assert_ne!(info, whole, "cut at {end}"),
                Err(LoadError::Empty) => assert_eq!(end, 0),
                Err(LoadError::NotWasm(_)) => assert!(end < 4, "cut at {end}"),
                Err(LoadError::Truncated { bytes }) => assert_eq!(bytes, end),
                Err(error) => panic!("cut at {end}: {error}"),
            }
        }
    }
    Ok(())
}

#[test]
fn no_damage_makes_it_panic() -> TestResult {
    let wasm = wat::parse_str(MIXED)?;
    for seed in 1..20_000 {
        let mut random = Random(seed);
        let mut damaged = wasm.clone();
        for _ in 0..1 + random.below(4) {
            let at = random.below(damaged.len());
            match random.below(3) {
                0 => damaged[at] = random.next() as u8,
                1 => drop(damaged.remove(at)),
                _ => damaged.insert(at, random.next() as u8),
            }
        }
        // A panic fails the test; the seed is in the loop's order.
        let _ = inspect(&damaged);
        let noise: Vec<u8> = (0..random.below(64)).map(|_| random.next() as u8).collect();
        let _ = inspect(&[&wasm[..8], &noise].concat());
    }
    Ok(())
}

#[test]
fn types_nested_without_end_do_not_exhaust_the_stack() {
    let cases = [(&[0x41, 0x01, 0x01][..], 0x41, 300_000), (&[0x42, 0x01, 0x01][..], 0x42, 300_000)];
    // The deepest nesting that is still taken apart.
    let limit = [(&[0x41, 0x01, 0x01][..], 0x41, 990), (&[0x42, 0x01, 0x01][..], 0x42, 990)];
    for (opening, closing, depth) in cases.into_iter().chain(limit) {
        let mut section = vec![1];
        for _ in 0..depth {
            section.extend_from_slice(opening);
        }
        section.extend([closing, 0]);
        let mut wasm = b"\0asm\x0d\0\x01\0\x07".to_vec();
        let mut length = section.len();
        while length >= 0x80 {
            wasm.push(length as u8 | 0x80);
            length >>= 7;
        }
        wasm.push(length as u8);
        wasm.extend(section);
        let info = inspect(&wasm).expect("the sections are in order");
        assert_eq!((info.kind, info.imports.len()), (Kind::Component, 0));
    }
}
