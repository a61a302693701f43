//! Signals that end the session in order.

use std::path::Path;
use std::sync::mpsc::SyncSender;

use tokio::signal::unix::{SignalKind, signal};

use super::Event;
use crate::error::DevError;

/// Sends [`Event::Stop`] when this process is told to end.
pub(super) fn on_signals(events: SyncSender<Event>) -> Result<(), DevError> {
    let failed = || DevError::file("take signals of", Path::new("this process"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed())?;
    let signals = {
        let _entered = runtime.enter();
        let [interrupt, terminate, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        (interrupt.map_err(failed())?, terminate.map_err(failed())?, hangup.map_err(failed())?)
    };
    std::thread::spawn(move || {
        let (mut interrupt, mut terminate, mut hangup) = signals;
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        // Nobody listens any more when the session is over already.
        let _ = events.send(Event::Stop);
    });
    Ok(())
}
