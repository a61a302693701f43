//! Both versions of `wasi:config`.

use wasmtime::component::HasData;

use crate::bindings::config0_2_0_draft::runtime;
use crate::bindings::config0_2_0_rc_1::store;
use crate::guest::Guest;

/// Names a guest's configuration to the linker.
pub(crate) struct HasConfig;

impl HasData for HasConfig {
    type Data<'a> = ConfigView<'a>;
}

/// A guest that reads its configuration.
pub(crate) struct ConfigView<'a>(pub(crate) &'a Guest);

impl ConfigView<'_> {
    fn all(&self) -> &[(String, String)] {
        &self.0.template().environment().vars
    }

    fn value(&self, key: &str) -> Option<String> {
        self.all().iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }
}

impl store::Host for ConfigView<'_> {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, store::Error>> {
        Ok(Ok(self.value(&key)))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, store::Error>> {
        Ok(Ok(self.all().to_vec()))
    }
}

impl runtime::Host for ConfigView<'_> {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, runtime::ConfigError>> {
        Ok(Ok(self.value(&key)))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, runtime::ConfigError>> {
        Ok(Ok(self.all().to_vec()))
    }
}
