//! Every limit of the engine, each exceeded by a guest.

mod common;

use std::future::{Future, poll_fn};
use std::time::{Duration, Instant};

use common::{Guest, TestResult, block_on, engine, fault, limits, module, run, store};
use tombolo_engine::{Budget, Calls, Code, EngineClass, Fault, LimitHit, Ticker, metered_call};
use tombolo_spec::LimitName;
use wasmtime::component::{self, ResourceType, Val};
use wasmtime::{Linker, Store};

fn hit(result: Result<i32, Fault>) -> LimitHit {
    match result {
        Err(Fault::Limit(hit)) => hit,
        other => panic!("no limit was hit: {other:?}"),
    }
}

#[test]
fn memory_below_the_limit_is_granted() {
    let wat = r#"(module (memory 1) (func (export "run") (result i32) (memory.grow (i32.const 14))))"#;
    let (result, store) = run(wat, &limits(&["memory=1MiB"]));
    assert_eq!(result, Ok(1));
    assert_eq!(store.data().0.memory_bytes(), 15 << 16);
    assert_eq!(store.data().0.hit(), None);
}

#[test]
fn refused_memory_reads_as_minus_one_and_is_remembered() {
    let wat = r#"(module (memory 1) (func (export "run") (result i32) (memory.grow (i32.const 16))))"#;
    let (result, store) = run(wat, &limits(&["memory=1MiB"]));
    assert_eq!(result, Ok(-1), "as the specification says");
    assert_eq!(store.data().0.memory_bytes(), 1 << 16, "nothing was accounted for");
    assert_eq!(store.data().0.hit().map(|hit| hit.name), Some(LimitName::Memory));
}

#[test]
fn a_program_that_gives_up_for_lack_of_memory_is_explained() {
    let wat = r#"(module (memory 1) (func (export "run") (result i32)
        (if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable)) i32.const 0))"#;
    let (result, _) = run(wat, &limits(&["memory=1MiB"]));
    let Err(Fault::Trap(report)) = result else { panic!("{result:?}") };
    let text = report.to_string();
    assert_eq!(report.refused.map(|hit| hit.name), Some(LimitName::Memory), "{text}");
    assert!(text.contains("limit memory=1MiB reached"), "{text}");
    assert!(text.contains("--limit memory=2MiB"), "{text}");
}

#[test]
fn growth_beyond_what_the_program_itself_declares_is_not_our_limit() {
    let wat = r#"(module (memory 1 2) (func (export "run") (result i32) (memory.grow (i32.const 5))))"#;
    let (result, store) = run(wat, &limits(&["memory=64MiB"]));
    assert_eq!(result, Ok(-1));
    assert_eq!(store.data().0.hit(), None);
    assert_eq!(store.data().0.memory_bytes(), 1 << 16);
}

#[test]
fn a_memory_that_starts_too_large_is_a_limit() {
    let wat = r#"(module (memory 17) (func (export "run") (result i32) i32.const 0))"#;
    let hit = hit(run(wat, &limits(&["memory=1MiB"])).0);
    assert_eq!(hit.to_string(), LimitHit::of(&limits(&["memory=1MiB"]), LimitName::Memory).to_string());
}

#[test]
fn many_memories_share_one_limit() {
    // Four memories of 6 pages: each is far below 1 MiB, all together are not.
    let wat = r#"(module (memory 6) (memory 6) (memory 6) (func (export "run") (result i32) i32.const 0))"#;
    assert_eq!(hit(run(wat, &limits(&["memory=1MiB"])).0).name, LimitName::Memory);
    let (result, store) = run(wat, &limits(&["memory=2MiB"]));
    assert_eq!((result, store.data().0.memory_bytes()), (Ok(0), 18 << 16));
}

#[test]
fn memories_of_several_instances_share_one_limit() -> TestResult {
    let engine = engine(EngineClass::Plain);
    let module = module(&engine, r#"(module (memory 6) (func (export "run")))"#);
    let mut store = store(&engine, &limits(&["memory=1MiB"]), Calls::Sync);
    let linker = Linker::new(engine.raw());
    linker.instantiate(&mut store, &module)?;
    linker.instantiate(&mut store, &module)?;
    let error = linker.instantiate(&mut store, &module).expect_err("18 pages");
    let Fault::Limit(hit) = fault(&error, &mut store) else { panic!("{error:?}") };
    assert_eq!(hit.name, LimitName::Memory);
    Ok(())
}

#[test]
fn tables_share_one_limit_of_elements() {
    let wat =
        r#"(module (table 600 funcref) (table 600 funcref) (func (export "run") (result i32) i32.const 0))"#;
    assert_eq!(hit(run(wat, &limits(&["table-elements=1000"])).0).name, LimitName::TableElements);
    assert_eq!(run(wat, &limits(&["table-elements=1200"])).0, Ok(0));
}

#[test]
fn a_table_that_grows_reads_minus_one_at_the_limit() {
    let wat = r#"(module (table $t 1 funcref) (func (export "run") (result i32)
        (drop (table.grow $t (ref.null func) (i32.const 900))) (table.grow $t (ref.null func) (i32.const 900))))"#;
    let (result, store) = run(wat, &limits(&["table-elements=1000"]));
    assert_eq!(result, Ok(-1));
    assert_eq!(store.data().0.hit().map(|hit| hit.name), Some(LimitName::TableElements));
}

#[test]
fn tables_count_as_memory() {
    let wat = r#"(module (table $t 0 funcref) (func (export "run") (result i32)
        (table.grow $t (ref.null func) (i32.const 20000))))"#;
    let (result, store) = run(wat, &limits(&["memory=128KiB"]));
    assert_eq!(result, Ok(-1), "20,000 elements are 156 KiB");
    assert_eq!(store.data().0.hit().map(|hit| hit.name), Some(LimitName::Memory));
}

#[test]
fn the_garbage_collected_heap_counts_as_memory() {
    let wat = r#"(module (type $node (struct (field (ref null $node)) (field i64 i64 i64 i64)))
        (func (export "run") (result i32) (local $list (ref null $node))
          (loop $again
            (local.set $list (struct.new $node (local.get $list)
              (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))
            (br $again)) unreachable))"#;
    let (result, store) = run(wat, &limits(&["memory=1MiB"]));
    assert_eq!(hit(result).name, LimitName::Memory);
    assert!(store.data().0.memory_bytes() <= 1 << 20);
}

#[test]
fn recursion_without_end_hits_the_stack_limit() {
    let wat = r#"(module (func $deeper (export "run") (result i32) (i32.add (i32.const 1) (call $deeper))))"#;
    let hit = hit(run(wat, &limits(&[])).0);
    assert_eq!(hit.name, LimitName::Stack);
    assert!(hit.to_string().contains("limit stack=1MiB reached"), "{hit}");
}

const SPIN: &str = r#"(module (func (export "run") (result i32) (loop $again (br $again)) unreachable))"#;

#[test]
fn a_loop_without_end_hits_the_cpu_limit() {
    let (result, store) = run(SPIN, &limits(&["cpu=20ms"]));
    assert_eq!(hit(result).name, LimitName::Cpu);
    assert!(store.data().0.cpu() > Duration::from_millis(20));
}

#[test]
fn a_loop_without_end_hits_the_cpu_limit_on_a_fiber() {
    let (result, mut store) = spin_on_a_fiber(&["cpu=20ms"]);
    let error = result.expect_err("a loop without end");
    let Fault::Limit(hit) = fault(&error, &mut store) else { panic!("{error:?}") };
    assert_eq!(hit.name, LimitName::Cpu);
}

/// Runs [`SPIN`] metered and beside a second guest that counts its polls.
fn spin_on_a_fiber(lines: &[&str]) -> (wasmtime::Result<i32>, Store<Guest>) {
    let engine = engine(EngineClass::Plain);
    let _ticks = Ticker::new(&engine).guard().expect("a ticker");
    let mut store = store(&engine, &limits(lines), Calls::Async);
    let module = module(&engine, SPIN);
    let linker = Linker::new(engine.raw());
    let call = async {
        let instance = linker.instantiate_async(&mut store, &module).await?;
        instance.get_typed_func::<(), i32>(&mut store, "run")?.call_async(&mut store, ()).await
    };
    let (mut call, mut used) = (Box::pin(call), Duration::ZERO);
    let result = block_on(poll_fn(|cx| {
        let (polled, used_now) = metered_call(used, || call.as_mut().poll(cx));
        used = used_now;
        polled
    }));
    drop(call);
    (result, store)
}

#[test]
fn waiting_is_not_charged_as_processor_time() -> TestResult {
    let engine = engine(EngineClass::Plain);
    let _ticks = Ticker::new(&engine).guard()?;
    let wat = r#"(module (import "host" "wait" (func $wait)) (func (export "run") (result i32) (local $n i32)
        (call $wait)
        (loop $again (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $n) (i32.const 100000)))) (local.get $n)))"#;
    let mut store = store(&engine, &limits(&["cpu=30ms"]), Calls::Sync);
    let mut linker = Linker::new(engine.raw());
    linker.func_wrap("host", "wait", || std::thread::sleep(Duration::from_millis(300)))?;
    let module = module(&engine, wat);
    let (result, used) = metered_call(Duration::ZERO, || {
        let instance = linker.instantiate(&mut store, &module)?;
        instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ())
    });
    assert_eq!(result?, 100_000);
    assert!(used < Duration::from_millis(300), "{used:?}");
    Ok(())
}

#[test]
fn a_deadline_ends_a_loop_as_the_limit_of_time() -> TestResult {
    let engine = engine(EngineClass::Plain);
    let _ticks = Ticker::new(&engine).guard()?;
    let mut store = store(&engine, &limits(&["time=10ms"]), Calls::Sync);
    store.data_mut().0.set_deadline(Some(Instant::now() + Duration::from_millis(10)));
    let instance = Linker::new(engine.raw()).instantiate(&mut store, &module(&engine, SPIN))?;
    let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
    let error = run.call(&mut store, ()).expect_err("a loop without end");
    let Fault::Limit(hit) = fault(&error, &mut store) else { panic!("{error:?}") };
    assert!(hit.to_string().starts_with("limit time=10ms reached"), "{hit}");
    Ok(())
}

#[test]
fn a_busy_guest_lets_others_on_its_thread_go_on() -> TestResult {
    let engine = engine(EngineClass::Plain);
    let _ticks = Ticker::new(&engine).guard()?;
    let mut store = store(&engine, &limits(&[]), Calls::Async);
    let module = module(&engine, SPIN);
    let linker: Linker<Guest> = Linker::new(engine.raw());
    let busy = async {
        let instance = linker.instantiate_async(&mut store, &module).await?;
        instance.get_typed_func::<(), i32>(&mut store, "run")?.call_async(&mut store, ()).await
    };
    let mut busy = std::pin::pin!(busy);
    let mut polls = 0;
    block_on(poll_fn(|context| {
        polls += 1;
        assert!(busy.as_mut().poll(context).is_pending(), "it loops without end");
        if polls < 5 { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    }));
    Ok(())
}

#[test]
fn output_is_refused_as_a_whole_when_it_does_not_fit() {
    let mut budget = Budget::new(&limits(&["output=100B"]));
    assert_eq!(budget.use_output(60), Ok(()));
    let hit = budget.use_output(41).expect_err("101 bytes");
    assert_eq!((hit.name, budget.hit()), (LimitName::Output, Some(hit)));
    assert_eq!(budget.use_output(40), Ok(()), "what was refused was not accounted for");
    assert_eq!(Budget::new(&limits(&[])).use_output(u64::MAX), Ok(()), "a run has no limit of output");
}

#[test]
fn more_instances_than_any_program_needs_are_refused() -> TestResult {
    let engine = engine(EngineClass::Plain);
    let module = module(&engine, "(module)");
    let mut store = store(&engine, &limits(&[]), Calls::Sync);
    let linker: Linker<Guest> = Linker::new(engine.raw());
    let error =
        (0..2000).find_map(|_| linker.instantiate(&mut store, &module).err()).ok_or("all were made")?;
    let Fault::Host(text) = fault(&error, &mut store) else { panic!("{error:?}") };
    assert!(text.contains("instance count too high at 1001"), "{text}");
    Ok(())
}

/// Passes a string of `$bytes` to the host.
const PASS_STRING: &str = r#"(component
    (import "take" (func $take (param "text" string)))
    (core module $m
      (import "host" "take" (func $take (param i32 i32)))
      (memory (export "memory") 32)
      (func (export "run") (param i32) (call $take (i32.const 0) (local.get 0))))
    (core module $mem (memory (export "memory") 32))
    (core instance $memory (instantiate $mem))
    (core func $lowered (canon lower (func $take) (memory (core memory $memory "memory"))))
    (core instance $i (instantiate $m (with "host" (instance (export "take" (func $lowered))))))
    (func (export "run") (param "bytes" u32) (canon lift (core func $i "run"))))"#;

/// Makes `n` handles to a resource of its own.
const MAKE_HANDLES: &str = r#"(component
    (type $r (resource (rep i32)))
    (core func $new (canon resource.new $r))
    (core module $m
      (import "own" "new" (func $new (param i32) (result i32)))
      (func (export "run") (param $n i32)
        (loop $again
          (drop (call $new (i32.const 1)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br_if $again (local.get $n)))))
    (core instance $i (instantiate $m (with "own" (instance (export "new" (func $new))))))
    (func (export "run") (param "n" u32) (canon lift (core func $i "run"))))"#;

/// Calls the export `run` of a component with `argument`.
fn run_component(wat: &str, argument: u32, lines: &[&str]) -> Result<(), Fault> {
    let engine = engine(EngineClass::Plain);
    let Code::Component(component) = engine.build(wat.as_bytes()).expect(wat) else { panic!("a module") };
    let mut store = store(&engine, &limits(lines), Calls::Sync);
    let mut linker = component::Linker::new(engine.raw());
    linker.root().func_wrap("take", |_, (_text,): (String,)| Ok(())).expect("a new name");
    let result = (|| -> wasmtime::Result<()> {
        let instance = linker.instantiate(&mut store, &component)?;
        let run = instance.get_func(&mut store, "run").expect("run");
        run.call(&mut store, &[Val::U32(argument)], &mut [])
    })();
    result.map_err(|error| fault(&error, &mut store))
}

#[test]
fn one_call_can_make_the_host_copy_this_much_and_no_more() {
    assert_eq!(run_component(PASS_STRING, 60_000, &["hostcall-fuel=64KiB"]), Ok(()));
    let fault = run_component(PASS_STRING, 70_000, &["hostcall-fuel=64KiB"]).expect_err("70,000 bytes");
    let Fault::Limit(hit) = fault else { panic!("{fault:?}") };
    assert_eq!(hit.name, LimitName::HostcallFuel);
}

#[test]
fn a_guest_can_hold_this_many_handles_and_no_more() {
    assert_eq!(run_component(MAKE_HANDLES, 100, &["handles=100"]), Ok(()));
    let fault = run_component(MAKE_HANDLES, 101, &["handles=100"]).expect_err("101 handles");
    let Fault::Limit(hit) = fault else { panic!("{fault:?}") };
    assert_eq!(hit.name, LimitName::Handles);
}

#[test]
fn a_resource_of_the_host_counts_as_a_handle_too() -> TestResult {
    let engine = engine(EngineClass::Plain);
    let wat = r#"(component
        (import "r" (type $r (sub resource)))
        (import "make" (func $make (result (own $r))))
        (core func $make' (canon lower (func $make)))
        (core module $m (import "h" "make" (func $make (result i32)))
          (func (export "run") (loop $again (drop (call $make)) (br $again))))
        (core instance $i (instantiate $m (with "h" (instance (export "make" (func $make'))))))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    let Code::Component(component) = engine.build(wat.as_bytes())? else { panic!("a module") };
    let mut store = store(&engine, &limits(&["handles=50"]), Calls::Sync);
    let mut linker = component::Linker::new(engine.raw());
    struct Thing;
    linker.root().resource("r", ResourceType::host::<Thing>(), |_, _| Ok(()))?;
    linker.root().func_wrap("make", |_, (): ()| Ok((component::Resource::<Thing>::new_own(1),)))?;
    let instance = linker.instantiate(&mut store, &component)?;
    let run = instance.get_func(&mut store, "run").ok_or("run")?;
    let error = run.call(&mut store, &[], &mut []).expect_err("a loop without end");
    let Fault::Limit(hit) = fault(&error, &mut store) else { panic!("{error:?}") };
    assert_eq!(hit.name, LimitName::Handles);
    Ok(())
}
