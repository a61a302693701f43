//! Running small guests under limits.

#![allow(dead_code, reason = "each test file uses a part")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tombolo_engine::{
    Budget, Calls, Code, Engine, EngineClass, EngineOptions, Fault, HasBudget, Ticker, arm, classify,
    metered_call,
};
use tombolo_spec::{LimitOverrides, Limits, Profile};
use wasmtime::{Linker, Module, Store};

pub(crate) type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A store's data: nothing but a budget.
pub(crate) struct Guest(pub(crate) Budget);

impl HasBudget for Guest {
    fn budget(&mut self) -> &mut Budget {
        &mut self.0
    }
}

/// Default limits of `tombolo run`, changed by lines such as `memory=1MiB`.
pub(crate) fn limits(lines: &[&str]) -> Limits {
    let mut overrides = LimitOverrides::default();
    for line in lines {
        overrides.set_line(line).expect(line);
    }
    overrides.resolve(Profile::Run)
}

/// An engine that compiles in this process.
pub(crate) fn engine(class: EngineClass) -> Engine {
    Engine::new(&EngineOptions::new(class).with_compiler(true)).expect("an engine")
}

pub(crate) fn module(engine: &Engine, wat: &str) -> Module {
    match engine.build(wat.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{wat}")) {
        Code::Module(module) => module,
        Code::Component(_) => panic!("a component:\n{wat}"),
    }
}

pub(crate) fn store(engine: &Engine, limits: &Limits, calls: Calls) -> Store<Guest> {
    let mut store = Store::new(engine.raw(), Guest(Budget::new(limits)));
    arm(&mut store, calls);
    store
}

/// What a guest came to: the result of its export `run`, or why it has none.
pub(crate) fn run(wat: &str, limits: &Limits) -> (Result<i32, Fault>, Store<Guest>) {
    let engine = engine(EngineClass::Plain);
    let _ticks = Ticker::new(&engine).guard().expect("a ticker");
    let mut store = store(&engine, limits, Calls::Sync);
    let linker = Linker::new(engine.raw());
    let result = metered_call(Default::default(), || call(&linker, &mut store, &module(&engine, wat))).0;
    let result = result.map_err(|error| fault(&error, &mut store));
    (result, store)
}

pub(crate) fn fault(error: &wasmtime::Error, store: &mut Store<Guest>) -> Fault {
    classify(error, |_| None, &mut store.data_mut().0)
}

fn call(linker: &Linker<Guest>, store: &mut Store<Guest>, module: &Module) -> wasmtime::Result<i32> {
    let instance = linker.instantiate(&mut *store, module)?;
    instance.get_typed_func::<(), i32>(&mut *store, "run")?.call(store, ())
}

/// Polls `future` until it is ready. Guests that give way want to be polled again at once.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}

/// A small generator of pseudo-random numbers (xorshift64*), so that a seed replays a failure.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}
