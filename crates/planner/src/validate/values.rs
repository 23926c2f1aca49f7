//! How much an object holds: the values that it consists of, counted without holding any. For the webhook and reconcile this
//! comes before anything else: read as its kind, an object takes many times its bytes.
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The most values that an object may have: strings, numbers, lists, objects, each counted. Sixty-four containers with fifty
/// variables each have 13,000; every one takes many times the bytes that it is written with.
const VALUES: usize = 20_000;

/// Counts the values of an object without holding any.
///
/// # Errors
/// There are more than [`VALUES`], or it is no JSON.
pub fn count<'de, D: Deserializer<'de>>(object: D) -> Result<usize, D::Error> {
    let mut counted = 0;
    Count(&mut counted).deserialize(object)?;
    Ok(counted)
}

struct Count<'a>(&'a mut usize);

impl Count<'_> {
    fn one<E: de::Error>(&mut self) -> Result<(), E> {
        *self.0 += 1;
        if *self.0 > VALUES {
            return Err(E::custom(format!(
                "what is so large belongs into a ConfigMap or an image: there are more than {VALUES} values (strings, numbers, lists, objects)"
            )));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Count<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        self.one()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Count(self.0))?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Count(self.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn every_value_counts_and_there_is_a_most() {
        let of = |text: &str| count(&mut serde_json::Deserializer::from_str(text)).map_err(|e| e.to_string());
        for (text, values) in [
            ("{}", 1),
            ("[1, \"a\", null, true, -1, 0.5]", 7),
            (r#"{"a": {"b": [[]]}}"#, 4),
        ] {
            assert_eq!(of(text), Ok(values), "{text}");
            assert_eq!(
                count(&serde_json::from_str::<Value>(text).unwrap()).unwrap(),
                values,
                "{text}"
            );
        }
        assert!(
            of(&json!(vec![0; VALUES]).to_string())
                .unwrap_err()
                .contains("more than 20000 values")
        );
        assert_eq!(of(&json!(vec![0; VALUES - 1]).to_string()), Ok(VALUES));
        assert!(of("[").is_err());
    }
}
