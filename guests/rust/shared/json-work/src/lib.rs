//! The JSON work that servers are compared with: the same code in the guest and in the native server.

use serde_json::{Value, json};

/// The document that a request works on: about 4 KiB, 40 readings.
pub fn document() -> String {
    let reading = |id: u32| json!({ "id": id, "sensor": format!("s-{}", id % 7), "value": f64::from(id * 37 % 101) / 4.0, "ok": id % 5 != 0 });
    json!({ "site": "harbour", "readings": (0..40).map(reading).collect::<Vec<_>>() }).to_string()
}

/// Parses the document, drops what is not `ok`, sorts by value, adds the mean, and prints it again.
pub fn work(document: &str) -> Result<String, serde_json::Error> {
    let mut document: Value = serde_json::from_str(document)?;
    let mut readings = document["readings"].take();
    if let Some(readings) = readings.as_array_mut() {
        readings.retain(|reading| reading["ok"] == true);
        readings.sort_by(|a, b| value(a).total_cmp(&value(b)));
        let sum: f64 = readings.iter().map(value).sum();
        document["mean"] = json!(sum / readings.len() as f64);
    }
    document["readings"] = readings;
    serde_json::to_string(&document)
}

fn value(reading: &Value) -> f64 {
    reading["value"].as_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_not_ok_is_dropped_and_the_rest_is_sorted() {
        let answer: super::Value = serde_json::from_str(&super::work(&super::document()).unwrap()).unwrap();
        let values: Vec<_> = answer["readings"].as_array().unwrap().iter().map(super::value).collect();
        assert_eq!(values.len(), 32);
        assert!(values.is_sorted());
        assert!((answer["mean"].as_f64().unwrap() - values.iter().sum::<f64>() / 32.0).abs() < 1e-9);
    }
}
