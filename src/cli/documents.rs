//! `completions` and `man`: what packages carry beside the program, made from the same parser that reads the
//! command line.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Cli, complain};

/// The page's section for what the parser does not know.
const FILES: &str = r#".SH FILES
.TP
\fI/etc/jibri\-autostart/config.toml\fR
The configuration, if it is there and no other is named. Each key can be set from the environment instead:
\fBJIBRI_AUTOSTART_\fR and the path in capitals with two underscores between the levels, as in
\fBJIBRI_AUTOSTART_XMPP__SECRET\fR.
.SH SIGNALS
\fBSIGHUP\fR: reads the configuration again. \fBSIGTERM\fR, \fBSIGINT\fR: leaves the rooms, closes the link and
ends; recordings go on.
.SH "EXIT STATUS"
0: done. 1: a failure. 2: the command line or the configuration is wrong; each mistake is listed. 3: the running
service cannot be reached. 4: it refuses the order, and says why.
"#;

/// Prints the completions for a shell.
pub(super) fn completions(shell: Shell) -> ExitCode {
    let mut text = Vec::new();
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut text);
    done(io::stdout().write_all(&text), "standard output")
}

/// Prints the manual page, or writes it and those of all commands into a directory.
pub(super) fn man(dir: Option<&Path>) -> ExitCode {
    match dir {
        None => done(page().and_then(|page| io::stdout().write_all(&page)), "standard output"),
        Some(dir) => done(pages(dir), &dir.display().to_string()),
    }
}

fn page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(Cli::command()).render(&mut page)?;
    page.write_all(FILES.as_bytes())?;
    Ok(page)
}

fn pages(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), dir)?;
    std::fs::write(dir.join("jibri-autostart.1"), page()?)
}

fn done(result: io::Result<()>, place: &str) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("cannot write to {place}: {error}"));
            ExitCode::FAILURE
        }
    }
}
