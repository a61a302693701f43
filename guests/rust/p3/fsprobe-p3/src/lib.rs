//! What WASI 0.3 does differently with files: `fsprobe-p3 write|append PATH TEXT`, `resize PATH SIZE` and `read PATH`
//! in the first preopened directory. Prints `ok`, `ok: DETAIL` or the error's name.

use wasip3::filesystem::preopens::get_directories;
use wasip3::filesystem::types::{Descriptor, DescriptorFlags as Flags, ErrorCode, OpenFlags, PathFlags};
use wasip3::{wit_bindgen, wit_stream};

struct Probe;

wasip3::cli::command::export!(Probe);

impl wasip3::exports::cli::run::Guest for Probe {
    async fn run() -> Result<(), ()> {
        let args = wasip3::cli::environment::get_arguments();
        let args: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
        match act(&args).await {
            Ok(detail) if detail.is_empty() => println!("ok"),
            Ok(detail) => println!("ok: {detail}"),
            Err(problem) => {
                println!("{problem:?}");
                return Err(());
            }
        }
        Ok(())
    }
}

async fn act(args: &[&str]) -> Result<String, ErrorCode> {
    match *args {
        ["write", path, text] => {
            let file = open(path, OpenFlags::CREATE, Flags::WRITE).await?;
            send(text, |stream| file.write_via_stream(stream, 0)).await
        }
        ["append", path, text] => {
            let file = open(path, OpenFlags::empty(), Flags::WRITE).await?;
            send(text, |stream| file.append_via_stream(stream)).await
        }
        ["resize", path, size] => {
            let file = open(path, OpenFlags::empty(), Flags::WRITE).await?;
            file.set_size(size.parse().unwrap_or_default()).await.map(|()| String::new())
        }
        ["read", path] => {
            let (bytes, end) = open(path, OpenFlags::empty(), Flags::READ).await?.read_via_stream(0);
            let text = String::from_utf8_lossy(&bytes.collect().await).into_owned();
            end.await.map(|()| text)
        }
        _ => Err(ErrorCode::Invalid),
    }
}

async fn open(path: &str, how: OpenFlags, flags: Flags) -> Result<Descriptor, ErrorCode> {
    let (folder, _) = get_directories().into_iter().next().ok_or(ErrorCode::BadDescriptor)?;
    folder.open_at(PathFlags::empty(), path.to_owned(), how, flags).await
}

/// Puts a text into a stream that a host function takes.
async fn send(
    text: &str,
    take: impl FnOnce(wit_bindgen::StreamReader<u8>) -> wit_bindgen::FutureReader<Result<(), ErrorCode>>,
) -> Result<String, ErrorCode> {
    let (mut sender, stream) = wit_stream::new();
    let taken = take(stream);
    let text = text.as_bytes().to_vec();
    wit_bindgen::spawn_local(async move {
        sender.write_all(text).await;
    });
    taken.await.map(|()| String::new())
}
