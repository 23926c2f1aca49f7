//! The store over a server of SFTP, as the operator starts it: what is to be served is the first line that it reads, where it is served the
//! one line that it writes, and when nobody can write to it any more, it ends. So no secret is seen by who sees processes, and whoever
//! started it is never outlived.
#![forbid(unsafe_code)]

mod told;

use std::io::{self, Write};
use std::process::ExitCode;

use sftp::serve::{Served, start};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tracing::level_filters::LevelFilter;
use zeroize::Zeroizing;

use told::{Answer, Start};

/// The longest line that is read: two keys and some names.
const LONGEST: u64 = 256 << 10;
/// Threads that wait for the server of SFTP.
const WAITING: usize = 64;

fn main() -> ExitCode {
    let level = std::env::var("LOG").ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .with_target(false)
        .with_writer(io::stderr)
        .json()
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(WAITING)
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(run());
            // A thread that reads what nobody writes would be waited for.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(io::Error::other(format!("the runtime cannot be started: {error}"))),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&Answer::refused(&error));
            ExitCode::FAILURE
        }
    }
}

fn tell(answer: &Answer) {
    let line = serde_json::to_string(answer).unwrap_or_default();
    // Whoever started it may be gone.
    let _ = writeln!(io::stdout(), "{line}");
}

async fn run() -> io::Result<()> {
    let mut input = BufReader::new(tokio::io::stdin().take(LONGEST));
    let mut line = Zeroizing::new(String::new());
    input.read_line(&mut line).await?;
    let asked: Start = serde_json::from_str(&line).map_err(|error| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("what is to be served cannot be read: {error}"),
        )
    })?;
    drop(line);
    let (config, keys) = asked.read()?;
    let left = async {
        let mut more = [0; 64];
        while input.read(&mut more).await.is_ok_and(|read| read > 0) {}
    };
    let mut left = std::pin::pin!(left);
    let mut served: Served = tokio::select! {
        served = start(config, keys) => served?,
        () = &mut left => return Ok(()),
    };
    tell(&Answer::Address(served.address.to_string()));
    tracing::info!(address = %served.address, "serving");
    tokio::select! {
        words = served.lost() => return Err(io::Error::new(io::ErrorKind::PermissionDenied, words)),
        () = left => {}
    }
    served.stop().await;
    Ok(())
}
