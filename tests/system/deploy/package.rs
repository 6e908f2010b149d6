//! The Debian package: built, installed with apt into fresh roots of Debian 12 and 13, run there beside a real Prosody
//! that has the very file which the package ships, upgraded, removed and purged.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use testkit::{Result, SOON, Version, World};

use super::program::{Running, file, prepared, run, say};

const SECRET_FILE: &str = "/etc/prosody/jibri-autostart.secret";
const SECRET: &str = "s3cret-of-the-package";
/// From the start of the process to the link.
const COLD_START: Duration = Duration::from_millis(100);

/// Names a package that was built before, of a release.
const BUILT: &str = "JIBRI_AUTOSTART_DEB";

/// The package: `JIBRI_AUTOSTART_DEB`, or else one of what has been compiled for the tests; how large the program of a
/// release may be is for `deploy/debian/build.sh` to see to.
fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        if let Some(package) = std::env::var_os(BUILT) {
            return package.into();
        }
        let mut build = Command::new(file("deploy/debian/build.sh"));
        let home =
            std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| home + "/.cargo"));
        let path = format!("{}:{}/bin", std::env::var("PATH").unwrap(), home.unwrap());
        run(build.env("PATH", path).env("JIBRI_AUTOSTART_DEB_PROFILE", "dev")).trim().into()
    })
}

/// A Debian in which nobody has done anything yet. It is gone with this value.
struct Root {
    dir: tempfile::TempDir,
}

impl Root {
    /// What the test does is written over the root that `tests/prepare.sh` has made, which stays as it is.
    fn fresh(suite: &str) -> Self {
        let below = prepared(&format!("fresh-{suite}"));
        let dir = tempfile::tempdir().unwrap();
        let root = Self { dir };
        let mounted = Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(root.dir.path()).status();
        if !mounted.is_ok_and(|status| status.success()) {
            // Where nothing may be mounted, a copy is as good, if slower.
            run(Command::new("cp").arg("-a").arg(below).arg(root.path("")));
            return root;
        }
        for name in ["upper", "work", "root"] {
            std::fs::create_dir(root.dir.path().join(name)).unwrap();
        }
        let at = |name: &str| root.dir.path().join(name).display().to_string();
        let options = format!("lowerdir={},upperdir={},workdir={}", below.display(), at("upper"), at("work"));
        run(Command::new("mount").args(["-t", "overlay", "overlay", "-o", &options]).arg(root.path("")));
        root
    }

    /// A path of it, as it is from outside.
    fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join("root").join(inside.trim_start_matches('/'))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("chroot");
        command.arg(self.path("")).arg(program).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        run(self.command(program).args(arguments))
    }

    fn install(&self) {
        std::fs::copy(package(), self.path("/tmp/package.deb")).unwrap();
        // All that it needs is in the root, so nothing is fetched.
        self.run("apt-get", &["install", "-qy", "--reinstall", "/tmp/package.deb"]);
        std::fs::remove_file(self.path("/tmp/package.deb")).unwrap();
    }

    /// All files but those in which apt and dpkg keep their books, and what a restart of the machine takes away.
    fn files(&self) -> BTreeSet<String> {
        let books = [
            "./var/lib/dpkg",
            "./var/lib/apt",
            "./var/cache",
            "./var/log",
            "./run",
            "./proc",
            "./sys",
            "./dev",
        ];
        let mut find = Command::new("find");
        find.current_dir(self.path("")).args([".", "-not", "-type", "d"]);
        run(&mut find)
            .lines()
            .filter(|path| !books.iter().any(|book| path.starts_with(book)))
            .map(str::to_owned)
            .collect()
    }

    fn has_user(&self) -> bool {
        let users = std::fs::read_to_string(self.path("/etc/passwd")).unwrap();
        let groups = std::fs::read_to_string(self.path("/etc/group")).unwrap();
        (users + &groups).lines().any(|line| line.starts_with("jibri-autostart:"))
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        for at in [self.path(""), self.dir.path().to_owned()] {
            let _ = Command::new("umount").arg("--lazy").arg(at).status();
        }
    }
}

/// As the administrator does it: replaces the domain, makes the secret.
fn configure(root: &Root) {
    let path = root.path("/etc/jibri-autostart/config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text
        .replace("conference.meet.example.org", "muc.meet.jitsi")
        .replace("recorder@recorder.meet.example.org", "recorder@hidden.meet.jitsi")
        .replace("recorder.meet.example.org", "hidden.meet.jitsi")
        .replace("internal.auth.meet.example.org", "internal-muc.meet.jitsi")
        .replace("meet.example.org", "meet.jitsi");
    // In place: who may read it is what the package has said.
    std::fs::write(&path, text).unwrap();
    // Prosody is not in there, and neither is its group.
    let secret = root.path(SECRET_FILE);
    std::fs::create_dir_all(secret.parent().unwrap()).unwrap();
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    root.run("chown", &["jibri-autostart:", SECRET_FILE]);
    root.run("chmod", &["440", SECRET_FILE]);
}

/// As the unit starts it: as its user, with the file and its directory in their places.
fn start(root: &Root, server: &str, jicofo: &str) -> (Running, impl Iterator<Item = String> + use<>) {
    let state = "/var/lib/jibri-autostart";
    root.run("install", &["-d", "-o", "jibri-autostart", "-g", "jibri-autostart", "-m", "750", state]);
    let mut command = root.command("setpriv");
    command.args(["--reuid=jibri-autostart", "--regid=jibri-autostart", "--clear-groups", "--no-new-privs"]);
    command.args(["/usr/bin/jibri-autostart", "run"]).stderr(Stdio::piped());
    command.env("JIBRI_AUTOSTART_XMPP__SERVER", server);
    command.env("JIBRI_AUTOSTART_HTTP__LISTEN", "127.0.0.1:0");
    command.env("JIBRI_AUTOSTART_DISCOVERY__JICOFO__URL", jicofo);
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(std::result::Result::ok);
    (Running(child), lines)
}

/// Starts it; how long it took until it was linked to Prosody.
async fn linked(root: &Root, world: &World) -> Result<(Running, Duration)> {
    let begun = Instant::now();
    let (service, mut lines) = start(root, &world.prosody.component().to_string(), &world.rest()?.url());
    let linked = tokio::task::spawn_blocking(move || {
        let line = lines.find(|line| line.contains("linked to Prosody"));
        let took = begun.elapsed();
        // The pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        line.map(|_| took)
    });
    Ok((service, linked.await?.ok_or("it ended before it was linked")?))
}

async fn the_package_does_its_job(version: Version) -> Result {
    let suite = match version {
        Version::Debian12 => "bookworm",
        Version::Debian13 => "trixie",
    };
    let root = Root::fresh(suite);
    let before = root.files();
    root.install();
    let config = root.path("/etc/jibri-autostart/config.toml");
    let group = std::fs::metadata(&config)?.gid();
    assert_ne!(group, 0);
    assert_eq!(std::fs::metadata(&config)?.permissions().mode() & 0o7777, 0o640);
    assert_eq!(std::fs::metadata(config.parent().unwrap())?.permissions().mode() & 0o7777, 0o750);
    assert!(root.path("/usr/share/man/man1/jibri-autostart.1.gz").exists());
    assert!(root.path("/usr/share/bash-completion/completions/jibri-autostart").exists());
    assert!(root.path("/usr/lib/systemd/system/jibri-autostart.service").exists());
    let companion = root.path("/usr/share/jibri-autostart/prosody/mod_jibri_autostart_companion.lua");
    assert_eq!(std::fs::metadata(companion)?.permissions().mode() & 0o7777, 0o644);
    let finalize = root.path("/usr/share/jibri-autostart/jibri/finalize.sh");
    assert_eq!(std::fs::metadata(finalize)?.permissions().mode() & 0o7777, 0o755);
    // Links of the README lead somewhere there as well.
    let readme = root.path("/usr/share/doc/jibri-autostart/README.md");
    for link in ["docs/install-debian.md", "docs/troubleshooting.md", "docs/status-page.png"] {
        assert!(readme.with_file_name(link).exists(), "{link}");
    }
    let wanted = root.path("/etc/systemd/system/multi-user.target.wants/jibri-autostart.service");
    assert!(!wanted.exists(), "not before it is configured");
    let size = std::fs::metadata(root.path("/usr/bin/jibri-autostart"))?.len();
    say(&format!("{suite}: the program has {:.1} MB", size as f64 / 1e6));

    // As it comes it has the names of an example.
    let left = root.command("jibri-autostart").args(["prosody", "--debian"]).output()?;
    assert!(!left.status.success() && left.stdout.is_empty(), "{left:?}");
    // Prosody with what is printed, word for word, but that the secret is outside of the root.
    configure(&root);
    let lua = root.run("jibri-autostart", &["prosody", "--debian"]);
    assert_eq!(lua.matches(SECRET_FILE).count(), 1, "{lua}");
    let secret = super::prosody::SecretFile::new(version, SECRET)?;
    let mut options = super::prosody::debian_options(&lua.replace(SECRET_FILE, secret.path()));
    options.rest = true;
    let world = World::start(version, options).await?;
    world.jibri("jibri-1").await?;
    let (mut service, mut took) = linked(&root, &world).await?;
    // What else this machine does counts for little in the best of some.
    for _ in 0..4 {
        if took < COLD_START {
            break;
        }
        drop(service);
        (service, took) = linked(&root, &world).await?;
    }
    say(&format!("{suite}: linked {:.1} ms after its start", took.as_secs_f64() * 1e3));
    let ada = world.moderator("lesson").await?;
    ada.wait_recording("on", SOON).await?;

    // An upgrade keeps what the administrator has written, and who may read it.
    root.install();
    assert!(std::fs::read_to_string(&config)?.contains("muc.meet.jitsi"));
    assert_eq!(std::fs::metadata(&config)?.permissions().mode() & 0o7777, 0o640);
    assert_eq!(std::fs::metadata(&config)?.gid(), group);
    service.signal("TERM");
    drop(service);

    std::fs::write(root.path("/var/lib/jibri-autostart/ledger.db"), "history")?;
    root.run("apt-get", &["remove", "-qy", "jibri-autostart"]);
    assert!(config.exists() && root.path("/var/lib/jibri-autostart/ledger.db").exists());
    assert!(!root.path("/usr/bin/jibri-autostart").exists());
    root.run("apt-get", &["purge", "-qy", "jibri-autostart"]);
    // That one is the administrator's.
    std::fs::remove_file(root.path(SECRET_FILE))?;
    // A backup of the list of users that the tools of Debian keep.
    let left: Vec<_> =
        root.files().difference(&before).filter(|path| !path.ends_with('-')).cloned().collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!root.path("/etc/jibri-autostart").exists() && !root.path("/var/lib/jibri-autostart").exists());
    assert!(!root.has_user());
    // Of the tests' own build, on whatever machine this is, it says nothing.
    assert!(took < COLD_START || std::env::var_os(BUILT).is_none(), "{took:?}");
    Ok(())
}

testkit::on_each_prosody! {
    async fn it_installs_records_and_is_gone(version) { the_package_does_its_job(version).await }
}

#[test]
fn it_says_what_it_is() {
    let fields = run(Command::new("dpkg-deb").arg("--field").arg(package()));
    assert!(fields.contains(&format!("Version: {}", env!("CARGO_PKG_VERSION"))), "{fields}");
    assert!(fields.contains("libc6 (>=") && fields.contains("adduser"), "{fields}");
    let list = run(Command::new("dpkg-deb").arg("--contents").arg(package()));
    for line in list.lines() {
        assert!(line.contains("root/root") || line.contains(" 0/0 "), "{line}");
    }
    assert!(!list.contains("/home") && !list.contains("/tmp"), "{list}");
}
