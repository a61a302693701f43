//! The cache gives out what was put in, and nothing else, whatever happens to its folder.

mod common;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use common::{TestResult, answer, cache, key, module};
use tombolo_engine::{Engine, EngineClass, Kind, SEAL_BYTES};
use tombolo_store::{CacheError, CacheKey, CompiledCache};

/// The code of [`module`]s, compiled once.
fn code(number: u32) -> Vec<u8> {
    static CODE: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let compiled = CODE.get_or_init(|| {
        let engine = Engine::new(&common::options().with_compiler(true)).expect("an engine");
        (0..6).map(|number| engine.compile(&module(number)).expect("code")).collect()
    });
    compiled[number as usize].clone()
}

/// A cache with the code for module 1 in it.
fn filled(dir: &Path) -> Result<(CompiledCache, CacheKey, PathBuf), Box<dyn std::error::Error>> {
    let cache = cache(dir);
    let key = key(&module(1));
    cache.insert(&key, Kind::Module, &code(1))?;
    let path = entries(dir)?.pop().ok_or("no entry")?;
    Ok((cache, key, path))
}

fn entries(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let all = fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path()));
    let mut all: Vec<PathBuf> = all.collect::<Result<_, _>>()?;
    all.retain(|path| path.extension().is_some_and(|extension| extension == "code"));
    all.sort();
    Ok(all)
}

/// Writes over an entry as if the disk or somebody had changed it.
fn overwrite(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::remove_file(path)?;
    fs::write(path, bytes)
}

#[test]
fn what_was_put_in_is_found_by_this_and_by_other_processes() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (first, key, _) = filled(dir.path())?;
    for cache in [first, cache(dir.path())] {
        let found = cache.lookup(&key);
        assert_eq!(found.warning, None);
        assert_eq!(answer(found.code.ok_or("not found")?)?, 1);
    }
    Ok(())
}

#[test]
fn a_key_that_differs_in_any_part_finds_nothing() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (cache, key, _) = filled(dir.path())?;
    let others = [
        CacheKey { digest: tombolo_engine::digest(b"another"), ..key.clone() },
        CacheKey { compatibility: "another".to_owned(), ..key.clone() },
        CacheKey { class: EngineClass::Concurrent, ..key.clone() },
        CacheKey { target: Some("pulley64".parse()?), ..key.clone() },
    ];
    for other in others {
        let found = cache.lookup(&other);
        assert!(found.code.is_none() && found.warning.is_none(), "{other:?}");
    }
    Ok(())
}

#[test]
fn a_damaged_entry_is_thrown_away_with_a_warning_and_can_be_put_in_again() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (cache, key, path) = filled(dir.path())?;
    let whole = fs::read(&path)?;
    let end = whole.len();
    // Every region: ELF header, sections, the seal's mark, kind and hash.
    let places = [0, 4, 7, 18, 40, 52, 100, end / 4, end / 2, end - SEAL_BYTES - 1];
    let seal = (end - SEAL_BYTES)..end;
    for at in places.into_iter().chain(seal).chain((0..end).step_by(1009)) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        overwrite(&path, &damaged)?;
        let found = cache.lookup(&key);
        assert!(found.code.is_none(), "byte {at}");
        let warning = found.warning.ok_or("no warning")?.to_string();
        assert!(warning.contains("it is compiled again"), "{warning}");
        assert!(!path.exists(), "byte {at}");
        cache.insert(&key, Kind::Module, &code(1))?;
        assert_eq!(answer(cache.lookup(&key).code.ok_or("not found")?)?, 1);
    }
    Ok(())
}

#[test]
fn truncated_grown_and_foreign_entries_are_thrown_away() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (cache, key, path) = filled(dir.path())?;
    let whole = fs::read(&path)?;
    let unsealed = &whole[..whole.len() - SEAL_BYTES];
    let grown = [&whole[..], b"x"].concat();
    let foreign: [&[u8]; 6] = [b"", b"\0", b"foreign", &whole[..whole.len() / 2], unsealed, &grown];
    for bytes in foreign {
        overwrite(&path, bytes)?;
        let found = cache.lookup(&key);
        assert!(found.code.is_none() && found.warning.is_some(), "{} bytes", bytes.len());
        assert!(!path.exists());
        fs::write(&path, b"")?;
    }
    Ok(())
}

#[test]
fn an_entry_cannot_stand_in_for_another() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (cache, first, first_path) = filled(dir.path())?;
    let second = key(&module(2));
    cache.insert(&second, Kind::Module, &code(2))?;
    let second_path = entries(dir.path())?.into_iter().find(|path| *path != first_path).ok_or("no entry")?;
    overwrite(&first_path, &fs::read(&second_path)?)?;
    let found = cache.lookup(&first);
    assert!(
        found.code.is_none() && found.warning.is_some(),
        "it is properly sealed, but for another artifact"
    );
    assert_eq!(answer(cache.lookup(&second).code.ok_or("not found")?)?, 2);
    Ok(())
}

#[test]
fn entries_of_another_machine_s_key_are_thrown_away() -> TestResult {
    let (ours, theirs) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (_, key, their_path) = filled(theirs.path())?;
    let (cache, _, our_path) = filled(ours.path())?;
    assert_eq!(our_path.file_name(), their_path.file_name());
    overwrite(&our_path, &fs::read(&their_path)?)?;
    let found = cache.lookup(&key);
    assert!(found.code.is_none() && found.warning.is_some());
    Ok(())
}

#[test]
fn links_pipes_and_folders_in_the_place_of_an_entry_do_not_hang_or_lead_away() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (cache, key, path) = filled(dir.path())?;
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(&path, &elsewhere)?;
    symlink(&elsewhere, &path)?;
    let found = cache.lookup(&key);
    assert!(found.code.is_none() && found.warning.is_some(), "a link to a properly sealed file");
    assert!(elsewhere.exists(), "only the link is removed");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into())?;
    let found = cache.lookup(&key);
    assert!(found.code.is_none() && found.warning.is_some(), "a pipe");
    fs::create_dir(&path)?;
    let found = cache.lookup(&key);
    let warning = found.warning.ok_or("no warning")?.to_string();
    assert!(found.code.is_none() && warning.contains("cannot be removed"), "{warning}");
    Ok(())
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() -> TestResult {
    let dir = tempfile::tempdir()?;
    for mode in [0o777, 0o770, 0o702] {
        fs::set_permissions(dir.path(), Permissions::from_mode(mode))?;
        let error = CompiledCache::open(dir.path(), 1 << 20).expect_err("others can write");
        assert!(matches!(error, CacheError::NotPrivate { .. }), "{error}");
        assert!(error.to_string().contains("chmod go-w"), "{error}");
    }
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
    CompiledCache::open(dir.path(), 1 << 20)?;
    Ok(())
}

#[test]
fn a_folder_of_another_user_is_refused() -> TestResult {
    let dir = tempfile::tempdir()?;
    if std::os::unix::fs::chown(dir.path(), Some(12345), None).is_err() {
        assert_ne!(std::env::var("TOMBOLO_TEST_REQUIRE").as_deref(), Ok("all"), "needs root");
        eprintln!("skipped: only root can give a folder to another user");
        return Ok(());
    }
    let error = CompiledCache::open(dir.path(), 1 << 20).expect_err("another user's");
    assert!(error.to_string().contains("belongs to user 12345"), "{error}");
    Ok(())
}

#[test]
fn a_link_in_the_place_of_the_folder_is_refused() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    fs::create_dir(&real)?;
    symlink(&real, &link)?;
    assert!(matches!(CompiledCache::open(&link, 1 << 20), Err(CacheError::Io { .. })));
    Ok(())
}

#[test]
fn the_folder_is_made_for_us_alone_and_so_is_the_key() -> TestResult {
    let dir = tempfile::tempdir()?;
    let deep = dir.path().join("a/b/c");
    let (_, _, path) = filled(&deep)?;
    assert_eq!(fs::metadata(&deep)?.mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(deep.join("key"))?.mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path)?.mode() & 0o222, 0, "nobody writes to an entry");
    let names: Vec<_> = fs::read_dir(&deep)?.flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names.len(), 2, "nothing is left over: {names:?}");
    Ok(())
}

#[test]
fn a_key_that_is_damaged_or_was_readable_is_replaced_and_told() -> TestResult {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("key");
    let harms: [(&str, Harm); 4] = [
        ("is damaged", |path| fs::write(path, b"short")),
        ("is damaged", |path| fs::write(path, [0; 33])),
        ("is damaged", |path| fs::remove_file(path).and_then(|()| replaced_by_folder(path))),
        ("could be read by others", |path| fs::set_permissions(path, Permissions::from_mode(0o644))),
    ];
    for (expected, harm) in harms {
        let (_, key, _) = filled(dir.path())?;
        harm(&path)?;
        let (cache, warning) = match CompiledCache::open(dir.path(), 64 << 20) {
            Ok(opened) => opened,
            Err(error) => {
                // A folder cannot be replaced by a file without taking what is in it: the cache stays out of use.
                assert!(path.is_dir(), "{error}");
                fs::remove_dir(&path)?;
                continue;
            }
        };
        let warning = warning.ok_or("no warning")?.to_string();
        assert!(warning.contains(expected), "{warning}");
        let found = cache.lookup(&key);
        assert!(found.code.is_none() && found.warning.is_some(), "what the old key sealed is rebuilt");
    }
    Ok(())
}

type Harm = fn(&Path) -> std::io::Result<()>;

fn replaced_by_folder(path: &Path) -> std::io::Result<()> {
    fs::create_dir(path)
}

#[test]
fn the_least_recently_used_entries_make_room() -> TestResult {
    let dir = tempfile::tempdir()?;
    let bytes = (code(0).len() + SEAL_BYTES) as u64;
    let (cache, _) = CompiledCache::open(dir.path(), bytes * 4)?;
    let keys: Vec<CacheKey> = (0..6).map(|number| key(&module(number))).collect();
    for (number, key) in keys.iter().enumerate().take(4) {
        let before = entries(dir.path())?;
        cache.insert(key, Kind::Module, &code(number as u32))?;
        let new = entries(dir.path())?.into_iter().find(|path| !before.contains(path)).ok_or("no entry")?;
        // Entry 0 was last used five days ago, entry 3 two days ago.
        let used = SystemTime::now() - Duration::from_secs((5 - number as u64) * 86_400);
        File::open(new)?.set_modified(used)?;
    }
    assert!(cache.lookup(&keys[0]).code.is_some(), "this is a use");
    cache.insert(&keys[4], Kind::Module, &code(4))?;
    cache.insert(&keys[5], Kind::Module, &code(5))?;
    let left: Vec<usize> = (0..6).filter(|&number| cache.lookup(&keys[number]).code.is_some()).collect();
    assert_eq!(left, [0, 3, 4, 5]);
    Ok(())
}

#[test]
fn what_does_not_fit_at_all_is_not_kept() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (cache, _) = CompiledCache::open(dir.path(), 1000)?;
    let error = cache.insert(&key(&module(1)), Kind::Module, &code(1)).expect_err("too large");
    assert!(matches!(error, CacheError::TooLarge { .. }), "{error}");
    assert_eq!(entries(dir.path())?.len(), 0);
    Ok(())
}

#[test]
fn what_a_dead_process_left_behind_is_swept_out_and_what_a_living_one_writes_is_not() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (cache, ..) = filled(dir.path())?;
    let (old, new, foreign) =
        (dir.path().join(".new-old"), dir.path().join(".new-new"), dir.path().join("notes"));
    for path in [&old, &new, &foreign] {
        fs::write(path, b"x")?;
    }
    for path in [&old, &foreign] {
        File::options()
            .write(true)
            .open(path)?
            .set_modified(SystemTime::now() - Duration::from_secs(90_000))?;
    }
    cache.insert(&key(&module(2)), Kind::Module, &code(2))?;
    assert_eq!((old.exists(), new.exists(), foreign.exists()), (false, true, true));
    Ok(())
}

#[test]
fn a_read_only_folder_still_gives_out_and_takes_nothing() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (cache, key_1, _) = filled(dir.path())?;
    // Root may write to any folder, so the folder is taken away under the open cache instead.
    let moved = dir.path().with_extension("moved");
    fs::rename(dir.path(), &moved)?;
    assert!(cache.lookup(&key_1).code.is_some(), "the open folder is used, not its name");
    fs::remove_dir_all(&moved)?;
    let error = cache.insert(&key(&module(2)), Kind::Module, &code(2)).expect_err("the folder is gone");
    assert!(matches!(error, CacheError::Io { .. }), "{error}");
    Ok(())
}

/// How many processes, and how many rounds of each, use one cache at once.
const PROCESSES: usize = 12;
const ROUNDS: u32 = 40;

#[test]
fn many_processes_use_one_cache_at_once() -> TestResult {
    let dir = tempfile::tempdir()?;
    let mut children = Vec::new();
    for number in 0..PROCESSES {
        let child = Command::new(std::env::current_exe()?)
            .args(["--exact", "one_of_many_processes", "--ignored", "--nocapture"])
            .env("TOMBOLO_TEST_CACHE", dir.path())
            .env("TOMBOLO_TEST_SEED", (number + 1).to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        children.push(child);
    }
    for child in children {
        let output = child.wait_with_output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let size: u64 =
        entries(dir.path())?.iter().map(|path| fs::metadata(path).map_or(0, |about| about.len())).sum();
    assert!(size <= CROWDED_BYTES, "{size}");
    Ok(())
}

/// Room for three of the five entries, so that eviction is always at work.
const CROWDED_BYTES: u64 = 60_000;

#[test]
#[ignore = "a part of the test above, run by it in processes of their own"]
fn one_of_many_processes() -> TestResult {
    let dir = PathBuf::from(std::env::var_os("TOMBOLO_TEST_CACHE").ok_or("no folder")?);
    let mut seed: u64 = std::env::var("TOMBOLO_TEST_SEED")?.parse()?;
    let codes: Vec<Vec<u8>> = (0..5).map(code).collect();
    assert!(codes[0].len() as u64 * 3 < CROWDED_BYTES && codes[0].len() as u64 * 5 > CROWDED_BYTES);
    for _ in 0..ROUNDS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = (seed >> 33) as u32 % 5;
        let (cache, warning) = CompiledCache::open(&dir, CROWDED_BYTES)?;
        assert_eq!(warning, None, "all agree on one key");
        let key = key(&module(number));
        let found = cache.lookup(&key);
        assert_eq!(found.warning, None, "nobody sees half an entry");
        match found.code {
            Some(code) => assert_eq!(answer(code)?, number as i32),
            None => cache.insert(&key, Kind::Module, &codes[number as usize])?,
        }
    }
    Ok(())
}
