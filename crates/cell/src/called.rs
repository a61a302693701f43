//! What the gateway says of a call from another app of the node; nobody else can.

use http::header::{HeaderMap, HeaderName};
use tombolo_spec::call::{APP_FIELD, CALLER_FIELD, HOPS_FIELD};

use crate::path::DoorKind;

const APP: HeaderName = HeaderName::from_static(APP_FIELD);
const CALLER: HeaderName = HeaderName::from_static(CALLER_FIELD);
const HOPS: HeaderName = HeaderName::from_static(HOPS_FIELD);

/// A call from another app, or a request from outside.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Called {
    /// The app that is called, whose routes alone lead on; none from outside.
    pub(crate) app: Option<String>,
    /// Calls that led to this one.
    pub(crate) hops: u8,
}

impl Called {
    /// Takes out of a request's fields what is not for the guest, and all that its sender has no right to say.
    pub(crate) fn take(kind: DoorKind, headers: &mut HeaderMap) -> Called {
        let (app, hops) = (headers.remove(APP), headers.remove(HOPS));
        if kind != DoorKind::Gateway {
            headers.remove(CALLER);
            return Called::default();
        }
        let text = |field: Option<http::HeaderValue>| Some(field?.to_str().ok()?.to_owned());
        Called { app: text(app), hops: text(hops).and_then(|hops| hops.parse().ok()).unwrap_or(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_gateway_says_who_calls_whom() {
        let fields = || -> HeaderMap {
            [(APP, "billing"), (CALLER, "acme/shop"), (HOPS, "3")]
                .into_iter()
                .map(|(name, value)| (name, value.parse().expect("a value")))
                .collect()
        };
        let mut headers = fields();
        let called = Called { app: Some("billing".into()), hops: 3 };
        assert_eq!(Called::take(DoorKind::Gateway, &mut headers), called);
        assert_eq!(headers.into_iter().collect::<Vec<_>>(), [(Some(CALLER), "acme/shop".parse().unwrap())]);
        for kind in [DoorKind::Public, DoorKind::Control, DoorKind::Admin] {
            let mut headers = fields();
            assert_eq!(Called::take(kind, &mut headers), Called::default());
            assert!(headers.is_empty(), "{kind:?}: {headers:?}");
        }
    }
}
