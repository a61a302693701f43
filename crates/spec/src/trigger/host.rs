//! Whom a request is for: read in one way by everybody who chooses a route.

/// The host that a request is for: the target's authority, or else the one `Host` field (RFC 9112, section 3.2). A field
/// is `None` where it is not visible ASCII text.
///
/// # Errors
/// What is wrong with the request, in words for its sender.
pub fn requested_host<'a>(
    target: Option<&'a str>,
    mut fields: impl Iterator<Item = Option<&'a str>>,
) -> Result<&'a str, &'static str> {
    let (field, second) = (fields.next(), fields.next());
    if second.is_some() {
        return Err("more than one Host");
    }
    match (target, field) {
        (Some(authority), _) => Ok(authority),
        (None, Some(field)) => field.ok_or("Host is not text"),
        (None, None) => Err("no Host"),
    }
}

#[cfg(test)]
mod tests {
    use super::requested_host;

    #[test]
    fn a_request_is_for_one_host_or_for_none() {
        for (target, fields, expected) in [
            (None, &[Some("a.example:80")][..], Ok("a.example:80")),
            (Some("b.example"), &[Some("a.example")], Ok("b.example")),
            (Some("b.example"), &[None], Ok("b.example")),
            (Some("b.example"), &[], Ok("b.example")),
            (Some("b.example"), &[Some("a"), Some("b.example")], Err("more than one Host")),
            (None, &[Some("a"), Some("a")], Err("more than one Host")),
            (None, &[None], Err("Host is not text")),
            (None, &[], Err("no Host")),
        ] {
            assert_eq!(requested_host(target, fields.iter().copied()), expected, "{target:?} {fields:?}");
        }
    }
}
