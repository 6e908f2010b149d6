//! A recovery by an HTTP POST without a body, such as Jibri's own `shutdown` (docs/jitsi.md 6).

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{End, MOST_OUTPUT, PLACE, Unfit};
use crate::http_client::{Client, Fault};
use crate::plain::plain_end;

/// Bytes read of an answer; what says more is not read on.
const MOST_ANSWER: usize = 4 * 1024;
/// What needs no encoding anywhere in a URL (RFC 3986, section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URL for this Jibri.
pub(super) fn url(template: &str, instance: &str) -> Result<String, Unfit> {
    let authority = template.find("://").map_or(0, |at| at.saturating_add(3));
    let path = template
        .char_indices()
        .find(|&(at, c)| at >= authority && matches!(c, '/' | '?' | '#'))
        .map_or(template.len(), |(at, _)| at);
    let (host, rest) = template.split_at_checked(path).unwrap_or((template, ""));
    let fits_host = instance.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if host.contains(PLACE) && !fits_host {
        return Err(Unfit::Host);
    }
    // A path of dots only would climb, however it is encoded.
    if rest.contains(PLACE) && instance.bytes().all(|byte| byte == b'.') {
        return Err(Unfit::Name);
    }
    let encoded = utf8_percent_encode(instance, ENCODED).to_string();
    Ok(host.replace(PLACE, instance) + &rest.replace(PLACE, &encoded))
}

/// Sends it; any 2xx is a success. Redirects are not followed.
pub(super) async fn send(url: &str, limit: Duration) -> End {
    let client = match Client::new(url, limit) {
        Ok(client) => client,
        Err(why) => return End::failed(format!("no HTTP client: {why}")),
    };
    let mut answer = match client.post(url, None).await {
        Ok(answer) => answer,
        Err(fault) => return End::failed(no_answer(fault)),
    };
    let status = answer.status();
    // Some of the answer is for the log; that it is long, or breaks off because Jibri is gone by then, is
    // no failure.
    let mut body = Vec::new();
    while body.len() < MOST_ANSWER
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(MOST_ANSWER);
    let redirected = if status.is_redirection() { ", a redirect, which is not followed" } else { "" };
    End {
        success: status.is_success(),
        how: format!("HTTP status {}{redirected}", status.as_u16()),
        output: plain_end(&body, MOST_OUTPUT),
    }
}

fn no_answer(fault: Fault) -> String {
    match fault {
        Fault::TimedOut(_) => {
            format!(
                "{fault} (recovery.timeout); a Jibri whose Chrome hangs cannot shut itself down: \
                 recovery.command can restart its process or container"
            )
        }
        Fault::Unreachable(_) => format!(
            "{fault}; is recovery.http right, and Jibri's API bound to more than 127.0.0.1 \
             (jibri.api.http.internal-api-host)?"
        ),
        _ => fault.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_encoded_where_it_may_be_anything() {
        let shutdown = "http://{instance}:3333/jibri/api/internal/v1.0/shutdown";
        assert_eq!(url(shutdown, "jibri-1"), Ok(shutdown.replace("{instance}", "jibri-1")));
        for bad in ["a@evil", "evil/", "evil?", "evil#", "a:1", "[::1]", "ä", "a%2f"] {
            assert_eq!(url(shutdown, bad), Err(Unfit::Host), "{bad}");
        }
        assert_eq!(url("http://h/r/{instance}?n={instance}#{instance}", "a/..?b&c#ä").as_deref(), {
            Ok("http://h/r/a%2F..%3Fb%26c%23%C3%A4?n=a%2F..%3Fb%26c%23%C3%A4#a%2F..%3Fb%26c%23%C3%A4")
        });
        assert_eq!(url("http://h/{instance}/x", ".."), Err(Unfit::Name));
        assert_eq!(url("http://{instance}", "a").as_deref(), Ok("http://a"));
        assert_eq!(url("http://h?{instance}", "a/b").as_deref(), Ok("http://h?a%2Fb"));
    }
}
