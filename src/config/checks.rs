//! What can only be said of several keys together, and what is read from the files they name.

use std::path::{Path, PathBuf};

use super::Secret;
use super::file::{self, Unreadable};
use super::mistake::Complaint;
use super::reader::Scope;
use super::settings::*;

/// A secret that is longer is no secret but the wrong file.
const LONGEST_SECRET: u64 = 64 * 1024;
/// What a token may be made of.
const TOKEN_HINT: &str = "use only ASCII letters, digits and punctuation, without spaces";

pub(super) fn xmpp(xmpp: &mut Xmpp, scope: &mut Scope<'_, '_>) {
    choose_secret(&mut xmpp.secret, &mut xmpp.secret_file, ("secret", "secret_file"), scope);
    if xmpp.secret.is_empty() && xmpp.secret_file.is_none() {
        scope.missing("secret", r#"secret = "..." or secret_file = "/...""#);
    }
    in_order(scope, ("reconnect_min", xmpp.reconnect_min), ("reconnect_max", xmpp.reconnect_max));
}

pub(super) fn muc(muc: &mut Muc, scope: &mut Scope<'_, '_>) {
    if muc.domains.is_empty() {
        let hint = "write the conference services, like [\"muc.meet.jitsi\"]";
        scope.complain(&["domains"], "there is nothing to watch", hint);
    }
    no_duplicates(scope, muc.domains.iter().map(String::as_str), |index| [format!("domains[{index}]")]);
    if muc.nickname == muc.focus_nickname {
        let hint = "choose another: this one is taken by Jicofo in every room";
        scope.complain(&["nickname", "focus_nickname"], "nickname and focus_nickname are the same", hint);
    }
}

pub(super) fn start(start: &mut Start, scope: &mut Scope<'_, '_>) {
    if start.mode == Mode::Stream && start.stream_key.is_empty() {
        let hint = "set stream_key to the key of the stream, or mode to \"file\"";
        scope.complain(&["mode", "stream_key"], "\"stream\" needs a stream_key", hint);
    }
    in_order(scope, ("retry_min", start.retry_min), ("retry_max", start.retry_max));
}

pub(super) fn jibri(jibri: &mut Jibri, scope: &mut Scope<'_, '_>) {
    let names = jibri.instances.iter().map(|instance| instance.name.as_str());
    // What one says of itself would be held against the other, and that may be recording.
    let ids = jibri.instances.iter().map(|instance| instance.id.as_str());
    if no_duplicates(scope, names, |index| [format!("instance[{index}].name")]) {
        no_duplicates(scope, ids, |index| ["id", "name"].map(|key| format!("instance[{index}].{key}")));
    }
    let urls = jibri.instances.iter().map(|instance| instance.health_url.as_deref().unwrap_or_default());
    no_duplicates(scope, urls, |index| [format!("instance[{index}].health_url")]);
    let keys = ("webhook_token", "webhook_token_file");
    choose_secret(&mut jibri.webhook_token, &mut jibri.webhook_token_file, keys, scope);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !jibri.webhook_token.expose().bytes().all(is_plain) {
        let hint = "use letters, digits and -._~ only, as `openssl rand -hex 24` does";
        scope.complain(&["webhook_token", "webhook_token_file"], "this token cannot be part of a URL", hint);
    }
}

pub(super) fn instance(instance: &mut JibriInstance, _: &mut Scope<'_, '_>) {
    if instance.id.is_empty() {
        instance.id.clone_from(&instance.name);
    }
}

pub(super) fn recovery(recovery: &mut Recovery, scope: &mut Scope<'_, '_>) {
    let (command, http) = (!recovery.command.is_empty(), recovery.http.is_some());
    if command && http {
        let hint = "keep one of them: a Jibri is restarted in one way";
        scope.complain(&["http", "command"], "command and http are both set", hint);
    }
    if !recovery.on.is_empty() && !command && !http {
        let hint = "set command, like [\"docker\", \"restart\", \"{instance}\"], or http, or empty this list";
        scope.complain(&["on", "command", "http"], "neither command nor http says how to restart", hint);
    }
    for (key, command) in [("command", &recovery.command), ("jicofo_command", &recovery.jicofo_command)] {
        if command.first().is_some_and(String::is_empty) {
            let hint = "write the program first, then its arguments";
            scope.complain(&[key], "the program has no name", hint);
        }
    }
    if recovery.on.contains(&RecoveryTrigger::Recycle) && recovery.recycle_after == 0 {
        let hint = "set recycle_after to a number of recordings";
        scope.complain(&["on", "recycle_after"], "\"recycle\" needs recycle_after", hint);
    }
}

pub(super) fn recordings(recordings: &mut RecordingSettings, scope: &mut Scope<'_, '_>) {
    let keys = ("webhook_token", "webhook_token_file");
    choose_secret(&mut recordings.webhook_token, &mut recordings.webhook_token_file, keys, scope);
    if !is_token(&recordings.webhook_token) {
        let keys = ["webhook_token", "webhook_token_file"];
        scope.complain(&keys, "this token cannot be sent over HTTP", TOKEN_HINT);
    }
}

pub(super) fn http(http: &mut Http, scope: &mut Scope<'_, '_>) {
    choose_secret(&mut http.token, &mut http.token_file, ("token", "token_file"), scope);
    if !is_token(&http.token) {
        scope.complain(&["token", "token_file"], "this token cannot be sent over HTTP", TOKEN_HINT);
    }
}

pub(super) fn settings(settings: &mut Settings, scope: &mut Scope<'_, '_>) {
    let domains = &settings.muc.domains;
    for (index, room) in settings.discovery.rooms.iter().enumerate() {
        if !domains.iter().any(|domain| domain == room.service()) {
            let message = format!("{:?} is not in muc.domains", room.service());
            let hint = format!("rooms can only be watched on {}", domains.join(", "));
            scope.complain(&[&format!("discovery.rooms[{index}]"), "muc.domains"], message, hint);
        }
    }
    if let Some(index) = domains.iter().position(|domain| *domain == settings.xmpp.domain) {
        let hint = "list the conference services, like \"muc.meet.jitsi\"";
        let message = "this is xmpp.domain, the component itself";
        scope.complain(&[&format!("muc.domains[{index}]"), "xmpp.domain"], message, hint);
    }
}

fn in_order(
    scope: &mut Scope<'_, '_>,
    (least, min): (&str, std::time::Duration),
    (most, max): (&str, std::time::Duration),
) {
    if min > max {
        let hint = "the first delay cannot be longer than the longest";
        scope.complain(&[least, most], format!("{least} is longer than {most}"), hint);
    }
}

/// Whether there are none; what is not given is not counted. `keys`: where each is, if it is there.
fn no_duplicates<'a, const N: usize>(
    scope: &mut Scope<'_, '_>,
    values: impl Iterator<Item = &'a str>,
    keys: impl Fn(usize) -> [String; N],
) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    let mut is_fine = true;
    for (index, value) in values.enumerate().filter(|(_, value)| !value.is_empty()) {
        if !seen.insert(value) {
            is_fine = false;
            let keys = keys(index);
            let keys = keys.each_ref().map(String::as_str);
            scope.complain(&keys, format!("{value:?} is listed twice"), "remove one of them");
        }
    }
    is_fine
}

/// Takes a secret from its file if that is the one that counts. Given twice it is a mistake, unless one
/// of the two comes from the environment, which goes before the file.
fn choose_secret(
    secret: &mut Secret,
    file: &mut Option<PathBuf>,
    (key, file_key): (&str, &str),
    scope: &mut Scope<'_, '_>,
) {
    if !secret.is_empty() && file.is_some() {
        match (scope.is_from_environment(key), scope.is_from_environment(file_key)) {
            (true, false) => *file = None,
            (false, true) => *secret = Secret::default(),
            _ => {
                let hint = "keep one of them";
                scope.complain(&[file_key, key], format!("{key} and {file_key} are both set"), hint);
                return;
            }
        }
    }
    let Some(path) = file else { return };
    match read_secret(path) {
        Ok((read, is_open_to_all)) => {
            *secret = read;
            if is_open_to_all {
                let hint = format!(
                    "chmod o-r {}, and make sure that this program's user can read it",
                    path.display()
                );
                scope.warn(file_key, format!("everybody may read {path:?}"), hint);
            }
        }
        Err(Complaint { message, hint }) => scope.complain(&[file_key], message, hint),
    }
}

/// A token that can be sent over HTTP.
pub(super) fn token(path: &Path) -> Result<Secret, Complaint> {
    let (token, _) = read_secret(path)?;
    if !is_token(&token) {
        return Err(Complaint::new(format!("{path:?} holds no token"), TOKEN_HINT));
    }
    Ok(token)
}

fn is_token(secret: &Secret) -> bool {
    secret.expose().bytes().all(|byte| byte.is_ascii_graphic())
}

/// The secret, and whether everybody may read the file.
fn read_secret(path: &Path) -> Result<(Secret, bool), Complaint> {
    let complaint = |message: &str, hint| Complaint::new(format!("{path:?} {message}"), hint);
    let nothing_else = "it must hold nothing but the secret";
    let contents = file::read(path, LONGEST_SECRET).map_err(|why| {
        let hint = match why {
            Unreadable::Missing => "write the secret into that file, or name another",
            Unreadable::Forbidden(_) => "let this user read it, for instance by the file's group",
            _ => "it must be a file with nothing but the secret, readable by this program's user",
        };
        match why {
            Unreadable::TooLong(_) => complaint("is too long for a secret", nothing_else),
            why => complaint(&why.to_string(), hint),
        }
    })?;
    let text = String::from_utf8(contents.bytes).map_err(|_| complaint("is not UTF-8", nothing_else))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.trim().is_empty() {
        return Err(complaint("is empty", nothing_else));
    }
    Ok((Secret::new(text), contents.is_open_to_all))
}
