//! A recovery by a command: no shell, no input, none of our secrets, and nothing of it left at the timeout.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::group::Group;
use super::output::Output;
use super::{End, PLACE, Unfit};

/// Variables that may hold a secret of ours begin like this.
const OURS: &[u8] = b"JIBRI_AUTOSTART_";

/// The program and its arguments for this Jibri.
pub(super) fn argv(template: &[String], instance: &str) -> Result<Vec<String>, Unfit> {
    if template.first().is_none_or(String::is_empty) {
        return Err(Unfit::NoProgram);
    }
    // What the administrator wrote as an option is one; what only becomes one by a name is not.
    if instance.starts_with('-') && template.iter().any(|argument| argument.starts_with(PLACE)) {
        return Err(Unfit::Option);
    }
    Ok(template.iter().map(|argument| argument.replace(PLACE, instance)).collect())
}

/// Runs the command of this key to its end, or to `limit`, at which it and its children are killed.
pub(super) async fn run(key: &str, argv: &[String], limit: Duration) -> End {
    let Some((program, arguments)) = argv.split_first() else {
        return End::failed(Unfit::NoProgram.to_string());
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in std::env::vars_os().map(|(name, _)| name).filter(is_ours) {
        command.env_remove(name);
    }
    let mut group = match Group::spawn(command) {
        Ok(group) => group,
        Err(error) => return End::failed(cannot_start(key, &error)),
    };
    let output = Output::read(group.take_stdout(), group.take_stderr());
    let ended = timeout(limit, group.wait()).await;
    let (success, how) = match ended {
        Ok(Ok(status)) => (status.success(), in_words(status)),
        Ok(Err(error)) => (false, format!("cannot be waited for: {error}")),
        Err(_) => {
            group.kill().await;
            (false, format!("not over after {limit:?} (recovery.timeout), killed with its children"))
        }
    };
    End { success, how, output: output.end().await }
}

fn is_ours(name: &OsString) -> bool {
    name.as_encoded_bytes().to_ascii_uppercase().starts_with(OURS)
}

fn cannot_start(key: &str, error: &std::io::Error) -> String {
    let hint = match error.kind() {
        ErrorKind::NotFound => format!("; is the program of {key} there, with its whole path?"),
        ErrorKind::PermissionDenied => format!("; may this program's user run the program of {key}?"),
        _ => String::new(),
    };
    format!("cannot be started: {error}{hint}")
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended, nobody knows how".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(template: &[&str], instance: &str) -> Result<Vec<String>, Unfit> {
        let template: Vec<String> = template.iter().map(|&argument| argument.to_owned()).collect();
        super::argv(&template, instance)
    }

    #[test]
    fn the_name_is_put_into_each_argument_and_stays_within_it() {
        assert_eq!(argv(&["docker", "restart", "{instance}"], "jibri-1").unwrap()[2], "jibri-1");
        let hostile = "a;$(reboot)`x`'\"*";
        let given = argv(&["sh", "--on={instance}/{instance}", "{instance}"], hostile).unwrap();
        assert_eq!(given, ["sh".to_owned(), format!("--on={hostile}/{hostile}"), hostile.to_owned()]);
    }

    #[test]
    fn a_name_never_becomes_an_option() {
        assert_eq!(argv(&["docker", "rm", "{instance}"], "--force"), Err(Unfit::Option));
        assert!(argv(&["x", "--name={instance}"], "--force").is_ok());
        assert!(argv(&["docker", "rm", "-{instance}"], "f").is_ok(), "written so by the administrator");
        assert_eq!(argv(&["", "{instance}"], "a"), Err(Unfit::NoProgram));
        assert_eq!(argv(&[], "a"), Err(Unfit::NoProgram));
    }
}
