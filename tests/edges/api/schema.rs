//! As much of JSON Schema as `openapi.yaml` uses; what it does not know, it refuses.

use serde_json::Value;

/// Panics, with the place, where `value` is not as `schema` says. `document` resolves references.
pub(crate) fn hold(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return hold(document, resolve(document, reference), value, place);
    }
    let schema = schema.as_object().unwrap_or_else(|| panic!("{place}: no schema"));
    for (key, says) in schema {
        match key.as_str() {
            "type" => {
                let types = says.as_array().cloned().unwrap_or_else(|| vec![says.clone()]);
                assert!(
                    types.iter().any(|name| is_a(value, name.as_str().unwrap())),
                    "{place}: {value} is no {says}"
                );
            }
            "enum" => assert!(says.as_array().unwrap().contains(value), "{place}: {value} is none of {says}"),
            "required" => {
                for name in says.as_array().unwrap().iter().filter(|_| value.is_object()) {
                    assert!(value.get(name.as_str().unwrap()).is_some(), "{place}: no {name}");
                }
            }
            "properties" => {
                for (name, schema) in says.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        hold(document, schema, value, &format!("{place}.{name}"));
                    }
                }
            }
            "additionalProperties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    if schema.get("properties").is_some_and(|named| named.get(name).is_some()) {
                        continue;
                    }
                    assert_ne!(says, &Value::Bool(false), "{place}: {name} is not described");
                    hold(document, says, value, &format!("{place}.{name}"));
                }
            }
            "items" => {
                for (n, value) in value.as_array().unwrap().iter().enumerate() {
                    hold(document, says, value, &format!("{place}[{n}]"));
                }
            }
            "format" => {
                assert_eq!(says, "date-time", "{place}");
                if let Some(time) = value.as_str() {
                    humantime::parse_rfc3339(time).unwrap_or_else(|error| panic!("{place}: {time}: {error}"));
                }
            }
            // One is chosen by what all of them say first: their kind.
            "oneOf" => {
                let kind = |of: &&Value| {
                    let of = of["$ref"].as_str().map_or(*of, |reference| resolve(document, reference));
                    of["properties"]["kind"]["enum"][0] == value["kind"]
                };
                let fits: Vec<&Value> = says.as_array().unwrap().iter().filter(kind).collect();
                assert_eq!(fits.len(), 1, "{place}: {value}");
                hold(document, fits[0], value, place);
            }
            "description" => {}
            other => panic!("{place}: this test does not know {other}"),
        }
    }
}

/// What `#/a/b` stands for.
pub(crate) fn resolve<'a>(document: &'a Value, reference: &str) -> &'a Value {
    let path = reference.strip_prefix('#').expect("in the same file");
    document.pointer(path).unwrap_or_else(|| panic!("{reference} is not there"))
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("no type: {other}"),
    }
}
