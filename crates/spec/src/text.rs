//! Types that are written as one text: they stand in JSON as that text, and `Debug` shows it.

/// `Serialize` by `Display` and `Deserialize` by `FromStr`.
macro_rules! serde_as_text {
    ($($type:ty),* $(,)?) => {
        $(
            impl serde::Serialize for $type {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> serde::Deserialize<'de> for $type {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                }
            }
        )*
    };
}

serde_as_text! {
    crate::digest::Digest,
    crate::grant::Grant,
    crate::limits::LimitName,
    crate::manifest::Source,
    crate::name::Name,
    crate::trigger::Trigger,
    crate::units::ByteSize,
    crate::units::Rate,
}

/// `Debug` by `Display`: a line says more than the tree it was read into.
macro_rules! debug_as_text {
    ($($type:ty),* $(,)?) => {
        $(
            impl std::fmt::Debug for $type {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    std::fmt::Display::fmt(self, f)
                }
            }
        )*
    };
}

debug_as_text! {
    crate::digest::Digest,
    crate::grant::Grant,
    crate::grant::GuestPath,
    crate::grant::HostName,
    crate::grant::HostPath,
    crate::grant::HostPattern,
    crate::grant::Methods,
    crate::grant::PathPattern,
    crate::grant::Ports,
    crate::grant::TopicPattern,
    crate::grant::UrlPattern,
    crate::limits::LimitName,
    crate::limits::LimitValue,
    crate::manifest::Source,
    crate::name::Name,
    crate::trigger::Route,
    crate::trigger::Trigger,
}

impl serde::Serialize for crate::grant::GrantId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl serde::Serialize for crate::grant::GrantSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|(id, _)| id))
    }
}

impl<'de> serde::Deserialize<'de> for crate::grant::GrantSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<crate::grant::Grant>::deserialize(deserializer).map(Self::new)
    }
}

/// A map from each limit to its value as text; `none` where there is no limit.
impl serde::Serialize for crate::limits::Limits {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(limit, value)| (limit, value.to_string())))
    }
}

/// A map from each limit that is written to its value as text.
impl serde::Serialize for crate::limits::LimitOverrides {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(limit, value)| (limit, value.to_string())))
    }
}

impl<'de> serde::Deserialize<'de> for crate::limits::LimitOverrides {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = std::collections::BTreeMap::<crate::limits::LimitName, String>::deserialize(deserializer)?;
        let mut limits = Self::default();
        for (limit, value) in map {
            limits.set(limit, &value).map_err(serde::de::Error::custom)?;
        }
        Ok(limits)
    }
}
