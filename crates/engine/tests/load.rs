//! Compiled code is loaded under a seal that fits, and under no other.

mod common;

use std::fs::File;
use std::io::{Seek, Write};

use common::{Random, TestResult, engine, limits, store};
use tombolo_engine::{
    Authenticated, Calls, Code, Engine, EngineClass, EngineOptions, Kind, LoadError, Pooling, SEAL_BYTES,
    SealError, SealKey, seal,
};
use wasmtime::{Linker, component};

const MODULE: &str = r#"(module (memory 1) (data (i32.const 8) "\2a")
    (func (export "run") (result i32) (i32.load8_u (i32.const 8))))"#;
const COMPONENT: &str = r#"(component
    (core module $m (func (export "run") (result i32) i32.const 42))
    (core instance $i (instantiate $m))
    (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;

fn key() -> SealKey {
    SealKey::new([1; 32])
}

fn file_of(bytes: &[u8]) -> std::io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

fn sealed(wat: &str, kind: Kind, class: EngineClass) -> Vec<u8> {
    let mut code = engine(class).compile(wat.as_bytes()).expect(wat);
    let seal = seal(&key(), b"context", kind, &code);
    code.extend_from_slice(&seal);
    code
}

fn open(bytes: &[u8]) -> Result<Authenticated, SealError> {
    Authenticated::open(file_of(bytes)?, &key(), b"context")
}

fn answer(engine: &Engine, code: &Code) -> wasmtime::Result<i32> {
    let mut store = store(engine, &limits(&[]), Calls::Async);
    match code {
        Code::Module(module) => common::block_on(async {
            let instance = Linker::new(engine.raw()).instantiate_async(&mut store, module).await?;
            instance.get_typed_func::<(), i32>(&mut store, "run")?.call_async(&mut store, ()).await
        }),
        Code::Component(component) => common::block_on(async {
            let linker = component::Linker::new(engine.raw());
            let instance = linker.instantiate_async(&mut store, component).await?;
            let run = instance.get_typed_func::<(), (u32,)>(&mut store, "run")?;
            Ok(run.call_async(&mut store, ()).await?.0 as i32)
        }),
    }
}

#[test]
fn sealed_code_runs_without_a_compiler_in_every_kind_of_engine() -> TestResult {
    for class in [EngineClass::Plain, EngineClass::Concurrent] {
        for (wat, kind) in [(MODULE, Kind::Module), (COMPONENT, Kind::Component)] {
            let bytes = sealed(wat, kind, class);
            for pooling in [Pooling::Never, Pooling::Auto] {
                let engine = Engine::new(&EngineOptions::new(class).with_pooling(pooling))?;
                let code = engine.load(open(&bytes)?)?;
                assert_eq!(code.kind(), kind);
                assert_eq!(answer(&engine, &code)?, 42, "{class} {kind} {pooling:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn an_engine_without_a_compiler_does_not_compile() -> TestResult {
    let engine = Engine::new(&EngineOptions::new(EngineClass::Plain))?;
    let error = engine.compile(MODULE.as_bytes()).expect_err("no compiler");
    assert_eq!(error.to_string(), "this engine was made without a compiler");
    assert!(engine.build(MODULE.as_bytes()).is_err());
    Ok(())
}

#[test]
fn the_file_may_have_lost_its_name() -> TestResult {
    // Cells are handed an open file whose folder they cannot enter.
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("code");
    std::fs::write(&path, sealed(COMPONENT, Kind::Component, EngineClass::Plain))?;
    let code = Authenticated::open(File::open(&path)?, &key(), b"context")?;
    std::fs::remove_file(&path)?;
    std::fs::write(&path, b"another file under the same name")?;
    let engine = Engine::new(&EngineOptions::new(EngineClass::Plain))?;
    assert_eq!(answer(&engine, &engine.load(code)?)?, 42);
    Ok(())
}

#[test]
fn every_changed_byte_breaks_the_seal() -> TestResult {
    for (wat, kind) in [(MODULE, Kind::Module), (COMPONENT, Kind::Component)] {
        let whole = sealed(wat, kind, EngineClass::Plain);
        // Every byte of the seal, the ELF header and the end of the code; every 97th in between.
        let head = 0..64;
        let tail = whole.len() - SEAL_BYTES - 64..whole.len();
        for at in head.chain((64..whole.len()).step_by(97)).chain(tail) {
            for flip in [0x01, 0x80] {
                let mut changed = whole.clone();
                changed[at] ^= flip;
                let error = open(&changed).expect_err("a changed byte");
                assert!(matches!(error, SealError::Mismatch | SealError::NotSealed(_)), "byte {at}: {error}");
            }
        }
    }
    Ok(())
}

#[test]
fn truncated_extended_and_foreign_files_are_refused() -> TestResult {
    let whole = sealed(MODULE, Kind::Module, EngineClass::Plain);
    let mut random = Random(7);
    for _ in 0..200 {
        let end = random.below(whole.len());
        assert!(open(&whole[..end]).is_err(), "cut at {end}");
    }
    let noise: Vec<u8> = (0..5000).map(|_| random.next() as u8).collect();
    let unsealed = &whole[..whole.len() - SEAL_BYTES];
    let doubled = [&whole[..], &whole[whole.len() - SEAL_BYTES..]].concat();
    for foreign in [&b""[..], b"x", &noise, unsealed, &doubled, &[&whole[..], b"x"].concat()] {
        assert!(open(foreign).is_err(), "{} bytes", foreign.len());
    }
    Ok(())
}

#[test]
fn a_seal_holds_for_its_key_its_context_and_its_kind_only() -> TestResult {
    let whole = sealed(MODULE, Kind::Module, EngineClass::Plain);
    let opened = |key: SealKey, context: &[u8]| Authenticated::open(file_of(&whole)?, &key, context);
    assert!(opened(key(), b"context").is_ok());
    assert!(matches!(opened(SealKey::new([2; 32]), b"context"), Err(SealError::Mismatch)));
    for context in [&b""[..], b"contex", b"contexT", b"context\0"] {
        assert!(matches!(opened(key(), context), Err(SealError::Mismatch)), "{context:?}");
    }
    let mut swapped = whole.clone();
    let kind_at = whole.len() - SEAL_BYTES + 8;
    assert_eq!(swapped[kind_at], b'm');
    swapped[kind_at] = b'c';
    assert!(matches!(open(&swapped), Err(SealError::Mismatch)));
    Ok(())
}

#[test]
fn what_is_no_plain_file_is_refused_without_waiting() -> TestResult {
    let folder = tempfile::tempdir()?;
    let error = Authenticated::open(File::open(folder.path())?, &key(), b"").expect_err("a directory");
    assert!(matches!(error, SealError::NotSealed(_)), "{error}");
    let error = Authenticated::open(File::open("/dev/zero")?, &key(), b"").expect_err("a device");
    assert!(matches!(error, SealError::NotSealed(_)), "{error}");
    Ok(())
}

#[test]
fn code_of_another_class_is_refused_when_it_is_loaded() -> TestResult {
    use EngineClass::{Concurrent, Plain};
    for (made_for, loaded_by) in [(Plain, Concurrent), (Concurrent, Plain)] {
        let bytes = sealed(COMPONENT, Kind::Component, made_for);
        let engine = Engine::new(&EngineOptions::new(loaded_by))?;
        let error = engine.load(open(&bytes)?).err().ok_or("it was loaded")?;
        let LoadError::Incompatible(text) = error else { panic!("{error}") };
        assert!(text.contains("concurrency support"), "{text}");
    }
    Ok(())
}

#[test]
fn code_for_another_machine_is_refused_when_it_is_loaded() -> TestResult {
    let target = match cfg!(target_arch = "aarch64") {
        true => "x86_64-unknown-linux-gnu",
        false => "aarch64-unknown-linux-gnu",
    };
    let options =
        EngineOptions::new(EngineClass::Plain).with_compiler(true).with_target(Some(target.parse()?));
    let mut code = Engine::new(&options)?.compile(MODULE.as_bytes())?;
    let seal = seal(&key(), b"context", Kind::Module, &code);
    code.extend_from_slice(&seal);
    let engine = Engine::new(&EngineOptions::new(EngineClass::Plain))?;
    let error = engine.load(open(&code)?).err().ok_or("it was loaded")?;
    assert!(error.to_string().contains("architecture"), "{error}");
    Ok(())
}

#[test]
fn a_key_does_not_show_itself() {
    assert_eq!(format!("{:?}", SealKey::new([0xab; 32])), "SealKey(..)");
}
