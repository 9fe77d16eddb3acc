//! Keras's ways to write an object in a configuration: its name in camel or snake case, or its class and config.
//!
//! `"l2"`, `"L2"`, `{"class_name": "L2"}` and `{"class_name": "L2", "config": {"l2": 0.01}}` are all read; the last
//! is what is written.

use serde::de::Error;
use serde_json::{Map, Value as Json, json};

/// Reads any of the forms; `canonical` is the derived reading of class and config, `aliases` are names that are
/// not the snake case of a class.
pub(crate) fn read<T, E: Error>(
    object: Json,
    aliases: &[(&str, &str)],
    canonical: impl Fn(Json) -> serde_json::Result<T>,
) -> Result<T, E> {
    let (name, config) = match object {
        Json::String(name) => (name, Map::new()),
        Json::Object(mut object) => {
            let Some(Json::String(name)) = object.remove("class_name") else {
                return Err(E::missing_field("class_name"));
            };
            match object.remove("config") {
                Some(Json::Object(config)) => (name, config),
                None | Some(Json::Null) => (name, Map::new()),
                Some(other) => {
                    return Err(E::custom(format!("config of {name}: found {other}, wanted an object")));
                }
            }
        }
        other => return Err(E::custom(format!("found {other}, wanted a name or an object"))),
    };
    let class_name = match aliases.iter().find(|(alias, _)| *alias == name) {
        Some((_, class_name)) => (*class_name).to_owned(),
        None => camel_case(&name),
    };
    // A class without hyper-parameters has a config all the same in Keras's files: a seed of no meaning here.
    canonical(json!({ "class_name": class_name }))
        .or_else(|_| canonical(json!({ "class_name": class_name, "config": config })))
        .map_err(E::custom)
}

/// [`read`] of a type whose derived reading is by `remote = "Self"`.
macro_rules! from_keras_object {
    ($kind:ty, $aliases:expr) => {
        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                <$kind>::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let object = serde_json::Value::deserialize(deserializer)?;
                crate::keras_object::read(object, $aliases, |json| <$kind>::deserialize(json))
            }
        }
    };
}
pub(crate) use from_keras_object;

/// `glorot_uniform` as `GlorotUniform`.
fn camel_case(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
            .unwrap_or_default()
    };
    name.split('_').map(word).collect()
}

/// A number or an array of numbers as Keras writes it: nested lists, or a NumPy array as an object.
pub(crate) fn numbers<E: Error>(value: &Json) -> Result<(Vec<usize>, Vec<f64>), E> {
    let value = value.pointer("/config/value").unwrap_or(value);
    match value {
        Json::Number(number) => Ok((vec![], vec![number.as_f64().unwrap_or(f64::NAN)])),
        Json::Array(items) => {
            let parts = items.iter().map(numbers).collect::<Result<Vec<_>, E>>()?;
            let inner = parts.first().map(|(shape, _)| shape.clone()).unwrap_or_default();
            if parts.iter().any(|(shape, _)| *shape != inner) {
                return Err(E::custom("found lists of different lengths, wanted an array of numbers"));
            }
            let shape = [&[parts.len()], &inner[..]].concat();
            Ok((shape, parts.into_iter().flat_map(|(_, values)| values).collect()))
        }
        other => Err(E::custom(format!("found {other}, wanted a number or an array of numbers"))),
    }
}

/// All forms of `text` give `wanted`, which is written and read back unchanged.
#[cfg(test)]
pub(crate) fn assert_reads<T>(forms: &[&str], wanted: &T)
where
    T: serde::de::DeserializeOwned + serde::Serialize + PartialEq + std::fmt::Debug,
{
    for form in forms {
        let read: T = serde_json::from_str(form).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert_eq!(&read, wanted, "{form}");
    }
    let written = serde_json::to_string(wanted).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&written).unwrap(), wanted, "{written}");
}
