//! One run of `doctor`, and what it has found.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::Value;
use testkit::{BareEnvironment as _, Result, World, ports};

use crate::stand_in::{Manner, StandIn};

/// What a health port says.
pub(crate) const WELL: &str =
    r#"{"status":{"busyStatus":"IDLE","health":{"healthStatus":"HEALTHY","details":{}}}}"#;
/// The same while it records.
pub(crate) const AT_WORK: &str =
    r#"{"status":{"busyStatus":"BUSY","health":{"healthStatus":"HEALTHY","details":{}}}}"#;

/// A deployment: the settings, and who is asked besides Prosody and Jicofo.
pub(crate) struct Deployment {
    settings: BTreeMap<&'static str, String>,
    pub(crate) health: StandIn,
    pub(crate) webhook: StandIn,
    pub(crate) alertmanager: StandIn,
    pub(crate) dir: tempfile::TempDir,
}

impl Deployment {
    /// One in which all is well, once `jibri-1` and a meeting are there.
    pub(crate) async fn of(world: &World) -> Result<Self> {
        let health = StandIn::start([Manner::Body(WELL.into())]).await;
        let webhook = StandIn::start([Manner::Status("405 Method Not Allowed", "")]).await;
        let alertmanager = StandIn::start([Manner::Status("200 OK", "OK")]).await;
        let dir = tempfile::tempdir()?;
        let mut deployment = Self { settings: BTreeMap::new(), health, webhook, alertmanager, dir };
        let health = format!("{}/jibri/api/v1.0/health", deployment.health.url());
        let instance = format!("[{{name = \"jibri-1\", health_url = {health:?}}}]");
        let webhook = format!("{}/hook/t0ken", deployment.webhook.url());
        let ledger = deployment.dir.path().join("ledger.db").display().to_string();
        for (key, value) in [
            ("XMPP__SERVER", world.prosody.component().to_string()),
            ("XMPP__DOMAIN", "autostart.meet.jitsi".to_owned()),
            ("XMPP__SECRET", world.prosody.component_secret().to_owned()),
            ("MUC__DOMAINS", "muc.meet.jitsi".to_owned()),
            ("HTTP__LISTEN", ports::loopback().to_string()),
            ("DISCOVERY__JICOFO__URL", world.rest()?.url()),
            ("JIBRI__INSTANCE", instance),
            ("RECOVERY__ON", "wedged".to_owned()),
            ("RECOVERY__COMMAND", "/bin/true,{instance}".to_owned()),
            ("ALERTS__WEBHOOK", webhook),
            ("ALERTS__ALERTMANAGER", deployment.alertmanager.url()),
            ("LEDGER__PATH", ledger),
        ] {
            deployment.settings.insert(key, value);
        }
        Ok(deployment)
    }

    pub(crate) fn set(&mut self, key: &'static str, value: impl ToString) {
        self.settings.insert(key, value.to_string());
    }

    pub(crate) fn get(&self, key: &str) -> &str {
        self.settings.get(key).expect("a setting")
    }

    /// Examines it.
    pub(crate) async fn examine(&self) -> Examination {
        self.examine_with(&[], &[]).await
    }

    /// Examines it with other settings, and arguments; an empty value takes a setting away.
    pub(crate) async fn examine_with(&self, other: &[(&'static str, &str)], args: &[&str]) -> Examination {
        let output = self.run(other, &[&["--json"], args].concat()).await;
        Examination::read(&output)
    }

    /// As it is printed for people.
    pub(crate) async fn run(&self, other: &[(&'static str, &str)], args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jibri-autostart"));
        command.bare_environment().env("PATH", "/usr/bin:/bin").arg("doctor").args(args);
        let mut settings = self.settings.clone();
        settings.extend(other.iter().map(|(key, value)| (*key, (*value).to_owned())));
        for (key, value) in settings {
            command.env(format!("JIBRI_AUTOSTART_{key}"), value);
        }
        tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("it ends")
    }
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Examination {
    code: Option<i32>,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    verdict: String,
    text: String,
}

impl Examination {
    pub(crate) fn read(output: &Output) -> Self {
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        for secret in ["component-secret", "wr0ng", "t0ken"] {
            assert!(!stdout.contains(secret) && !stderr.contains(secret), "{stdout}\n{stderr}");
        }
        let json: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}\n{stderr}"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let step = |step: &Value| Step {
            name: text(&step["step"]),
            verdict: text(&step["verdict"]),
            text: format!("{} -> {}", text(&step["found"]), text(&step["remedy"])),
        };
        let steps: Vec<Step> = json["steps"].as_array().expect("steps").iter().map(step).collect();
        let code = output.status.code();
        let fails = steps.iter().any(|step| step.verdict == "FAIL");
        assert_eq!((code, json["ok"].as_bool()), (Some(i32::from(fails)), Some(!fails)), "{json}");
        Self { code, steps }
    }

    fn that(&self, verdict: &str) -> Vec<&str> {
        self.steps.iter().filter(|step| step.verdict == verdict).map(|step| step.name.as_str()).collect()
    }

    /// Nothing but these FAIL, and each says what to change: (step, word).
    #[track_caller]
    pub(crate) fn fails(&self, expected: &[(&str, &str)]) -> &Self {
        let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
        assert_eq!(self.that("FAIL"), names, "{self:#?}");
        expected.iter().for_each(|(name, word)| self.says(name, "FAIL", word));
        self
    }

    /// Nothing but these warn.
    #[track_caller]
    pub(crate) fn warns(&self, expected: &[(&str, &str)]) -> &Self {
        let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
        assert_eq!(self.that("warn"), names, "{self:#?}");
        expected.iter().for_each(|(name, word)| self.says(name, "warn", word));
        self
    }

    /// All is well.
    #[track_caller]
    pub(crate) fn is_well(&self) {
        assert!(self.code == Some(0) && self.steps.iter().all(|step| step.verdict == "ok"), "{self:#?}");
    }

    /// Something FAILs with this word in it.
    pub(crate) fn has_failed(&self, word: &str) -> bool {
        self.steps.iter().any(|step| step.verdict == "FAIL" && step.text.contains(word))
    }

    /// This step warns with this word.
    pub(crate) fn has_warned(&self, name: &str, word: &str) -> bool {
        let is = |step: &Step| step.name == name && step.verdict == "warn" && step.text.contains(word);
        self.steps.iter().any(is)
    }

    #[track_caller]
    pub(crate) fn says(&self, name: &str, verdict: &str, word: &str) {
        let fits = |step: &Step| step.name == name && step.verdict == verdict && step.text.contains(word);
        assert!(self.steps.iter().any(fits), "{name} {verdict} {word}: {self:#?}");
    }
}
