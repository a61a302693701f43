//! Calls a function: makes an instance, gives it the request, and waits for the head of its answer.

mod cgi;
mod cgi_env;
mod cgi_head;
mod head;
mod p2;
mod p3;
mod running;

use std::sync::Arc;
use std::time::Instant;

use http::{Request, Response};
use tombolo_engine::{HasBudget, MemoryShare, TickerGuard};
use tombolo_host::stdio::{Input, Output};
use tombolo_host::{Guest, Stdio};
use wasmtime_wasi::I32Exit;

pub(crate) use cgi::{Elsewhere, PrefixSegments};
pub(crate) use running::{Ended, Frames, Running, refusal};

use crate::admit::Pass;
use crate::function::Function;
use crate::link::Entry;
use crate::observe::Call;
use crate::path::Door;
use crate::refusal::Refusal;
use crate::request_body::RequestBody;
use crate::turns::Account;

/// What a guest answers: the head, and the means to get the body.
pub(crate) struct Answer {
    pub(crate) response: Response<Frames>,
    pub(crate) running: Running,
    pub(crate) function: Arc<Function>,
}

/// What a call needs besides the code and the request.
struct Setting {
    guest: Guest,
    pass: Pass,
    /// Keeps the clock running that interrupts the guest.
    ticks: TickerGuard,
    limits: running::Limits,
    /// Whose processor time it is.
    account: Account,
    is_tls: bool,
}

impl Setting {
    /// To be called when the instance is ready to be called.
    fn starts(&self) -> impl FnOnce() + use<> {
        let (account, began) = (self.account.clone(), self.limits.began);
        move || account.counters().start.observe(began.elapsed())
    }
}

/// Calls `function` with `request`. Dropping this on the way cancels the call.
pub(crate) async fn invoke(
    door: &Door,
    call: &Call,
    function: &Arc<Function>,
    mut pass: Pass,
    request: Request<RequestBody>,
) -> Result<Answer, Refusal> {
    let ticks = door.worker.shared.ticks()?;
    let is_tls = door.is_tls(request.headers());
    let memory = pass.take_memory();
    let setting = |stdin: Input, stdout: Output| Setting {
        ticks,
        guest: guest(function, Stdio { stdin, stdout, stderr: log(function, call) }, memory),
        pass,
        limits: running::Limits {
            began: Instant::now(),
            caller: call.trace.caller(),
            time: function.limits.time,
            body_bytes: function.limits.body_bytes,
            time_is_up: function.limits.time_is_up,
        },
        account: Account::of(function, door.worker.index),
        is_tls,
    };
    let mut running = match &function.entry {
        Entry::HttpP2(pre) => p2::call(setting(Input::closed(), log(function, call)), pre.clone(), request)
            .map_err(|error| Refusal::BadRequest(unusable(&error)))?,
        Entry::HttpP3(pre) => p3::call(setting(Input::closed(), log(function, call)), pre.clone(), request),
        program => {
            let running = cgi::call(door, function, program.clone(), setting, log(function, call), request);
            // In a box: each connection holds the room that a request needs, and few are for programs.
            Box::pin(running).await?
        }
    };
    let response = running.head().await?;
    Ok(Answer { response, running, function: Arc::clone(function) })
}

fn guest(function: &Function, stdio: Stdio, memory: Option<MemoryShare>) -> Guest {
    let mut guest = function.template.instantiate(stdio);
    if let Some(memory) = memory {
        guest.budget().draw_from(memory);
    }
    guest
}

fn log(function: &Function, call: &Call) -> Output {
    Output::Log { sink: function.log.clone(), request: u128::from(call.id().0) }
}

/// A request that the host does not take, such as one whose `Host` is no text.
fn unusable(_: &wasmtime::Error) -> &'static str {
    "a request that no guest can be given"
}

/// Recognises the error by which WASI ends a program.
fn exit_code(error: &wasmtime::Error) -> Option<i32> {
    error.downcast_ref::<I32Exit>().map(|exit| exit.0)
}
