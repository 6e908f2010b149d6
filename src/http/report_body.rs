//! The body of a finalize script's report: read strictly, and bounded, with the field named that is wrong.
//!
//! Fields that are not known are left alone: the script may be newer than this program. Nothing of what is wrong is repeated
//! in the answer, as it may be anything.

use std::collections::BTreeMap;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use super::Error;
use crate::address::room_name;
use crate::plain::{plain, plain_end};
use crate::recordings::{File, Happened, MOST_FILES, Report};

/// Longest name of a file, a directory or an instance, in bytes; no file system has longer ones.
const LONGEST_NAME: usize = 255;
/// Most characters that are kept of a message.
const MOST_SAID: usize = 2000;
/// Most bytes of a file or a disk: more than JavaScript can count.
const MOST_BYTES: u64 = (1 << 53) - 1;
/// Longest file, in seconds.
const MOST_SECONDS: f64 = 366.0 * 86_400.0;

const HINT: &str = "send what deploy/jibri/finalize.sh sends; openapi.yaml describes each field";

/// A field, and what it is not.
#[derive(Debug)]
struct Wrong(String);

impl From<Wrong> for Error {
    fn from(Wrong(what): Wrong) -> Self {
        Self::wrong_report(what, HINT)
    }
}

/// As it stands in the body; each field is read by itself, so that its name can be told.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    session_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    instance: Option<&'a RawValue>,
    #[serde(borrow, default)]
    event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    files: Option<&'a RawValue>,
    #[serde(borrow, default)]
    disk_free_bytes: Option<&'a RawValue>,
    #[serde(borrow, default)]
    exit_status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    meeting_url: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct FileBody<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    bytes: Option<&'a RawValue>,
    #[serde(borrow, default)]
    seconds: Option<&'a RawValue>,
}

/// Reads a report. `service`: the conference service where the meetings are; none if there is more than one.
pub(super) fn read(body: &[u8], service: Option<&str>) -> Result<Report, Error> {
    let text = std::str::from_utf8(body).map_err(|_| Wrong("the body is not UTF-8".to_owned()))?;
    let body: Body<'_> = object(text, "the body")?;
    let url: Option<String> = optional(body.meeting_url, "meeting_url", "no text")?;
    let message: Option<String> = optional(body.message, "message", "no text")?;
    Ok(Report {
        session_id: session_id(body.session_id)?,
        instance: instance(body.instance)?,
        happened: happened(body.event)?,
        files: files(body.files)?,
        disk_free_bytes: match body.disk_free_bytes {
            Some(bytes) => Some(number_of_bytes(bytes, "disk_free_bytes")?),
            None => None,
        },
        exit_status: optional(body.exit_status, "exit_status", "neither null nor a whole number")?,
        message: plain_end(message.unwrap_or_default().as_bytes(), MOST_SAID),
        room: url.zip(service).and_then(|(url, service)| room(&url, service)),
    })
}

/// An object of JSON, and no array in its place; each of its known fields once.
fn object<'a, T: Deserialize<'a>>(text: &'a str, place: &str) -> Result<T, Wrong> {
    let is_object = text.trim_start().starts_with('{');
    serde_json::from_str(text)
        .map_err(|error| match error.classify() {
            serde_json::error::Category::Data if is_object => {
                // Only known fields are told of, by the names that they have here.
                let said = error.to_string();
                let twice = said.split('`').nth(1).filter(|_| said.starts_with("duplicate field"));
                Wrong(format!("{place} has {} twice", twice.unwrap_or("a field")))
            }
            serde_json::error::Category::Data => Wrong(format!("{place} is no object")),
            _ => Wrong(format!("{place} is no JSON, or not whole")),
        })
        .and_then(|read| if is_object { Ok(read) } else { Err(Wrong(format!("{place} is no object"))) })
}

fn value<'a, T: Deserialize<'a>>(raw: &'a RawValue, field: &str, what: &str) -> Result<T, Wrong> {
    serde_json::from_str(raw.get()).map_err(|_| Wrong(format!("{field} is {what}")))
}

fn optional<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    field: &str,
    what: &str,
) -> Result<Option<T>, Wrong> {
    raw.map(|raw| value(raw, field, what)).transpose()
}

fn required<'a>(raw: Option<&'a RawValue>, field: &str) -> Result<&'a RawValue, Wrong> {
    raw.ok_or_else(|| Wrong(format!("{field} is missing")))
}

fn text(raw: Option<&RawValue>, field: &str) -> Result<String, Wrong> {
    let text: String = value(required(raw, field)?, field, "no text")?;
    match text.len() {
        0 => Err(Wrong(format!("{field} is empty"))),
        1..=LONGEST_NAME => Ok(text),
        _ => Err(Wrong(format!("{field} is longer than {LONGEST_NAME} bytes"))),
    }
}

fn session_id(raw: Option<&RawValue>) -> Result<String, Wrong> {
    let id = text(raw, "session_id")?;
    let is_of_a_directory = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !id.chars().all(is_of_a_directory) {
        let what = "session_id is not the name of the recording's directory: letters, digits, - and _ only";
        return Err(Wrong(what.to_owned()));
    }
    Ok(id)
}

fn instance(raw: Option<&RawValue>) -> Result<String, Wrong> {
    let name = text(raw, "instance")?;
    if plain(&name, LONGEST_NAME) != name {
        return Err(Wrong("instance has characters in it that cannot be shown".to_owned()));
    }
    Ok(name)
}

fn happened(raw: Option<&RawValue>) -> Result<Happened, Wrong> {
    match text(raw, "event")?.as_str() {
        "written" => Ok(Happened::Written),
        "delivered" => Ok(Happened::Delivered),
        "failed" => Ok(Happened::Failed),
        "salvaged" => Ok(Happened::Salvaged),
        _ => Err(Wrong("event is none of written, delivered, failed, salvaged".to_owned())),
    }
}

fn files(raw: Option<&RawValue>) -> Result<BTreeMap<String, File>, Wrong> {
    let all: Vec<&RawValue> = value(required(raw, "files")?, "files", "no list")?;
    if all.len() > MOST_FILES {
        return Err(Wrong(format!("files has more than {MOST_FILES} in it")));
    }
    let mut files = BTreeMap::new();
    for (n, raw) in all.into_iter().enumerate() {
        let place = format!("files[{n}]");
        let file: FileBody<'_> = object(raw.get(), &place)?;
        let field = |name: &str| format!("{place}.{name}");
        let name = file_name(file.name, &field("name"))?;
        let bytes = number_of_bytes(required(file.bytes, &field("bytes"))?, &field("bytes"))?;
        let ms = file.seconds.map(|seconds| milliseconds(seconds, &field("seconds"))).transpose()?;
        if files.insert(name, File { bytes, ms }).is_some() {
            return Err(Wrong(format!("{} is that of another file as well", field("name"))));
        }
    }
    Ok(files)
}

/// Markup may be in it: whoever shows it, shows it as text.
fn file_name(raw: Option<&RawValue>, field: &str) -> Result<String, Wrong> {
    let name = text(raw, field)?;
    if name.contains(|c: char| c == '/' || c.is_control()) || matches!(name.as_str(), "." | "..") {
        return Err(Wrong(format!("{field} is no name of a file: a slash or a control character is in it")));
    }
    Ok(name)
}

fn number_of_bytes(raw: &RawValue, field: &str) -> Result<u64, Wrong> {
    let what = "no whole number of bytes";
    let bytes = value(raw, field, what)?;
    if bytes > MOST_BYTES { Err(Wrong(format!("{field} is {what}"))) } else { Ok(bytes) }
}

fn milliseconds(raw: &RawValue, field: &str) -> Result<u64, Wrong> {
    let what = "neither null nor a number of seconds, from 0 to a year";
    let seconds: f64 = value(raw, field, what)?;
    let duration = Some(seconds)
        .filter(|seconds| (0.0..=MOST_SECONDS).contains(seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let ms = duration.and_then(|duration| u64::try_from(duration.as_millis()).ok());
    ms.ok_or_else(|| Wrong(format!("{field} is {what}")))
}

/// The real JID of the room whose meeting has this URL: `https://host/ROOM`, or `https://host/TENANT/ROOM`. None, if it is
/// something else.
fn room(url: &str, service: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let path = url.path().strip_prefix('/')?;
    let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    let name = match segments.as_slice() {
        [room] => (*room).to_owned(),
        [tenant, room] => {
            let tenant = percent_decode_str(tenant).decode_utf8().ok()?;
            let is_one = !tenant.is_empty() && !tenant.contains(['[', ']']);
            is_one.then(|| format!("[{tenant}]{room}"))?
        }
        _ => return None,
    };
    let jid = room_name::jid(&format!("{name}@{service}")).ok()?;
    Some(jid.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meetings_url_tells_its_room() {
        let room = |url: &str| room(url, "muc.meet.jitsi");
        for (url, local) in [
            ("https://meet.example/Lesson", "lesson"),
            ("https://meet.example:8443/lesson/", "lesson"),
            ("http://10.0.0.1/lesson?jwt=x#config.a=%22b%22&c", "lesson"),
            ("https://meet.example/T%C3%A4st%20Raum", "t%c3%a4st%20raum"),
            ("https://meet.example/Täst", "t%c3%a4st"),
            ("https://meet.example/t%c3%a4st", "t%c3%a4st"),
            ("https://meet.example/Acme/Lesson", "[acme]lesson"),
            ("https://meet.example/%61cme/lesson", "[acme]lesson"),
            ("https://meet.example/a%2Fb", "a%2fb"),
            ("https://meet.example/%3Cscript%3E", "%3cscript%3e"),
        ] {
            assert_eq!(room(url), Some(format!("{local}@muc.meet.jitsi")), "{url}");
        }
        let long = format!("https://meet.example/{}", "x".repeat(2000));
        for odd in [
            "",
            "lesson",
            "/lesson",
            "https://meet.example",
            "https://meet.example/",
            "https://meet.example//",
            "https://meet.example//lesson",
            "https://meet.example/a/b/c",
            "https://meet.example/a%5D/b",
            "https://meet.example/%ff/b",
            "https://meet.example/a@b",
            "https://meet.example/a%00/b",
            "xmpp:lesson@muc.meet.jitsi",
            "file:///lesson",
            "javascript:alert(1)",
            &long,
        ] {
            assert_eq!(room(odd), None, "{odd}");
        }
    }
}
