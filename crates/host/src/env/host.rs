//! `wasi:cli/environment` and `wasi:cli/exit`, 0.2 and 0.3.

use wasmtime::component::HasData;
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::cli as p2;
use wasmtime_wasi::p3::bindings::cli as p3;

use crate::guest::Guest;

/// Names a guest's environment to the linker.
pub(crate) struct HasEnv;

impl HasData for HasEnv {
    type Data<'a> = EnvView<'a>;
}

/// A guest that reads its environment.
pub(crate) struct EnvView<'a>(pub(crate) &'a Guest);

impl EnvView<'_> {
    fn vars(&self) -> Vec<(String, String)> {
        self.0.env_vars().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn args(&self) -> Vec<String> {
        self.0.template().environment().args.clone()
    }
}

fn exit(code: i32) -> wasmtime::Result<()> {
    Err(I32Exit(code).into())
}

impl p2::environment::Host for EnvView<'_> {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.vars())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.args())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl p2::exit::Host for EnvView<'_> {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        exit(i32::from(status.is_err()))
    }

    fn exit_with_code(&mut self, code: u8) -> wasmtime::Result<()> {
        exit(code.into())
    }
}

impl p3::environment::Host for EnvView<'_> {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.vars())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.args())
    }

    fn get_initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl p3::exit::Host for EnvView<'_> {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        exit(i32::from(status.is_err()))
    }

    fn exit_with_code(&mut self, code: u8) -> wasmtime::Result<()> {
        exit(code.into())
    }
}
