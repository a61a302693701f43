//! The templates in the binary, and how they are filled in.
//!
//! A project is `shared/<kind>` + `<language>/common` + `<language>/<kind>`, a README made from three parts, and for
//! languages with component tooling the WIT that their tools need.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::{File, Wanted};
use crate::language::Language;
use crate::wit;

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// All files of the project.
pub(super) fn files(wanted: &Wanted) -> Vec<File> {
    let (language, kind) = (wanted.language.word(), wanted.kind.word());
    let mut files = Vec::new();
    for folder in [format!("shared/{kind}"), format!("{language}/common"), format!("{language}/{kind}")] {
        collect(Path::new(&folder), &mut files);
    }
    files.retain(|file| file.path != Path::new("try.md"));
    files.push(File { path: PathBuf::from("README.md"), text: readme(language, kind) });
    for file in &mut files {
        file.text = fill(&file.text, wanted);
    }
    files.extend(interfaces(wanted.language));
    files
}

fn collect(folder: &Path, files: &mut Vec<File>) {
    let mut open: Vec<&Dir<'_>> = TEMPLATES.get_dir(folder).into_iter().collect();
    while let Some(dir) = open.pop() {
        open.extend(dir.dirs());
        for file in dir.files() {
            let path = file.path().strip_prefix(folder).unwrap_or(file.path());
            files.push(File { path: path.to_owned(), text: text(file.path()) });
        }
    }
}

fn readme(language: &str, kind: &str) -> String {
    text(Path::new("shared/README.md"))
        .replace("{{try}}", &text(&Path::new("shared").join(kind).join("try.md")))
        .replace("{{toolchain}}", &text(&Path::new(language).join("toolchain.md")))
}

fn text(path: &Path) -> String {
    TEMPLATES.get_file(path).and_then(|file| file.contents_utf8()).unwrap_or_default().to_owned()
}

fn fill(text: &str, wanted: &Wanted) -> String {
    text.replace("{{build}}", &wanted.language.build_line(&wanted.name))
        .replace("{{component}}", &wanted.language.component(&wanted.name))
        .replace("{{name}}", &wanted.name)
}

/// The WIT that a language's component tool reads from the project.
fn interfaces(language: Language) -> Vec<File> {
    let dependencies = match language {
        Language::Js | Language::Ts => wit::for_starling_monkey(),
        Language::Python => wit::wasi_0_2(),
        _ => Vec::new(),
    };
    dependencies.into_iter().map(|file| File { path: Path::new("wit").join(file.path), ..file }).collect()
}
