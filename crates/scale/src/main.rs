//! The operator at scale: writes tens of thousands of schedules and runs, and measures what they cost it, several builds side by side.
#![forbid(unsafe_code)]
// Only benches use it: what fails here ends the bench, and says why.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod api_server;
mod asked;
mod bench;
mod births;
mod build;
mod cold;
mod fixture;
mod gate;
mod operator;
mod plot;
mod process;
mod table;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use build::Build;

/// The operator at scale.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Writes schedules and finished runs into the cluster of KUBECONFIG, as they stand in one that has worked for long: four runs for each
    /// schedule, and as many again as there are schedules that belong to none. Namespaces, storages and schedules are named `scale-...`.
    Fixture {
        /// How many schedules.
        #[arg(long, default_value_t = 10_000)]
        schedules: usize,
        /// Where the storages' store is.
        #[arg(long, default_value = "http://127.0.0.1:9000")]
        endpoint: String,
    },
    /// Measures builds of the operator on API servers of its own, and prints tables. MINIO_BIN, NODE_BIN and KWOK_BIN name the programs.
    Bench {
        /// How many runs, one table each; a fifth of it are schedules.
        #[arg(long, value_delimiter = ',', default_value = "1000,10000,50000")]
        runs: Vec<usize>,
        /// How often each build is measured.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// A build: its name in the tables, `=`, its program.
        #[arg(long = "build", required = true, value_parser = Build::parse)]
        builds: Vec<Build>,
        /// Without its lease: on a machine that is busy with other things an operator that cannot renew it ends, and the round with it.
        #[arg(long)]
        without_lease: bool,
    },
    /// Measures how long builds of the operator take until they are ready, on an API server of its own without objects. NODE_BIN names its program.
    Cold {
        /// How often each build is measured.
        #[arg(long, default_value_t = 10)]
        rounds: usize,
        /// A build: its name in the tables, `=`, its program.
        #[arg(long = "build", required = true, value_parser = Build::parse)]
        builds: Vec<Build>,
    },
    /// Draws the tables that a file in Markdown has of benches, each figure over the number of runs, into a folder.
    Plots {
        /// The file.
        tables: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
}

fn main() {
    let args = Args::parse();
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("no TLS provider before ours");
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads");
    match args.verb {
        Verb::Fixture { schedules, endpoint } => threads.block_on(async {
            let client = kube::Client::try_default().await.expect("the cluster of KUBECONFIG");
            fixture::write(&client, &fixture::Size::of_schedules(schedules), &endpoint).await;
        }),
        Verb::Bench {
            runs,
            rounds,
            builds,
            without_lease,
        } => bench::run(&threads, &runs, rounds, &builds, !without_lease),
        Verb::Cold { rounds, builds } => cold::run(&threads, rounds, &builds),
        Verb::Plots { tables, folder } => {
            let text = std::fs::read_to_string(&tables).expect("a file with tables");
            plot::draw(&table::read(&text), &folder);
        }
    }
}
