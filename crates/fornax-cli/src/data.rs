//! `fornax data`: named data sets, downloaded and verified, or listed.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use fornax::Result;
use fornax::data::datasets;
use fornax::data::download::with_bar;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Download a set: resumes what was cut off, refuses what is not the published content.
    Get {
        /// The name of the set.
        name: String,
        /// Where the sets' folders are.
        #[arg(long, default_value = "data")]
        dir: PathBuf,
    },
    /// The names of the sets.
    List,
}

pub(crate) fn run(options: Options) -> Result<()> {
    match options.command {
        Command::Get { name, dir } => {
            let folder = with_bar(&name, |progress| {
                datasets::get(&name, &dir, &mut |_, done, total| progress(done, total))
            })?;
            println!("{}", folder.display());
        }
        Command::List => {
            for source in datasets::ALL {
                println!("{:<16} {}", source.name, source.about);
            }
        }
    }
    Ok(())
}
