//! HTTP's fields, by name: which belong to one connection and go no further.

/// Whether a field belongs to one connection: RFC 9110, section 7.6.1; RFC 9113, section 8.2.2; and what was used
/// before them. `name` is in small letters.
pub fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// The names of those `fields` that belong to one connection, and of those that a `connection` among them says do.
///
/// The host routes a request; a client cannot have it taken away.
pub fn hop_by_hop<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<String> {
    let mut names = Vec::new();
    for (name, value) in fields.filter(|(name, _)| is_hop_by_hop(name)) {
        names.push(name.to_owned());
        if name == "connection" {
            names.extend(options(value).filter(|name| name != "host"));
        }
    }
    names
}

fn options(value: &[u8]) -> impl Iterator<Item = String> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    text.split(',').map(|option| option.trim().to_ascii_lowercase()).filter(|option| !option.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &[(&'static str, &'static str)]) -> Vec<String> {
        hop_by_hop(fields.iter().map(|(name, value)| (*name, value.as_bytes())))
    }

    #[test]
    fn what_belongs_to_the_connection_is_found_in_any_order() {
        let fields = [("x-private", "1"), ("connection", "close, X-Private"), ("te", "trailers"), ("x", "2")];
        assert_eq!(found(&fields), ["connection", "close", "x-private", "te"]);
    }

    #[test]
    fn nobody_has_the_host_taken_away() {
        assert_eq!(found(&[("host", "a.example"), ("connection", ", HOST,")]), ["connection"]);
    }

    #[test]
    fn what_is_no_text_names_nothing() {
        assert_eq!(hop_by_hop([("connection", &b"\xffx"[..])].into_iter()), ["connection"]);
    }
}
