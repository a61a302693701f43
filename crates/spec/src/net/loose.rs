//! IPv4 addresses in the forms that `inet_aton` reads and people do not: `2130706433`, `0x7f.1`, `0177.0.0.1`.

use std::net::Ipv4Addr;

/// An IPv4 address in a form that is refused because different programs read it differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LooseIpv4 {
    /// The address that `inet_aton` and the WHATWG URL parser would make of it, if it fits 32 bits.
    pub address: Option<Ipv4Addr>,
    /// Which form it is, for a message.
    pub form: &'static str,
}

/// Detects hosts that are numbers but not four decimal parts; `None` for names and for plain `a.b.c.d`.
///
/// A host whose last label is a number is never a name (WHATWG URL, "ends in a number").
pub fn parse_ipv4_loose(host: &str) -> Option<LooseIpv4> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.parse::<Ipv4Addr>().is_ok() {
        return None;
    }
    let parts: Vec<&str> = host.split('.').collect();
    let last = parts.last()?;
    let digits = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    if !digits && number(last).is_none() {
        return None;
    }
    Some(LooseIpv4 { address: address(&parts), form: form(&parts) })
}

fn form(parts: &[&str]) -> &'static str {
    if parts.iter().any(|part| part.starts_with("0x") || part.starts_with("0X")) {
        "a hexadecimal IPv4 address"
    } else if parts.iter().any(|part| part.len() > 1 && part.starts_with('0')) {
        "an octal IPv4 address"
    } else if parts.len() == 1 {
        "an IPv4 address as one decimal number"
    } else {
        "an IPv4 address without its four decimal parts"
    }
}

fn address(parts: &[&str]) -> Option<Ipv4Addr> {
    let (last, first) = parts.split_last()?;
    if first.len() > 3 {
        return None;
    }
    let mut value: u64 = 0;
    for part in first {
        value = (value << 8) | number(part).filter(|n| *n < 256)?;
    }
    let width = 8 * (4 - first.len() as u32);
    let last = number(last).filter(|n| *n < 1 << width)?;
    u32::try_from((value << width) | last).ok().map(Ipv4Addr::from)
}

fn number(part: &str) -> Option<u64> {
    let hex = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"));
    match hex {
        Some("") => Some(0),
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u64::from_str_radix(hex, 16).ok(),
        None if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) => None,
        None if part.len() > 1 && part.starts_with('0') => u64::from_str_radix(part, 8).ok(),
        None => part.parse().ok(),
        Some(_) => None,
    }
}
