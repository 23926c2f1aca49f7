//! The schema of a kind, as the API server holds objects against it: the same one, and the words are the API server's.
use planner::validate::{Fault, meant};
use serde_json::{Map, Value};

/// How deep below a place a field is looked for that may have been meant to stand there.
const DEPTH: usize = 2;

/// What the schema says of an object.
#[derive(Debug, Default)]
pub struct Checked {
    /// In the order of the schema's fields.
    pub faults: Vec<Fault>,
    /// Fields whose values could not be read and were taken out, so that the others can be.
    pub dropped: Vec<String>,
    /// Of these, the ones that were one of a few words: what stands beside them may depend on which.
    pub choices: Vec<String>,
}

/// Holds an object against the schema of its kind (`openAPIV3Schema`). The object is then as the API server would hand it
/// on: without nulls. Values that cannot be read are taken out, too.
pub fn check(object: &mut Value, schema: &Value) -> Checked {
    let mut checked = Checked::default();
    let Some(fields) = object.as_object_mut() else {
        checked.add("", "must be of type object");
        return checked;
    };
    // Whatever is given is not taken: a status is the operator's to write.
    fields.remove("status");
    let properties = schema.get("properties").and_then(Value::as_object);
    let of_every_kind = ["apiVersion", "kind", "metadata"];
    fields.retain(|name, value| !value.is_null() || of_every_kind.contains(&name.as_str()));
    for (name, value) in fields.iter_mut() {
        match properties.and_then(|p| p.get(name)) {
            _ if of_every_kind.contains(&name.as_str()) => {}
            Some(below) => checked.walk(value, below, name),
            None => checked.unknown(name, properties, &of_every_kind, &field("", name)),
        }
    }
    if !fields.contains_key("spec") {
        checked.add("spec", "Required value");
    }
    checked
}

impl Checked {
    fn add(&mut self, path: &str, message: &str) {
        self.faults.push(Fault::new(path, message));
    }

    fn walk(&mut self, value: &mut Value, schema: &Value, path: &str) {
        if schema.get("x-kubernetes-int-or-string").is_some() {
            if !(value.is_string() || value.is_number()) {
                self.wrong_type(value, "integer or string", path);
            }
            return;
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => self.object(value, schema, path),
            Some("array") => self.array(value, schema, path),
            Some("string") => self.string(value, schema, path),
            Some("integer") => self.number(value, schema, path, "integer"),
            Some("number") => self.number(value, schema, path, "number"),
            Some("boolean") => {
                if let Some(truth) = value.as_str().and_then(truth) {
                    *value = truth.into();
                }
                if !value.is_boolean() {
                    self.wrong_type(value, "boolean", path);
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, value: &mut Value, schema: &Value, path: &str) {
        let Some(fields) = value.as_object_mut() else {
            return self.wrong_type(value, "object", path);
        };
        fields.retain(|_, value| !value.is_null());
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties").filter(|s| s.is_object());
        let before = self.dropped.len();
        for (name, value) in fields.iter_mut() {
            let at = field(path, name);
            match (properties.and_then(|p| p.get(name)), others) {
                (Some(below), _) => self.walk(value, below, &at),
                (None, Some(below)) => self.walk(value, below, &at),
                (None, None) if schema.get("x-kubernetes-preserve-unknown-fields").is_some() => {}
                (None, None) => self.unknown(name, properties, &[], &at),
            }
        }
        let dropped: Vec<_> = self.dropped.iter().skip(before).cloned().collect();
        fields.retain(|name, _| !dropped.contains(&field(path, name)));
        for name in strings(schema, "required") {
            let at = field(path, name);
            if !fields.contains_key(name) && !dropped.contains(&at) {
                self.add(&at, "Required value");
            }
        }
    }

    fn unknown(&mut self, name: &str, properties: Option<&Map<String, Value>>, more: &[&str], at: &str) {
        let known = properties.into_iter().flat_map(|p| p.keys().map(String::as_str));
        let hint = match properties.and_then(|p| below(name, p, DEPTH)) {
            Some(place) => format!("; it belongs below {place}"),
            None => meant(name, known.chain(more.iter().copied()))
                .map(|m| format!("; did you mean {m}?"))
                .unwrap_or_default(),
        };
        self.add(at, &format!("unknown field{hint}"));
    }

    fn array(&mut self, value: &mut Value, schema: &Value, path: &str) {
        let Some(items) = value.as_array_mut() else {
            return self.wrong_type(value, "array", path);
        };
        let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
        if let Some(least) = bound(schema, "minItems").filter(|least| count < *least) {
            self.add(path, &format!("should have at least {least} items"));
        }
        if let Some(most) = bound(schema, "maxItems").filter(|most| count > *most) {
            self.add(path, &format!("Too many: {count}: must have at most {most} items"));
        }
        if let Some(below) = schema.get("items") {
            for (index, item) in items.iter_mut().enumerate() {
                self.walk(item, below, &format!("{path}[{index}]"));
            }
        }
    }

    fn string(&mut self, value: &mut Value, schema: &Value, path: &str) {
        let Some(text) = value.as_str() else {
            return self.wrong_type(value, "string", path);
        };
        let count = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        if let Some(least) = bound(schema, "minLength").filter(|least| count < *least) {
            self.add(path, &format!("should be at least {least} chars long"));
        }
        if let Some(most) = bound(schema, "maxLength").filter(|most| count > *most) {
            self.add(path, &format!("Too long: may not be more than {most} bytes"));
        }
        let words: Vec<_> = strings(schema, "enum").collect();
        if !words.is_empty() && !words.contains(&text) {
            let known = words.iter().map(|w| format!("{w:?}")).collect::<Vec<_>>().join(", ");
            let hint = meant(text, words)
                .map(|m| format!("; did you mean {m}?"))
                .unwrap_or_default();
            self.add(
                path,
                &format!("Unsupported value: {text:?}: supported values: {known}{hint}"),
            );
            self.dropped.push(path.into());
            self.choices.push(path.into());
        }
    }

    fn number(&mut self, value: &mut Value, schema: &Value, path: &str, kind: &str) {
        if let Some(octal) = value.as_str().and_then(octal) {
            *value = octal.into();
        }
        let whole = value.is_i64() || value.is_u64();
        if !(whole || kind == "number" && value.is_number()) {
            return self.wrong_type(value, kind, path);
        }
        let given = value.as_f64().unwrap_or(f64::NAN);
        for (key, words, wrong) in [
            ("minimum", "greater than or equal to", f64::lt as fn(&f64, &f64) -> bool),
            ("maximum", "less than or equal to", f64::gt),
        ] {
            let bound = schema
                .get(key)
                .filter(|b| b.as_f64().is_some_and(|b| wrong(&given, &b)));
            if let Some(bound) = bound {
                self.add(path, &format!("should be {words} {bound}"));
                let unsigned = bound.as_i64().is_some_and(|b| b >= 0);
                if given > f64::from(i32::MAX) || given < 0.0 && unsigned {
                    self.dropped.push(path.into());
                }
            }
        }
    }

    /// A number or boolean in the place of a string is read as one. What else should have been a scalar is taken out; what a
    /// whole structure should have been cannot be guessed.
    fn wrong_type(&mut self, value: &mut Value, wanted: &str, path: &str) {
        let (shown, scalar) = match &*value {
            Value::Null => ("it is empty".into(), false),
            Value::Array(_) => ("it is a list".into(), false),
            Value::Object(_) => ("it is an object".into(), false),
            scalar => (format!("it is {scalar}"), true),
        };
        let quoted = wanted == "string" && scalar;
        let hint = if quoted { "; put quotes around it" } else { "" };
        self.add(path, &format!("must be of type {wanted}, {shown}{hint}"));
        if quoted {
            *value = value.to_string().into();
        } else if !matches!(wanted, "object" | "array") {
            self.dropped.push(path.into());
        }
    }
}

/// Where below these properties there is one of that name, the nearest.
fn below(name: &str, properties: &Map<String, Value>, depth: usize) -> Option<String> {
    let inner = |schema: &Value| schema.get("properties").and_then(Value::as_object).cloned();
    let near = properties
        .iter()
        .find(|(_, schema)| inner(schema).is_some_and(|p| p.contains_key(name)));
    if let Some((place, _)) = near {
        return Some(place.clone());
    }
    if depth <= 1 {
        return None;
    }
    properties
        .iter()
        .find_map(|(place, schema)| below(name, &inner(schema)?, depth - 1).map(|rest| format!("{place}.{rest}")))
}

fn field(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (path, plain) {
        ("", true) => name.into(),
        ("", false) => format!("{name:?}"),
        (_, true) => format!("{path}.{name}"),
        (_, false) => format!("{path}[{name:?}]"),
    }
}

fn bound(schema: &Value, key: &str) -> Option<u64> {
    schema.get(key).and_then(Value::as_u64)
}

fn strings<'a>(schema: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    schema
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// `0644`: kubectl reads YAML 1.1, where that is a number in base 8.
fn octal(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('0')?;
    let digits = digits.strip_prefix('o').unwrap_or(digits);
    i64::from_str_radix(digits, 8).ok()
}

/// `yes`, `on`: kubectl reads YAML 1.1, where these are booleans.
fn truth(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
