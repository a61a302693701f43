//! Asking a person for what was not given, on a terminal only.

use std::io::IsTerminal;

use dialoguer::{Input, Select};

use super::{Wanted, name};
use crate::cli::NewArgs;
use crate::error::DevError;
use crate::language::{Kind, Language};

/// What was given, completed by asking.
pub(super) fn complete(args: &NewArgs) -> Result<Wanted, DevError> {
    let asked = args.name.is_none() || args.lang.is_none();
    let language = match args.lang {
        Some(language) => language,
        None => {
            Language::ALL[choose("Language", &Language::ALL, "--lang", "add --lang, such as --lang rust")?]
        }
    };
    let name = args.name.clone().map_or_else(|| ask_name(language), Ok)?;
    let kind = match args.kind {
        Some(kind) => kind,
        None if asked => {
            Kind::ALL[choose("Woken by", &Kind::ALL, "--kind", "add --kind http, event or command")?]
        }
        None => Kind::Http,
    };
    Ok(Wanted { name, language, kind })
}

fn choose<T: std::fmt::Display>(
    prompt: &str,
    choices: &[T],
    what: &'static str,
    remedy: &'static str,
) -> Result<usize, DevError> {
    refuse_without_terminal(what, remedy)?;
    Select::new().with_prompt(prompt).items(choices).default(0).interact().map_err(terminal)
}

fn ask_name(language: Language) -> Result<String, DevError> {
    refuse_without_terminal("name", "write it first, such as `tombolo new greet --lang rust`")?;
    let check = |text: &String| name::fault(text, language).map_or(Ok(()), Err);
    Input::new().with_prompt("Name").validate_with(check).interact_text().map_err(terminal)
}

fn refuse_without_terminal(what: &'static str, remedy: &'static str) -> Result<(), DevError> {
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if terminal { Ok(()) } else { Err(DevError::CannotAsk { what, remedy }) }
}

fn terminal(error: dialoguer::Error) -> DevError {
    DevError::Terminal(error.to_string())
}
