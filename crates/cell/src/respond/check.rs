//! Rules that a guest's response must keep before it may leave (RFC 9110, RFC 9112).
//!
//! Header names and values were made by the `http` crate's parsers, so that none holds CR, LF or NUL.

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, EXPECT,
    HOST, HeaderMap, HeaderName, MAX_FORWARDS, PRAGMA, RANGE, SET_COOKIE, TRAILER, WWW_AUTHENTICATE,
};
use http::{StatusCode, response};
use tombolo_spec::fields::hop_by_hop;

/// Fields that frame, route, or authenticate a message have no meaning after it (RFC 9110, section 6.5.1).
const NOT_IN_TRAILERS: [HeaderName; 14] = [
    AUTHORIZATION,
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    EXPECT,
    HOST,
    MAX_FORWARDS,
    PRAGMA,
    RANGE,
    SET_COOKIE,
    TRAILER,
    WWW_AUTHENTICATE,
];

/// Checks the head of a guest's response and takes out what is not the guest's to say.
///
/// Gives the body's announced length, if there is one.
///
/// # Errors
/// In words for the operator, when the head contradicts itself.
pub(crate) fn head(parts: &mut response::Parts, headers_bytes_max: u64) -> Result<Option<u64>, String> {
    if parts.status.is_informational() {
        return Err(format!("its status is {}, which does not end a response", parts.status.as_u16()));
    }
    let headers_bytes = size_bytes(&parts.headers);
    if headers_bytes > headers_bytes_max {
        return Err(format!(
            "its headers have {headers_bytes} bytes; the limit is headers={headers_bytes_max}B"
        ));
    }
    strip_hop_by_hop(&mut parts.headers);
    let length = content_length(&parts.headers)?;
    if has_no_body(parts.status) && parts.status != StatusCode::NOT_MODIFIED {
        parts.headers.remove(CONTENT_LENGTH);
        return Ok(Some(0));
    }
    Ok(length)
}

/// Takes fields out of `trailers` that may not stand there, and those of one connection.
pub(crate) fn trailers(trailers: &mut HeaderMap) {
    strip_hop_by_hop(trailers);
    for name in &NOT_IN_TRAILERS {
        trailers.remove(name);
    }
}

/// Whether a response of this status never has a body (RFC 9110, section 6.4.1).
pub(crate) fn has_no_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// The bytes that a header section takes on the wire of HTTP/1.1.
pub(crate) fn size_bytes(headers: &HeaderMap) -> u64 {
    headers.iter().map(|(name, value)| (name.as_str().len() + value.len() + 4) as u64).sum()
}

/// The connection is ours and not the guest's.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let names = hop_by_hop(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    for name in &names {
        headers.remove(name);
    }
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, String> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(None) };
    if lengths.next().is_some() {
        return Err("it has more than one Content-Length".into());
    }
    let digits =
        first.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    match digits.and_then(|text| text.parse().ok()) {
        Some(length) => Ok(Some(length)),
        None => Err(format!("its Content-Length is {first:?}, which is not a number of bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Response;
    use http::header::HeaderValue;

    fn parts(status: u16, headers: &[(&'static str, &'static str)]) -> response::Parts {
        let mut parts = Response::new(()).into_parts().0;
        parts.status = StatusCode::from_u16(status).expect("a status");
        for (name, value) in headers {
            parts.headers.append(*name, HeaderValue::from_static(value));
        }
        parts
    }

    #[test]
    fn a_length_must_be_one_number() {
        for lengths in
            [&["1", "2"][..], &["1", "1"], &["1, 1"], &["+1"], &["-1"], &[""], &["99999999999999999999"]]
        {
            let headers: Vec<_> = lengths.iter().map(|length| ("content-length", *length)).collect();
            assert!(head(&mut parts(200, &headers), 1000).is_err(), "{lengths:?}");
        }
        assert_eq!(head(&mut parts(200, &[("content-length", "007")]), 1000), Ok(Some(7)));
    }

    #[test]
    fn fields_of_the_connection_are_not_the_guests() {
        let mut response = parts(
            200,
            &[
                ("connection", "close, x-private"),
                ("transfer-encoding", "chunked"),
                ("x-private", "1"),
                ("x", "2"),
            ],
        );
        assert_eq!(head(&mut response, 1000), Ok(None));
        assert_eq!(response.headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn informational_statuses_are_refused_and_empty_ones_have_no_length() {
        assert!(head(&mut parts(101, &[]), 1000).is_err());
        let mut response = parts(204, &[("content-length", "5")]);
        assert_eq!(head(&mut response, 1000), Ok(Some(0)));
        assert!(response.headers.is_empty());
    }

    #[test]
    fn large_heads_are_refused() {
        assert!(head(&mut parts(200, &[("x", "0123456789")]), 10).is_err());
    }

    #[test]
    fn framing_fields_do_not_pass_as_trailers() {
        let mut fields =
            parts(200, &[("content-length", "1"), ("set-cookie", "a=b"), ("x-checksum", "1")]).headers;
        trailers(&mut fields);
        assert_eq!(fields.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-checksum"]);
    }
}
