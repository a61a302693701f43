use std::path::Path;

use tombolo_spec::Manifest;

use super::*;

fn every_project() -> impl Iterator<Item = Wanted> {
    Language::ALL
        .into_iter()
        .flat_map(|language| Kind::ALL.map(|kind| Wanted { name: "greet-all".to_owned(), language, kind }))
}

#[test]
fn every_template_has_a_manifest_that_parses_a_test_and_a_readme() {
    for wanted in every_project() {
        let files = template::files(&wanted);
        let of = |path: &str| {
            files.iter().find(|file| file.path == Path::new(path)).map(|file| file.text.as_str())
        };
        let at = format!("{} {}", wanted.language.word(), wanted.kind);
        let manifest = Manifest::parse(of("tombolo.toml").unwrap_or_default(), "tombolo.toml").expect(&at);
        let function = manifest.function("greet-all").expect(&at);
        assert_eq!(function.build.as_deref(), Some(wanted.language.build_line("greet-all").as_str()), "{at}");
        assert!(of("README.md").is_some_and(|text| text.starts_with("# greet-all\n")), "{at}");
        assert!(files.iter().any(|file| file.path.starts_with("tests")), "{at}");
        assert!(of(".gitignore").is_some_and(|text| text.contains("/.tombolo")), "{at}");
    }
}

#[test]
fn nothing_stays_to_be_filled_in() {
    for file in every_project().flat_map(|wanted| template::files(&wanted)) {
        assert!(!file.text.contains("{{"), "{}:\n{}", file.path.display(), file.text);
        assert!(file.text.ends_with('\n'), "{}", file.path.display());
    }
}

#[test]
fn a_project_never_overwrites_anything() {
    let home = tempfile::tempdir().unwrap();
    let wanted = Wanted { name: "greet".to_owned(), language: Language::C, kind: Kind::Http };
    let folder = home.path().join("greet");
    std::fs::create_dir(&folder).unwrap();
    create(&folder, &wanted).unwrap();
    let again = create(&folder, &wanted).unwrap_err();
    assert!(matches!(again, DevError::Exists { .. }), "{again}");

    let file = home.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    assert!(matches!(create(&file, &wanted), Err(DevError::Exists { .. })));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn a_bad_name_makes_no_folder() {
    let home = tempfile::tempdir().unwrap();
    let wanted = Wanted { name: "../greet".to_owned(), language: Language::C, kind: Kind::Http };
    assert!(matches!(create(&home.path().join("x"), &wanted), Err(DevError::Name(_))));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
