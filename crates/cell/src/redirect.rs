//! Local redirects of CGI programs: another path of this server answers, as if it had been asked for
//! (RFC 3875, section 6.2.2).

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::uri::Uri;
use http::{Method, Request, Response};

use crate::invoke::Elsewhere;
use crate::refusal::Refusal;
use crate::request_body::RequestBody;

/// The request as it would be made for another path: a GET without a body.
pub(crate) fn copy(request: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(RequestBody::empty());
    *copy.method_mut() = Method::GET;
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    for name in [CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING] {
        copy.headers_mut().remove(name);
    }
    copy
}

/// The request to make next, if the program's answer is a local redirect.
pub(crate) fn follow<B>(
    response: &mut Response<B>,
    mut request: Request<RequestBody>,
) -> Option<Result<Request<RequestBody>, Refusal>> {
    let Elsewhere(target) = response.extensions_mut().remove()?;
    let malformed = || Refusal::GuestBrokeHttp(format!("its Location {target:?} is no path"));
    Some(target.parse().map_err(|_| malformed()).and_then(|target| {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(target);
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| malformed())?;
        Ok(request)
    }))
}
