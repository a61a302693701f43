//! Waiting for time and for input.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};
use wasmtime_wasi::p1::types as t;
use wiggle::{GuestMemory, GuestPtr};

use super::convert::io_error;
use super::fds::Fd;
use crate::guest::Guest;

/// When a subscription is ready.
enum Ready {
    Now { bytes: u64, at_end: bool },
    At(Option<Instant>),
    Input,
}

impl Guest {
    /// Waits until at least one subscription is ready, and writes an event for each that is.
    pub(super) async fn poll(
        &mut self,
        memory: &mut GuestMemory<'_>,
        subscriptions: GuestPtr<t::Subscription>,
        events: GuestPtr<t::Event>,
        count: t::Size,
    ) -> Result<t::Size, t::Error> {
        if count == 0 {
            return Err(t::Errno::Inval.into());
        }
        let (subscriptions, events) = (subscriptions.as_array(count), events.as_array(count));
        self.fds().spend_list(subscriptions)?;
        self.fds().spend_list(events)?;
        let mut waits = Vec::with_capacity(count as usize);
        let mut input = None;
        for subscription in subscriptions.iter() {
            let subscription = memory.read(subscription?)?;
            let ready = self.ready(&subscription, &mut input)?;
            waits.push((subscription, ready));
        }
        let input_ready = self.wait(&waits, input).await?;
        let mut written: t::Size = 0;
        for (subscription, ready) in &waits {
            let Some(event) = event(subscription, ready, input_ready) else { continue };
            let place = events.get(written).ok_or(t::Errno::Overflow)?;
            memory.write(place, event)?;
            written += 1;
        }
        Ok(written)
    }

    fn ready(
        &mut self,
        subscription: &t::Subscription,
        input: &mut Option<t::Fd>,
    ) -> Result<Ready, t::Error> {
        match &subscription.u {
            t::SubscriptionU::Clock(clock) => self.timer(clock),
            t::SubscriptionU::FdRead(of) => match self.fds().get(of.file_descriptor)? {
                Fd::Stdin(_) => {
                    *input = Some(of.file_descriptor);
                    self.open_stdin(of.file_descriptor)?;
                    Ok(Ready::Input)
                }
                Fd::File(file) => {
                    let len = file.file.metadata().map_err(|error| io_error(&error))?.len();
                    Ok(Ready::Now { bytes: 1, at_end: len <= file.position })
                }
                Fd::Dir(_) | Fd::Output(_) => Err(t::Errno::Badf.into()),
            },
            t::SubscriptionU::FdWrite(of) => match self.fds().get(of.file_descriptor)? {
                Fd::Output(_) | Fd::File(_) => Ok(Ready::Now { bytes: 1, at_end: false }),
                Fd::Stdin(_) | Fd::Dir(_) => Err(t::Errno::Badf.into()),
            },
        }
    }

    fn timer(&mut self, timer: &t::SubscriptionClock) -> Result<Ready, t::Error> {
        let absolute = timer.flags.contains(t::Subclockflags::SUBSCRIPTION_CLOCK_ABSTIME);
        let clocks = self.clocks().clocks;
        let wait = match (timer.id, absolute) {
            (t::Clockid::Monotonic, true) => clocks.until(timer.timeout),
            (t::Clockid::Realtime, true) => clocks.until_wall(timer.timeout),
            (t::Clockid::Monotonic | t::Clockid::Realtime, false) => Duration::from_nanos(timer.timeout),
            _ => return Err(t::Errno::Inval.into()),
        };
        Ok(Ready::At(Instant::now().checked_add(wait)))
    }

    /// Waits for the first of all; true when input is there.
    async fn wait(
        &mut self,
        waits: &[(t::Subscription, Ready)],
        input: Option<t::Fd>,
    ) -> Result<bool, t::Error> {
        let any_now = waits.iter().any(|(_, ready)| matches!(ready, Ready::Now { .. }));
        let earliest = waits.iter().filter_map(|(_, ready)| match ready {
            Ready::At(when) => *when,
            _ => None,
        });
        let earliest = earliest.min();
        let mut time = pin!(async {
            match earliest {
                // Others have their turn even if this guest polls in a loop.
                _ if any_now => yield_now().await,
                Some(when) => sleep_until(when).await,
                None => pending().await,
            }
        });
        let mut stream = match input {
            Some(fd) => match self.fds().get(fd)? {
                Fd::Stdin(Some(stream)) => Some(stream.ready()),
                _ => None,
            },
            None => None,
        };
        // Input first: a guest that polls with a timeout of zero sees what is there.
        Ok(poll_fn(|cx| {
            if let Some(stream) = &mut stream
                && stream.as_mut().poll(cx).is_ready()
            {
                return Poll::Ready(true);
            }
            time.as_mut().poll(cx).map(|()| false)
        })
        .await)
    }
}

fn event(subscription: &t::Subscription, ready: &Ready, input_ready: bool) -> Option<t::Event> {
    let type_ = match subscription.u {
        t::SubscriptionU::Clock(_) => t::Eventtype::Clock,
        t::SubscriptionU::FdRead(_) => t::Eventtype::FdRead,
        t::SubscriptionU::FdWrite(_) => t::Eventtype::FdWrite,
    };
    let (nbytes, at_end) = match ready {
        Ready::Now { bytes, at_end } => (*bytes, *at_end),
        Ready::At(Some(when)) if Instant::now() >= *when => (0, false),
        Ready::Input if input_ready => (1, false),
        _ => return None,
    };
    let mut flags = t::Eventrwflags::empty();
    flags.set(t::Eventrwflags::FD_READWRITE_HANGUP, at_end);
    let fd_readwrite = t::EventFdReadwrite { nbytes, flags };
    Some(t::Event { userdata: subscription.userdata, error: t::Errno::Success, type_, fd_readwrite })
}
