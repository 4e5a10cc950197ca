//! Serialises a [`Turn`] as its text, `5.0000000012`.

use serde::{Deserialize, Deserializer, Serializer};

use super::slot::Turn;

pub(super) fn serialize<S: Serializer>(turn: &Turn, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(turn)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Turn, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}
