//! A headless Chromium, driven by Debian's chromedriver. It ends with its value, even where a test fails.

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);
/// Browsers at once.
static PLACES: Semaphore = Semaphore::const_new(2);

pub(crate) struct Browser {
    pub(crate) client: Client,
    http: reqwest::Client,
    session: String,
    port: u16,
    driver: Child,
    /// Kept, or what it says next ends it.
    _said: Said,
    _files: TempDir,
    _place: SemaphorePermit<'static>,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let place = PLACES.acquire().await.unwrap();
        let files = tempfile::tempdir().unwrap();
        // Once in a while it ends at once, where many ports are in use.
        let (mut driver, said, port) = (0..5).find_map(|_| drive(files.path())).expect("chromedriver starts");
        let options = json!({
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-extensions", "--disable-background-networking", "--disable-component-update",
                "--hide-scrollbars", "--window-size=1280,900",
                // There is nothing but this machine.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ] },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = options else { unreachable!() };
        let connected = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        let client = connected.unwrap_or_else(|error| {
            let _ = driver.kill();
            panic!("no Chromium: {error}")
        });
        let session = client.session_id().await.unwrap().expect("a session");
        let http = reqwest::Client::builder().no_proxy().timeout(LONG).build().unwrap();
        Self { client, http, session, port, driver, _said: said, _files: files, _place: place }
    }

    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    async fn ask(&self, path: &str, body: Value) -> Value {
        let url = format!("http://127.0.0.1:{}/session/{}/{path}", self.port, self.session);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        assert!(answer["value"]["error"].is_null(), "{path}: {}", answer["value"]["message"]);
        answer["value"].take()
    }

    /// A command of the DevTools protocol.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.ask("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// What an expression is in the page.
    pub(crate) async fn get(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        self.client.execute(&script, Vec::new()).await.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        let expression = format!("document.querySelector({selector:?})?.textContent ?? '(none)'");
        self.get(&expression).await.as_str().unwrap().to_owned()
    }

    /// Waits until an expression is true in the page.
    pub(crate) async fn until(&self, expression: &str) {
        let end = Instant::now() + LONG;
        while self.get(&format!("!!({expression})")).await != true {
            if Instant::now() > end {
                let page = self.get("document.body.innerText").await;
                panic!("never: {expression}\n{}\n{:?}", page.as_str().unwrap(), self.complaints().await);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        for key in keys.chars() {
            let actions = json!([{ "type": "key", "id": "keyboard", "actions": [
                { "type": "keyDown", "value": key.to_string() }, { "type": "keyUp", "value": key.to_string() },
            ] }]);
            self.ask("actions", json!({ "actions": actions })).await;
        }
    }

    /// A screen of this size.
    pub(crate) async fn screen(&self, width: u32, height: u32, is_phone: bool) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    pub(crate) async fn scheme(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// What the browser complains of, since it was asked last: errors of scripts, refusals by the policy. Answers
    /// of servers that are errors, and servers that are not there, are no complaints.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.ask("se/log", json!({ "type": "browser" })).await;
        let is_one = |entry: &&Value| entry["source"] != "network";
        log.as_array().unwrap().iter().filter(is_one).map(|entry| entry["message"].to_string()).collect()
    }
}

type Said = Lines<BufReader<ChildStdout>>;

/// Starts chromedriver; none if it does not listen.
fn drive(files: &Path) -> Option<(Child, Said, u16)> {
    let mut driver = Command::new("/usr/bin/chromedriver")
        .arg("--port=0")
        .env("TMPDIR", files)
        .stdout(Stdio::piped())
        .spawn()
        .expect("chromedriver; tests/prepare.sh installs it");
    let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = said.by_ref().map_while(Result::ok).find_map(|line| {
        let port = line
            .rsplit_once("successfully on port ")
            .map(|(_, port)| port.trim_end_matches('.').parse().ok());
        if port.is_none() {
            println!("chromedriver: {line}");
        }
        port?
    });
    let Some(port) = port else {
        let _ = driver.kill();
        let _ = driver.wait();
        return None;
    };
    Some((driver, said, port))
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser only when it is asked to, and there is no waiting for a future here.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = write!(
                stream,
                "DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
                self.session
            );
            // A signal cuts a read with a timeout short; this goes on.
            let _ = stream.read_exact(&mut [0; 1]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
