//! What is said when a guest ends other than by returning.

mod common;

use common::{Guest, Random, TestResult, engine, fault, limits, module, run, store};
use tombolo_engine::{Calls, Code, EngineClass, Fault, classify};
use wasmtime::{Linker, component};

fn trap(wat: &str) -> tombolo_engine::TrapReport {
    match run(wat, &limits(&[])).0 {
        Err(Fault::Trap(report)) => report,
        other => panic!("no trap: {other:?}"),
    }
}

#[test]
fn each_trap_has_its_words() {
    let cases = [
        ("unreachable", "wasm `unreachable` instruction executed"),
        ("(i32.div_u (i32.const 1) (i32.const 0))", "integer divide by zero"),
        ("(i32.load (i32.const 65536))", "out of bounds memory access"),
        ("(i32.trunc_f32_s (f32.const nan))", "invalid conversion to integer"),
        ("(call_indirect $t (result i32) (i32.const 7))", "undefined element: out of bounds table access"),
    ];
    for (body, message) in cases {
        let wat =
            format!(r#"(module (memory 1) (table $t 1 funcref) (func (export "run") (result i32) {body}))"#);
        assert_eq!(trap(&wat).message, message);
    }
}

#[test]
fn a_backtrace_names_functions_and_places() {
    let wat = r#"(module $game (func $inner (result i32) unreachable)
        (func $_ZN4core3fmt5write17h0123456789abcdefE (result i32) (call $inner))
        (func (export "run") (result i32) (call $_ZN4core3fmt5write17h0123456789abcdefE)))"#;
    let report = trap(wat);
    let functions: Vec<&str> = report.frames.iter().map(|frame| frame.function.as_str()).collect();
    // The third has no name of its own.
    assert_eq!(functions, ["inner", "core::fmt::write", "function 2"]);
    assert!(
        report.frames.iter().all(|frame| frame.module.as_deref() == Some("game") && frame.offset.is_some())
    );
    let text = report.to_string();
    assert!(
        text.starts_with("trap: wasm `unreachable` instruction executed\n    0: inner (game+0x"),
        "{text}"
    );
}

#[test]
fn names_of_cpp_functions_are_read() {
    let wat = r#"(module (func $_ZNSt6vectorIiSaIiEE9push_backEOi (result i32) unreachable)
        (func (export "run") (result i32) (call $_ZNSt6vectorIiSaIiEE9push_backEOi)))"#;
    let function = trap(wat).frames[0].function.clone();
    assert!(function.starts_with("std::vector<int"), "{function}");
}

#[test]
fn a_name_cannot_talk_to_the_terminal_or_flood_it() {
    let wat = r#"(module (func $"\1b]0;owned\07evil" (result i32) unreachable)
        (func (export "run") (result i32) (call $"\1b]0;owned\07evil")))"#;
    let function = trap(wat).frames[0].function.clone();
    assert!(!function.contains(char::is_control) && function.contains("evil"), "{function:?}");
    let long = "é".repeat(5000);
    let report = trap(&format!(
        r#"(module (func $"{long}" (result i32) unreachable) (func (export "run") (result i32) (call $"{long}")))"#
    ));
    assert!(report.frames[0].function.len() < 400, "{}", report.frames[0].function.len());
}

#[test]
fn recursion_shows_no_more_than_twenty_frames() {
    let wat = r#"(module (func $down (param i32) (result i32)
          (if (i32.eqz (local.get 0)) (then unreachable))
          (call $down (i32.sub (local.get 0) (i32.const 1))))
        (func (export "run") (result i32) (call $down (i32.const 500))))"#;
    assert_eq!(trap(wat).frames.len(), 20);
}

#[test]
fn debug_information_gives_file_and_line_of_inlined_functions_too() -> TestResult {
    let engine = engine(EngineClass::Plain);
    let Code::Module(module) = engine.build(include_bytes!("data/dwarf.wasm"))? else {
        panic!("a component")
    };
    let mut store = store(&engine, &limits(&[]), Calls::Sync);
    let instance = Linker::new(engine.raw()).instantiate(&mut store, &module)?;
    let error =
        instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ()).expect_err("1 / 0");
    let Fault::Trap(report) = fault(&error, &mut store) else { panic!("{error:?}") };
    let calls: Vec<_> =
        report.frames.iter().map(|frame| (frame.function.as_str(), frame.source.as_deref())).collect();
    let expected = [
        ("divide", Some("./dwarf.c:7:14")),
        ("halve", Some("./dwarf.c:11:12")),
        ("run", Some("./dwarf.c:15:12")),
    ];
    assert_eq!(calls, expected);
    Ok(())
}

#[test]
fn damaged_debug_information_does_no_harm() {
    let wasm = include_bytes!("data/dwarf.wasm");
    let code_end = wasm.windows(11).position(|window| window == b".debug_info").unwrap_or(wasm.len() / 3);
    for seed in 1..40 {
        let mut random = Random(seed);
        let mut damaged = wasm.to_vec();
        for _ in 0..8 {
            let at = code_end + 11 + random.below(wasm.len() - code_end - 11);
            damaged[at] = random.next() as u8;
        }
        let engine = engine(EngineClass::Plain);
        let Ok(Code::Module(module)) = engine.build(&damaged) else { continue };
        let mut store = store(&engine, &limits(&[]), Calls::Sync);
        let instance =
            Linker::new(engine.raw()).instantiate(&mut store, &module).expect("nothing else is damaged");
        let run = instance.get_typed_func::<(), i32>(&mut store, "run").expect("run");
        let error = run.call(&mut store, ()).expect_err("1 / 0");
        let fault = fault(&error, &mut store);
        assert!(matches!(fault, Fault::Trap(_)), "seed {seed}: {fault:?}");
    }
}

#[test]
fn an_exception_that_nothing_catches_is_a_trap() {
    let wat = r#"(module (tag $oops) (func (export "run") (result i32) (throw $oops)))"#;
    assert_eq!(trap(wat).message, "an exception that nothing catches");
}

#[test]
fn an_exit_is_recognised_by_the_host_s_own_error() -> TestResult {
    #[derive(Debug)]
    struct Exit(i32);
    impl std::fmt::Display for Exit {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "exit {}", self.0)
        }
    }
    impl std::error::Error for Exit {}

    let engine = engine(EngineClass::Plain);
    let wat = r#"(module (import "host" "exit" (func $exit)) (func (export "run") (call $exit)))"#;
    let mut store = store(&engine, &limits(&[]), Calls::Sync);
    let mut linker: Linker<Guest> = Linker::new(engine.raw());
    linker.func_wrap("host", "exit", || -> wasmtime::Result<()> { Err(wasmtime::Error::new(Exit(42))) })?;
    let instance = linker.instantiate(&mut store, &module(&engine, wat))?;
    let error =
        instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ()).expect_err("an exit");
    let code = |error: &wasmtime::Error| error.downcast_ref::<Exit>().map(|exit| exit.0);
    assert_eq!(classify(&error, code, &mut store.data_mut().0), Fault::Exit(42));
    assert!(matches!(fault(&error, &mut store), Fault::Host(text) if text.contains("exit 42")));
    Ok(())
}

#[test]
fn an_import_of_a_module_that_nothing_provides_is_named() {
    let wat = r#"(module (import "env" "log" (func)) (func (export "run") (result i32) i32.const 0))"#;
    let Err(Fault::Link(fault)) = run(wat, &limits(&[])).0 else { panic!("it was linked") };
    assert_eq!(fault.import.as_deref(), Some("env::log"));
}

#[test]
fn an_import_of_another_type_is_named() -> TestResult {
    let engine = engine(EngineClass::Plain);
    let wat = r#"(module (import "env" "log" (func (param i32))))"#;
    let mut store = store(&engine, &limits(&[]), Calls::Sync);
    let mut linker: Linker<Guest> = Linker::new(engine.raw());
    linker.func_wrap("env", "log", |_: f64| ())?;
    let error = linker.instantiate(&mut store, &module(&engine, wat)).expect_err("another type");
    let Fault::Link(fault) = fault(&error, &mut store) else { panic!("{error:?}") };
    assert_eq!(fault.import.as_deref(), Some("env::log"), "{}", fault.message);
    Ok(())
}

#[test]
fn an_import_of_a_component_that_nothing_provides_is_named() -> TestResult {
    let engine = engine(EngineClass::Plain);
    let wat = r#"(component (import "wasi:http/types@0.2.6" (instance (export "f" (func)))))"#;
    let Code::Component(component) = engine.build(wat.as_bytes())? else { panic!("a module") };
    let mut store = store(&engine, &limits(&[]), Calls::Sync);
    let linker: component::Linker<Guest> = component::Linker::new(engine.raw());
    let error = linker.instantiate(&mut store, &component).err().ok_or("it was linked")?;
    let Fault::Link(fault) = fault(&error, &mut store) else { panic!("{error:?}") };
    assert_eq!(fault.import.as_deref(), Some("wasi:http/types@0.2.6"), "{}", fault.message);
    Ok(())
}
