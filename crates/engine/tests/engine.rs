//! Engines: their settings, their memory, and what they compile.

mod common;

use std::process::Command;

use common::{TestResult, engine, limits, store};
use rustix::process::{Resource, Rlimit, setrlimit};
use tombolo_engine::{
    Calls, Code, Engine, EngineClass, EngineOptions, LoadError, MemoryPlan, PoolSize, Pooling, Target,
    inspect,
};
use wasmtime::Linker;

const ADD: &str = r#"(module (func (export "run") (result i32) (i32.add (i32.const 40) (i32.const 2))))"#;

fn options(class: EngineClass) -> EngineOptions {
    EngineOptions::new(class)
}

#[test]
fn equal_settings_have_equal_hashes_whoever_asks() -> TestResult {
    for class in [EngineClass::Plain, EngineClass::Concurrent] {
        let hash = Engine::compatibility_hash(&options(class))?;
        let same = [
            options(class),
            options(class).with_compiler(true),
            options(class).with_pooling(Pooling::Auto),
            options(class).with_limits(&limits(&["stack=2MiB"])),
        ];
        for other in same {
            assert_eq!(Engine::new(&other)?.compatibility()?, hash, "{other:?}");
        }
    }
    Ok(())
}

#[test]
fn settings_that_shape_code_have_different_hashes() -> TestResult {
    let aarch64: Target = "aarch64-unknown-linux-gnu".parse()?;
    let x86_64: Target = "x86_64-unknown-linux-gnu".parse()?;
    let mut hashes = Vec::new();
    for class in [EngineClass::Plain, EngineClass::Concurrent] {
        for target in [None, Some(aarch64), Some(x86_64)] {
            hashes.push(Engine::compatibility_hash(&options(class).with_target(target))?);
            let one = EngineOptions::for_one(class, &limits(&[])).with_target(target);
            hashes.push(Engine::compatibility_hash(&one)?);
        }
    }
    let all = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), all);
    Ok(())
}

#[test]
fn one_program_in_a_process_of_its_own_is_not_interruptible() {
    let one = EngineOptions::for_one(EngineClass::Plain, &limits(&["time=1s", "cpu=1s"]));
    assert!(!one.interruptible, "its process ends with its time");
    assert!(options(EngineClass::Plain).interruptible, "where guests share a process, always");
}

#[test]
fn every_target_can_be_compiled_for() -> TestResult {
    for target in Target::all() {
        for class in [EngineClass::Plain, EngineClass::Concurrent] {
            let engine = Engine::new(&options(class).with_compiler(true).with_target(Some(target)))?;
            for wat in [ADD, "(component)"] {
                let code = engine.compile(wat.as_bytes()).map_err(|error| format!("{target}: {error}"))?;
                assert_eq!(inspect(&code), Err(LoadError::Precompiled), "{target}");
            }
        }
    }
    let error = "sparc-sun-solaris".parse::<Target>().expect_err("no such target");
    assert!(error.to_string().contains("pulley64"), "{error}");
    Ok(())
}

#[test]
fn invalid_artifacts_are_told_with_the_place() {
    let cases: [(&[u8], &str); 4] = [
        (b"(module (func (result i32)))", "type mismatch"),
        (b"(module\n  (func i32.konst))", "i32.konst"),
        (b"", "the file is empty"),
        (b"\0asm\x01\0\0\0\x01\xff", "unexpected end"),
    ];
    for (artifact, expected) in cases {
        let error = engine(EngineClass::Plain).compile(artifact).expect_err("invalid").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Proposals that real programs use, each in a small module. Wasmtime's command line takes all of them by default.
#[test]
fn the_features_of_real_programs_are_on() {
    let programs = [
        "(module (tag $e) (func (try_table (catch_all 0) (throw $e))))",
        "(module (type $s (struct (field i32))) (func (drop (struct.new $s (i32.const 1)))))",
        "(module (func $f (return_call $f)))",
        "(module (memory 1) (memory 1) (func (drop (i32.load 1 (i32.const 0)))))",
        "(module (memory i64 1) (func (drop (i32.load (i64.const 0)))))",
        "(module (func (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))))",
        "(module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))",
        "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))",
        "(module (func $f) (elem declare func $f) (func (call_ref 0 (ref.func $f))))",
    ];
    let engine = engine(EngineClass::Plain);
    for wat in programs {
        engine.compile(wat.as_bytes()).unwrap_or_else(|error| panic!("{wat}: {error}"));
    }
}

#[test]
fn a_pool_is_reported_with_its_size() -> TestResult {
    let engine = Engine::new(&options(EngineClass::Plain).with_pooling(Pooling::Auto))?;
    match engine.memory_plan() {
        MemoryPlan::Pool(size) => assert!(size.slots >= 8),
        MemoryPlan::OnDemand { reason } => assert!(reason.contains("does not fit"), "{reason}"),
    }
    let engine = Engine::new(&options(EngineClass::Plain))?;
    assert_eq!(engine.memory_plan(), &MemoryPlan::OnDemand { reason: "none was asked for".to_owned() });
    Ok(())
}

#[test]
fn a_full_pool_refuses_and_a_freed_slot_is_clean() -> TestResult {
    let size = PoolSize {
        slots: 2,
        memories_per_slot: 1,
        table_elements_max: 100,
        keep_resident_bytes: 64 << 10,
        pagemap_scan: false,
    };
    let pooling = Pooling::Pool(size);
    let engine = Engine::new(&options(EngineClass::Plain).with_compiler(true).with_pooling(pooling))?;
    let wat = r#"(module (memory 2) (global $g (mut i32) (i32.const 0)) (table $t 4 funcref)
        (func (export "run") (result i32)
          (i32.add (i32.add (global.get $g) (i32.load (i32.const 70000))) (ref.is_null (table.get $t (i32.const 2))))
          (global.set $g (i32.const 5)) (i32.store (i32.const 70000) (i32.const 7))
          (table.set $t (i32.const 2) (ref.func $f)))
        (func $f) (elem declare func $f))"#;
    let Code::Module(module) = engine.build(wat.as_bytes())? else { panic!("a component") };
    let linker = Linker::new(engine.raw());
    let instance = || -> wasmtime::Result<_> {
        let mut store = store(&engine, &limits(&[]), Calls::Sync);
        let instance = linker.instantiate(&mut store, &module)?;
        let answer = instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ())?;
        Ok((store, answer))
    };
    for _ in 0..10 {
        let (first, second) = (instance()?, instance()?);
        assert_eq!((first.1, second.1), (1, 1), "nothing of an earlier instance is seen");
        let full = instance().err().ok_or("a third fits")?;
        assert!(full.to_string().contains("limit"), "{full}");
    }
    Ok(())
}

/// Machines and containers that give out little address space, played by a child process with a limit of it.
#[test]
fn little_address_space_means_a_smaller_pool_or_none() -> TestResult {
    let cases: [(u64, &str); 2] = [(512 << 30, "pool"), (6 << 30, "none")];
    for (bytes, expected) in cases {
        let output = Command::new(std::env::current_exe()?)
            .args(["--exact", "played_with_little_address_space", "--ignored", "--nocapture"])
            .env("TOMBOLO_TEST_ADDRESS_SPACE", bytes.to_string())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{bytes}: {said}");
        assert!(said.contains(&format!("plan: {expected}")), "{bytes}: {said}");
    }
    Ok(())
}

#[test]
#[ignore = "a part of the test above, run by it in a process of its own"]
fn played_with_little_address_space() -> TestResult {
    let bytes: u64 = std::env::var("TOMBOLO_TEST_ADDRESS_SPACE")?.parse()?;
    setrlimit(Resource::As, Rlimit { current: Some(bytes), maximum: Some(bytes) })?;
    let pooling = options(EngineClass::Plain).with_compiler(true).with_pooling(Pooling::Auto);
    let engine = Engine::new(&pooling)?;
    match engine.memory_plan() {
        MemoryPlan::Pool(size) => {
            assert!(size.slots as u64 * 2 * (4 << 30) < bytes, "{size:?} in {bytes}");
            eprintln!("plan: pool of {}", size.slots);
        }
        MemoryPlan::OnDemand { reason } => {
            assert!(reason.contains("does not fit"), "{reason}");
            eprintln!("plan: none, {reason}");
        }
    }
    let Code::Module(module) = engine.build(ADD.as_bytes())? else { panic!("a component") };
    let mut store = store(&engine, &limits(&[]), Calls::Sync);
    let instance = Linker::new(engine.raw()).instantiate(&mut store, &module)?;
    assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ())?, 42);
    Ok(())
}
