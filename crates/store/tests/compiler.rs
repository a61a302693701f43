//! Compiling in a process of its own: it works, it refuses, and it breaks in every way with one clear error.

mod common;

use std::fmt::Write;
use std::time::Duration;

use common::{TestResult, answer, artifact, cache, compiler, key, limited, module, options, shell};
use tombolo_spec::ByteSize;
use tombolo_store::{CompileFailed, CompiledCache, CompilerLimits, PrepareError, prepare};

#[test]
fn an_artifact_is_compiled_once_and_found_from_then_on() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (cache, bytes) = (cache(dir.path()), module(42));
    let key = key(&bytes);
    for cached in [false, true, true] {
        let prepared = prepare(Some(&cache), &compiler(), artifact(&bytes, &key), &options())?;
        assert_eq!((prepared.cached, prepared.warnings.len()), (cached, 0));
        assert_eq!(answer(prepared.code)?, 42);
    }
    Ok(())
}

#[test]
fn text_is_compiled_too() -> TestResult {
    let text = br#"(module (func (export "run") (result i32) i32.const 7))"#;
    let key = key(text);
    let prepared = prepare(None, &compiler(), artifact(text, &key), &options())?;
    assert_eq!(answer(prepared.code)?, 7);
    Ok(())
}

#[test]
fn without_a_cache_the_code_is_held_in_memory() -> TestResult {
    let bytes = module(42);
    let key = key(&bytes);
    let prepared = prepare(None, &compiler(), artifact(&bytes, &key), &options())?;
    assert!(!prepared.cached);
    assert_eq!(answer(prepared.code)?, 42);
    Ok(())
}

#[test]
fn a_cache_that_cannot_keep_the_code_leaves_a_warning_only() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (cache, bytes) = (cache(dir.path()), module(42));
    let key = key(&bytes);
    dir.close()?;
    let prepared = prepare(Some(&cache), &compiler(), artifact(&bytes, &key), &options())?;
    let warning = prepared.warnings.first().ok_or("no warning")?.to_string();
    assert!(warning.contains("is not used"), "{warning}");
    assert_eq!(answer(prepared.code)?, 42);
    Ok(())
}

/// A full and a read-only disk, played by a small file system in a mount namespace of the test's own.
#[test]
fn a_full_or_read_only_disk_leaves_a_warning_only() -> TestResult {
    let folder = tempfile::tempdir()?;
    let mount = "mount -t tmpfs -o size=12k,mode=700 none \"$0\" && exec \"$@\"";
    for state in ["full", "read-only"] {
        let output = std::process::Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", mount])
            .arg(folder.path())
            .arg(std::env::current_exe()?)
            .args(["--exact", "on_a_disk_that_takes_nothing", "--ignored", "--nocapture"])
            .env("TOMBOLO_TEST_DISK", folder.path())
            .env("TOMBOLO_TEST_STATE", state)
            .output();
        let said = match output {
            Ok(output) if output.status.success() => continue,
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => format!("unshare: {error}"),
        };
        assert!(said.starts_with("unshare:") || said.starts_with("mount:"), "{state}: {said}");
        assert_ne!(std::env::var("TOMBOLO_TEST_REQUIRE").as_deref(), Ok("all"), "{said}");
        eprintln!("skipped: no file system can be mounted here: {said}");
    }
    Ok(())
}

#[test]
#[ignore = "a part of the test above, run by it in a mount namespace"]
fn on_a_disk_that_takes_nothing() -> TestResult {
    let disk = std::path::PathBuf::from(std::env::var_os("TOMBOLO_TEST_DISK").ok_or("no disk")?);
    let (cache, _) = CompiledCache::open(&disk, 64 << 20)?;
    if std::env::var("TOMBOLO_TEST_STATE")? == "read-only" {
        let status = std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(&disk).status()?;
        assert!(status.success());
    }
    let bytes = module(42);
    let key = key(&bytes);
    for _ in 0..2 {
        let prepared = prepare(Some(&cache), &compiler(), artifact(&bytes, &key), &options())?;
        assert!(!prepared.cached);
        let warning = prepared.warnings.first().ok_or("no warning")?.to_string();
        assert!(warning.contains("No space left") || warning.contains("Read-only"), "{warning}");
        assert_eq!(answer(prepared.code)?, 42);
    }
    let left: Vec<_> = std::fs::read_dir(&disk)?.flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["key"], "what was half written is removed");
    Ok(())
}

#[test]
fn a_damaged_entry_is_compiled_again_with_a_warning() -> TestResult {
    let dir = tempfile::tempdir()?;
    let (cache, bytes) = (cache(dir.path()), module(42));
    let key = key(&bytes);
    prepare(Some(&cache), &compiler(), artifact(&bytes, &key), &options())?;
    let entry = std::fs::read_dir(dir.path())?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some())
        .ok_or("no entry")?;
    std::fs::remove_file(&entry)?;
    std::fs::write(&entry, b"foreign")?;
    let prepared = prepare(Some(&cache), &compiler(), artifact(&bytes, &key), &options())?;
    assert_eq!((prepared.cached, prepared.warnings.len()), (false, 1));
    assert_eq!(answer(prepared.code)?, 42);
    assert!(prepare(Some(&cache), &compiler(), artifact(&bytes, &key), &options())?.cached);
    Ok(())
}

#[test]
fn code_for_another_machine_is_made_too() -> TestResult {
    for target in ["aarch64-unknown-linux-gnu", "riscv64gc-unknown-linux-gnu", "pulley32"] {
        let code = compiler().compile(&module(1), &options().with_target(Some(target.parse()?)))?;
        assert!(code.starts_with(b"\x7fELF"), "{target}");
    }
    Ok(())
}

#[test]
fn an_invalid_artifact_is_told_with_the_place() {
    let cases: [(&[u8], &str); 4] = [
        (b"(module\n  (func i32.konst))", "2:9"),
        (b"(module (func (result i32)))", "type mismatch"),
        (b"", "the file is empty"),
        (b"\0asm\x01\0\0\0\x01\x7f", "unexpected end"),
    ];
    for (bytes, expected) in cases {
        let error = compiler().compile(bytes, &options()).expect_err("invalid");
        assert!(matches!(error, CompileFailed::Invalid(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_compiler_that_is_not_there_is_told() {
    let gone = tombolo_store::Compiler::new("/nonexistent".into(), Vec::new(), CompilerLimits::default());
    let error = gone.compile(&module(1), &options()).expect_err("no program");
    assert!(matches!(error, CompileFailed::Start(_)), "{error:?}");
}

#[test]
fn every_end_of_a_compiler_is_one_clear_error() {
    let cases = [
        ("exit 3", "the compiler failed: exit status: 3"),
        ("echo broken >&2; exit 2", "the compiler failed: broken"),
        ("kill -SEGV $$", "the compiler crashed (signal 11)"),
        (
            "echo 'stack overflow' >&2; kill -ABRT $$",
            "(signal 6): the artifact hits a flaw of the compiler: stack overflow",
        ),
        ("echo 'memory allocation of 8 bytes failed' >&2; kill -ABRT $$", "needed more than 1GiB of memory"),
        ("kill -KILL $$", "was killed from outside"),
        ("kill -XCPU $$", "took more than 4m of processor time"),
        ("exec <&-; exit 1", ""),
    ];
    for (script, expected) in cases {
        let error = shell(script).compile(&vec![0; 1 << 20], &options()).expect_err(script);
        assert!(error.to_string().contains(expected), "{script}: {error}");
    }
}

#[test]
fn a_compiler_that_floods_its_error_output_is_cut_short() {
    let script = "head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 2";
    let error = shell(script).compile(b"", &options()).expect_err(script).to_string();
    assert!(error.len() < 20_000, "{}", error.len());
}

#[test]
fn code_of_a_compiler_that_is_no_code_is_refused_when_it_is_loaded() -> TestResult {
    let bytes = module(1);
    let key = key(&bytes);
    let prepared = prepare(None, &shell("cat"), artifact(&bytes, &key), &options())?;
    assert!(answer(prepared.code).is_err());
    Ok(())
}

#[test]
fn a_compiler_that_never_ends_is_ended() {
    for script in ["sleep 1000", "while :; do :; done", "exec >&- 2>&-; sleep 1000"] {
        let limits = CompilerLimits { time: Duration::from_millis(300), ..CompilerLimits::default() };
        let endless =
            tombolo_store::Compiler::new("/bin/sh".into(), vec!["-c".into(), script.into()], limits);
        let error = endless.compile(&module(1), &options()).expect_err(script);
        assert!(matches!(error, CompileFailed::Time(_)), "{script}: {error:?}");
        assert!(error.to_string().starts_with("the compiler did not end within 300ms"), "{error}");
    }
}

/// One function with many values that are all alive at once, over many blocks: register allocation has to look at
/// each value in each block.
fn bomb(values: u32, blocks: u32) -> Vec<u8> {
    let mut text = String::from("(module (func (export \"run\") (param i32)");
    for value in 0..values {
        let _ = write!(text, "(local $v{value} i64)");
    }
    for block in 0..blocks {
        let (a, b) = (block % values, (block * 7 + 3) % values);
        let _ = write!(
            text,
            "(if (i32.and (local.get 0) (i32.const {block})) (then \
               (local.set $v{a} (i64.add (local.get $v{b}) (i64.rotl (local.get $v{a}) (local.get $v{b}))))))"
        );
    }
    for value in 1..values {
        let _ = write!(text, "(local.set $v0 (i64.xor (local.get $v0) (local.get $v{value})))");
    }
    text.push_str("(drop (i64.eqz (local.get $v0)))))");
    wat::parse_str(text).expect("a module")
}

#[test]
fn a_compile_bomb_costs_one_error_of_processor_time() {
    let bomb = bomb(2000, 60_000);
    let limits = CompilerLimits { cpu: Duration::from_secs(1), ..CompilerLimits::default() };
    let error = limited(limits).compile(&bomb, &options()).expect_err("a bomb");
    assert!(matches!(error, CompileFailed::Cpu(_)), "{error:?}");
}

#[test]
fn a_compile_bomb_costs_one_error_of_memory() {
    let bomb = bomb(2000, 60_000);
    let limits = CompilerLimits { memory: ByteSize::mib(256), ..CompilerLimits::default() };
    let error = limited(limits).compile(&bomb, &options()).expect_err("a bomb");
    assert!(matches!(error, CompileFailed::Memory(_)), "{error:?}");
}

#[test]
fn a_component_that_nests_types_without_end_crashes_the_child_only() {
    let mut section = vec![1];
    for _ in 0..400_000 {
        section.extend([0x41, 0x01, 0x01]);
    }
    section.extend([0x41, 0]);
    let mut wasm = b"\0asm\x0d\0\x01\0\x07".to_vec();
    let mut length = section.len();
    while length >= 0x80 {
        wasm.push(length as u8 | 0x80);
        length >>= 7;
    }
    wasm.push(length as u8);
    wasm.extend(section);
    let error = compiler().compile(&wasm, &options()).expect_err("too deep");
    assert!(matches!(error, CompileFailed::Crashed { .. } | CompileFailed::Invalid(_)), "{error:?}");
}

#[test]
fn an_artifact_that_does_not_compile_leaves_nothing_in_the_cache() -> TestResult {
    let dir = tempfile::tempdir()?;
    let cache = cache(dir.path());
    let invalid = wat::parse_str("(module (func (result i32) unreachable))")?;
    let key = key(&invalid);
    let bytes = [&invalid[..invalid.len() - 2], &[0x01, 0x0b]].concat();
    let outcome = prepare(Some(&cache), &compiler(), artifact(&bytes, &key), &options());
    let Err(PrepareError::Compile(CompileFailed::Invalid(_))) = outcome else { panic!("{outcome:?}") };
    let names: Vec<_> = std::fs::read_dir(dir.path())?.flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["key"]);
    Ok(())
}

#[test]
fn time_spent_waiting_for_a_processor_is_not_the_artifacts() {
    // Longer than its processor time by the wall's clock, and hardly at work.
    let limits = CompilerLimits { cpu: Duration::from_secs(1), ..CompilerLimits::default() };
    let slow =
        tombolo_store::Compiler::new("/bin/sh".into(), vec!["-c".into(), "sleep 2; cat".into()], limits);
    assert!(slow.compile(&module(1), &options()).is_ok());
}
