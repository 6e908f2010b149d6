//! The arguments of `testkit-jibri`.

use super::life::Life;
use crate::behaviour::JibriOptions;
use crate::{Error, Result};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What `--help` says.
pub(crate) const HELP: &str = "\
testkit-jibri: one model of a Jibri as a process of its own

  --server ADDR          where Prosody takes clients (required)
  --name NAME            its nick in the brewery and its id (required)
  --dir DIR              where NAME.pid, written when it is in the brewery, and NAME.life, the number of its life,
                         are kept (required)
  --health ADDR          where GET /jibri/api/v1.0/health is answered
  --internal ADDR        where POST /jibri/api/internal/v1.0/{shutdown,gracefulShutdown,notifyConfigChanged} are
  --control ADDR         where a test asks and tells it things: GET /state, POST /life with a LIFE as body
  --life LIFE            what it is like; given several times: the first life, the second, …; the last goes on
  --empty-timeout MS     how long it records where nobody is (30000)
  --finalize MS          how long it is busy after a recording (0)
  --single-use           expires after one recording
  --misses-starts MS     how long after it has come up it does not notice starts (0)
  --resource RESOURCE    of its connection (another one each time)
  --no-features          its recorder does not say that it is a Jibri
  --webhook URL          a base URL that is told its status; may be given several times
  --webhook-every MS     how often, besides at every change (60000)
  --leash                ends when its standard input does

LIFE is healthy[:LAUNCH:JOIN], refuses, sticks, hangs, freezes, pending, busy, page-does-not-load:MS, unhealthy:MS, fails:MS,
crashes:MS, crashes-early:MS or ends:MS, followed by ,http=slow:MS, ,http=silent or ,http=closes if its health port is
to be so.
";

/// How one process is set up.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) server: SocketAddr,
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) health: Option<SocketAddr>,
    pub(crate) internal: Option<SocketAddr>,
    pub(crate) control: Option<SocketAddr>,
    pub(crate) lives: Vec<Life>,
    /// But for the behaviour, which is that of its life.
    pub(crate) jibri: JibriOptions,
    pub(crate) webhooks: Vec<String>,
    pub(crate) webhook_every: Duration,
    pub(crate) leash: bool,
}

impl Arguments {
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Arguments> {
        let mut words = words.into_iter();
        let (mut server, mut name, mut dir) = (None, None, None);
        let mut arguments = Arguments {
            server: SocketAddr::from(([127, 0, 0, 1], 5222)),
            name: String::new(),
            dir: PathBuf::new(),
            health: None,
            internal: None,
            control: None,
            lives: Vec::new(),
            jibri: JibriOptions::default(),
            webhooks: Vec::new(),
            webhook_every: Duration::from_secs(60),
            leash: false,
        };
        while let Some(flag) = words.next() {
            let mut value = || words.next().ok_or_else(|| Error::from(format!("{flag} needs a value")));
            match flag.as_str() {
                "--server" => server = Some(read(&value()?)?),
                "--name" => name = Some(value()?),
                "--dir" => dir = Some(value()?.into()),
                "--health" => arguments.health = Some(read(&value()?)?),
                "--internal" => arguments.internal = Some(read(&value()?)?),
                "--control" => arguments.control = Some(read(&value()?)?),
                "--life" => arguments.lives.push(value()?.parse()?),
                "--empty-timeout" => arguments.jibri.empty_timeout = milliseconds(&value()?)?,
                "--finalize" => arguments.jibri.finalize = milliseconds(&value()?)?,
                "--misses-starts" => arguments.jibri.misses_starts = milliseconds(&value()?)?,
                "--single-use" => arguments.jibri.single_use = true,
                "--resource" => arguments.jibri.resource = Some(value()?),
                "--no-features" => arguments.jibri.recorder_features = false,
                "--webhook" => arguments.webhooks.push(value()?),
                "--webhook-every" => arguments.webhook_every = milliseconds(&value()?)?,
                "--leash" => arguments.leash = true,
                _ => return Err(format!("no such argument: {flag}").into()),
            }
        }
        arguments.server = server.ok_or("--server is missing")?;
        arguments.name = name.filter(|name: &String| !name.contains('/')).ok_or("--name is missing")?;
        arguments.dir = dir.ok_or("--dir is missing")?;
        Ok(arguments)
    }

    /// The same in words.
    pub(crate) fn to_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
        add("--server", self.server.to_string());
        add("--name", self.name.clone());
        add("--dir", self.dir.display().to_string());
        for (flag, address) in
            [("--health", self.health), ("--internal", self.internal), ("--control", self.control)]
        {
            if let Some(address) = address {
                add(flag, address.to_string());
            }
        }
        self.lives.iter().for_each(|life| add("--life", life.to_string()));
        add("--empty-timeout", self.jibri.empty_timeout.as_millis().to_string());
        add("--finalize", self.jibri.finalize.as_millis().to_string());
        add("--misses-starts", self.jibri.misses_starts.as_millis().to_string());
        if let Some(resource) = &self.jibri.resource {
            add("--resource", resource.clone());
        }
        self.webhooks.iter().for_each(|url| add("--webhook", url.clone()));
        add("--webhook-every", self.webhook_every.as_millis().to_string());
        for (flag, given) in [
            ("--single-use", self.jibri.single_use),
            ("--no-features", !self.jibri.recorder_features),
            ("--leash", self.leash),
        ] {
            words.extend(given.then(|| flag.to_owned()));
        }
        words
    }

    /// What the so-manieth life is like; the first is 1.
    pub(crate) fn life(&self, number: usize) -> Life {
        let last = self.lives.last().copied().unwrap_or(Life::healthy());
        self.lives.get(number.saturating_sub(1)).copied().unwrap_or(last)
    }
}

fn read<T: FromStr<Err: Into<Error>>>(text: &str) -> Result<T> {
    text.parse().map_err(Into::into)
}

fn milliseconds(text: &str) -> Result<Duration> {
    Ok(Duration::from_millis(text.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Behaviour;

    #[test]
    fn words_there_and_back() -> Result {
        let words = "--server 127.0.0.1:1 --name a --dir /d --health 127.0.0.1:2 --internal 127.0.0.1:3 \
                     --control 127.0.0.1:4 --life hangs --life healthy:1:2 --empty-timeout 3 --finalize 4 \
                     --misses-starts 6 --resource r --webhook http://x --webhook-every 5 --single-use --no-features --leash";
        let words: Vec<String> = words.split_whitespace().map(String::from).collect();
        let arguments = Arguments::parse(words.clone())?;
        assert_eq!(arguments.to_words(), words);
        assert_eq!(arguments.life(1).behaviour, Behaviour::HangStart);
        assert_eq!(arguments.life(9), arguments.life(2));
        assert!(Arguments::parse(words.into_iter().skip(2)).is_err());
        Ok(())
    }
}
