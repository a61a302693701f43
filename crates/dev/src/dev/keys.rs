//! Single keys from a terminal, which gets its mode back in the end.

use std::io::{IsTerminal, Read};
use std::sync::mpsc::SyncSender;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use super::Event;

/// Holds the terminal's former mode; nothing where there is no terminal.
pub(super) struct Keys {
    former: Option<Termios>,
}

impl Keys {
    /// Sends each key as an event from now on.
    pub(super) fn read(events: SyncSender<Event>) -> Keys {
        let stdin = std::io::stdin();
        let former = if stdin.is_terminal() { tcgetattr(&stdin).ok() } else { None };
        let Some(mut mode) = former.clone() else { return Keys { former: None } };
        // Keys come at once and unseen; Ctrl-C stays a signal.
        mode.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        mode.special_codes[SpecialCodeIndex::VMIN] = 1;
        mode.special_codes[SpecialCodeIndex::VTIME] = 0;
        if tcsetattr(&stdin, OptionalActions::Now, &mode).is_err() {
            return Keys { former: None };
        }
        std::thread::spawn(move || {
            for key in std::io::stdin().lock().bytes() {
                let event = key.map_or(Event::Stop, Event::Key);
                if events.send(event).is_err() {
                    return;
                }
            }
        });
        Keys { former }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(former) = &self.former {
            // A terminal that is gone needs no mode.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, former);
        }
    }
}
