//! Grants as people write them: what parses, how it prints, how it is refused.

use tombolo_spec::Grant;

/// Each line parses, prints as the second text, and that text is its own canonical form.
#[track_caller]
fn check(line: &str, canonical: &str) {
    let grant: Grant = line.parse().unwrap_or_else(|e| panic!("{e:#}"));
    assert_eq!(grant.to_string(), canonical);
    assert_eq!(canonical.parse::<Grant>().as_ref(), Ok(&grant), "the canonical form reads as something else");
}

#[test]
fn the_table_of_the_design_parses_and_prints_as_it_stands() {
    for line in [
        "dir ./site as /www read",
        "env LOG=info",
        "kv readings read-write",
        "dir ./out as /out read-write",
        "secret db-password",
        "topic publish alerts/#",
        "volume cache as /cache 64MiB",
        "http GET https://api.example.com/v1/*",
        "tcp connect db.internal:5432",
        "listen tcp 9000",
        "dns *.example.com",
        "udp connect 10.0.0.7:514",
        "random",
        "clock 1ms",
    ] {
        check(line, line);
    }
}
