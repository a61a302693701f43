//! Parses, changes and prints a JSON document N times (default: 2000) and prints a check sum.

use serde_json::{Value, json};

const RECORDS: usize = 100;

fn main() {
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(2000);
    let mut text = document().to_string();
    for round in 0..rounds {
        let mut document: Value = serde_json::from_str(&text).expect("what was printed parses");
        document["round"] = json!(round);
        document["records"].as_array_mut().expect("records are a list").rotate_left(1);
        text = document.to_string();
    }
    let sum = text.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    println!("{sum:016x}");
}

fn document() -> Value {
    let record = |id: usize| {
        json!({
            "id": id,
            "name": format!("sensor \"{id}\" \u{b0}C"),
            "place": { "lat": id as f64 / 7.0, "lon": -(id as f64) / 3.0 },
            "tags": ["indoor", "wireless", null, true],
        })
    };
    json!({ "round": 0, "records": (0..RECORDS).map(record).collect::<Vec<_>>() })
}
