//! What went wrong on the wire, in the words of `wasi:http`.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, Error as Tls};
use tombolo_egress::{Failed, LookupError};
use wasmtime_wasi_http::Error;

/// A connection that could not be had.
pub(super) fn unmet(failed: Failed) -> Error {
    match failed {
        Failed::Refused => Error::HttpRequestDenied,
        Failed::Barred => Error::DestinationIpProhibited,
        Failed::Lookup(error) => lookup(error),
        Failed::Io(errno) => connect(io::Error::from_raw_os_error(errno)),
        Failed::Gone => Error::DestinationUnavailable,
        Failed::TooLong => Error::HttpRequestUriTooLong,
    }
}

fn lookup(error: LookupError) -> Error {
    match error {
        LookupError::NotFound => {
            Error::DnsError { rcode: Some("no such name or no address".to_owned()), info_code: None }
        }
        LookupError::Internal => Error::HttpRequestDenied,
        LookupError::Timeout => Error::DnsTimeout,
        LookupError::Failed(why) => Error::DnsError { rcode: Some(why), info_code: None },
    }
}

pub(super) fn connect(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        ErrorKind::TimedOut => Error::ConnectionTimeout,
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => Error::DestinationIpUnroutable,
        // A kernel layer said no.
        ErrorKind::PermissionDenied => Error::DestinationIpProhibited,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Error::ConnectionTerminated,
        _ => Error::DestinationUnavailable,
    }
}

pub(super) fn tls(error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>()) {
        Some(Tls::InvalidCertificate(_) | Tls::NoCertificatesPresented) => Error::TlsCertificateError,
        Some(Tls::AlertReceived(alert)) => alert_received(*alert),
        Some(_) => Error::TlsProtocolError,
        None => connect(error),
    }
}

fn alert_received(alert: AlertDescription) -> Error {
    Error::TlsAlertReceived { alert_id: Some(u8::from(alert)), alert_message: Some(format!("{alert:?}")) }
}

/// Errors of an open connection. What a body of ours reported comes out as it went in.
pub(super) fn hyper(error: &hyper::Error) -> Error {
    if let Some(own) = error.source().and_then(|source| source.downcast_ref::<Error>()) {
        return own_error(own);
    }
    if error.is_parse_too_large() {
        return Error::HttpResponseHeaderSectionSize(None);
    }
    if error.is_incomplete_message() || error.is_body_write_aborted() {
        return Error::HttpResponseIncomplete;
    }
    if error.is_timeout() {
        return Error::HttpResponseTimeout;
    }
    if error.is_closed() || error.is_canceled() || is_io(error) {
        return Error::ConnectionTerminated;
    }
    Error::HttpProtocolError
}

fn own_error(error: &Error) -> Error {
    match error {
        Error::HttpRequestBodySize(size) => Error::HttpRequestBodySize(*size),
        Error::HttpResponseBodySize(size) => Error::HttpResponseBodySize(*size),
        error => Error::InternalError(Some(error.to_string())),
    }
}

fn is_io(error: &hyper::Error) -> bool {
    error.source().is_some_and(|source| source.is::<io::Error>())
}
