//! What `jibri-autostart prosody` prints, on both Prosodys, in configurations of the shape of docker's and of Debian's: a
//! meeting is recorded with it, whoever had rights keeps them, and what is not right refuses the start.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use testkit::{Prosody, ProsodyOptions, Result, SOON, Version, World, WorldOptions, config};

use super::program::{Running, program, read, run, texts};

const FILE: &str = "deploy/prosody/jibri-autostart.cfg.lua";
const SECRET: &str = "a-secret-of-the-environment";

/// As docker-jitsi-meet's Prosody is before the file is dropped in.
fn options(text: &str, secret: &str) -> WorldOptions {
    let environment = [
        ("PROSODY_AUTOSTART_INTERFACE", "127.0.0.1"),
        ("JIBRI_AUTOSTART_XMPP__SECRET", secret),
        ("XMPP_MUC_DOMAIN", "muc.meet.jitsi"),
    ];
    let prosody = ProsodyOptions {
        component_is_admin: false,
        admins_own_rooms: false,
        no_component: true,
        conf_d: vec![("jibri-autostart.cfg.lua".into(), text.into())],
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..ProsodyOptions::default()
    };
    let mut options = WorldOptions { prosody, ..WorldOptions::default() };
    options.focus.trusted_domains.push(testkit::config::COMPONENT.to_owned());
    options
}

/// What `jibri-autostart prosody` prints for docker's names, or others.
fn printed(arguments: &[&str], settings: &[(&str, &str)]) -> String {
    run(&mut printing(arguments, settings))
}

fn printing(arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = program();
    command.arg("prosody").args(arguments);
    for (name, value) in
        [("XMPP__DOMAIN", "autostart.meet.jitsi"), ("MUC__DOMAINS", "muc.meet.jitsi")].iter().chain(settings)
    {
        command.env(format!("JIBRI_AUTOSTART_{name}"), value);
    }
    command
}

fn for_docker(settings: &[(&str, &str)]) -> String {
    printed(&["--docker"], &[&[("XMPP__SECRET", SECRET)], settings].concat())
}

/// A file with the secret, under one path for us and for a Prosody whose root is another.
pub(crate) struct SecretFile {
    outside: tempfile::TempPath,
    inside: PathBuf,
}

impl SecretFile {
    pub(crate) fn new(version: Version, secret: &str) -> Result<Self> {
        let mut file = tempfile::Builder::new().prefix("jibri-autostart-secret-").tempfile_in("/tmp")?;
        writeln!(file, "{secret}")?;
        let outside = file.into_temp_path();
        let inside = version.root().join(outside.strip_prefix("/")?);
        if inside != *outside {
            std::fs::copy(&outside, &inside)?;
        }
        Ok(Self { outside, inside })
    }

    pub(crate) fn path(&self) -> &str {
        self.outside.to_str().expect("a path of ours")
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.inside);
    }
}

/// As `jibri-autostart prosody --debian` prints it.
fn for_debian(secret: &SecretFile, settings: &[(&str, &str)]) -> String {
    let own = [
        ("XMPP__SECRET_FILE", secret.path()),
        ("MUC__SERVICE_DOMAINS", "auth.meet.jitsi,hidden.meet.jitsi"),
        ("MUC__RECORDERS", "recorder@hidden.meet.jitsi"),
    ];
    printed(&["--debian"], &[&own[..], settings].concat())
}

/// As Debian's Prosody is, with a file that is read last: `admins` stands in the blocks, and there is no environment.
pub(crate) fn debian_options(text: &str) -> WorldOptions {
    let mut options = options(text, "");
    options.prosody.environment.clear();
    options.prosody.admins_in_blocks = true;
    options
}

/// Says whom the conference service has for admins.
const ADMINS: &str = r#"
local all = {};
for jid in module:get_option_inherited_set("admins", {}) do table.insert(all, jid); end
table.sort(all);
module:log("info", "admins are: %s", table.concat(all, " "));
"#;

/// With a module that does.
fn telling_admins(mut options: WorldOptions) -> WorldOptions {
    options.prosody.plugins.push(("mod_test_admins.lua".into(), ADMINS.into()));
    let modules = "modules_enabled = { \"testkit_gates\"; \"test_admins\" }".to_owned();
    options.prosody.extra_host.push((config::MUC.to_owned(), modules));
    options
}

fn start(world: &World, settings: &[(&str, &str)]) -> Result<Running> {
    let server = world.prosody.component().to_string();
    let mut command = program();
    command.arg("run").stderr(std::process::Stdio::null());
    for (name, value) in [
        ("XMPP__SERVER", server.as_str()),
        ("XMPP__DOMAIN", "autostart.meet.jitsi"),
        ("XMPP__SECRET", SECRET),
        ("MUC__DOMAINS", "muc.meet.jitsi"),
        ("HTTP__LISTEN", ""),
        ("LEDGER__PATH", ""),
        ("DISCOVERY__ROOMS", "r1@muc.meet.jitsi"),
    ]
    .iter()
    .chain(settings)
    {
        command.env(format!("JIBRI_AUTOSTART_{name}"), value);
    }
    Ok(Running(command.spawn()?))
}

async fn a_meeting_is_recorded(version: Version) -> Result {
    let world = World::start(version, options(&read(FILE), SECRET)).await?;
    world.jibri("jibri-1").await?;
    let _autostart = start(&world, &[])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", SOON).await?;
    assert!(!world.prosody.log().contains("error"), "{}", world.prosody.log());
    Ok(())
}

/// Docker's order of reading depends on the file system; ours is read before the site's here.
async fn it_may_be_read_first(version: Version) -> Result {
    let mut options = telling_admins(options(&for_docker(&[]), SECRET));
    options.prosody.conf_d[0].0 = "jibri-autostart.lua".to_owned();
    options.prosody.extra_global = "\nInclude \"conf.d/jibri-autostart.lua\"\n".to_owned();
    let world = World::start(version, options).await?;
    world.jibri("jibri-1").await?;
    let _autostart = start(&world, &[])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", SOON).await?;
    Ok(())
}

async fn a_meeting_is_recorded_unseen(version: Version) -> Result {
    let file = for_docker(&[("MUC__FOOTPRINT", "unseen")]);
    let world = World::start(version, options(&file, SECRET)).await?;
    world.jibri("jibri-1").await?;
    let _autostart = start(&world, &[("MUC__FOOTPRINT", "unseen")])?;
    let ada = world.moderator("r1").await?;
    let status = ada.wait_recording("on", SOON).await?;
    assert_eq!(status.initiator, Some(ada.nick()), "in her own name");
    Ok(())
}

/// With the companion loaded as the comments say, it is used, and a meeting that nobody has named is recorded in a
/// moderator's name.
async fn the_companion_is_used(version: Version, mut options: WorldOptions, footprint: &str) -> Result {
    options.prosody.muc_modules.push("jibri_autostart_companion".to_owned());
    options.prosody.metadata = true;
    options.focus.trusted_domains.retain(|domain| domain != config::COMPONENT);
    let world = World::start(version, options).await?;
    world.jibri("jibri-1").await?;
    let listen = testkit::ports::loopback().to_string();
    let settings =
        [("MUC__FOOTPRINT", footprint), ("HTTP__LISTEN", listen.as_str()), ("DISCOVERY__ROOMS", "")];
    let _autostart = start(&world, &settings)?;
    let ada = world.moderator("nobody-named-it").await?;
    let status = ada.wait_recording("on", SOON).await?;
    assert_eq!(status.initiator, Some(ada.nick()), "in her own name");
    let answer = reqwest::get(format!("http://{listen}/api/v1/status")).await?.text().await?;
    let shown: serde_json::Value = serde_json::from_str(&answer)?;
    assert_eq!((&shown["footprint"], &shown["footprint_reason"]), (&"companion".into(), &().into()));
    assert!(!world.prosody.log().contains("error"), "{}", world.prosody.log());
    Ok(())
}

/// With the shipped file, where the module is added, and where nothing but the module is let in.
async fn the_companion_is_used_with_either_file(version: Version) -> Result {
    the_companion_is_used(version, options(&read(FILE), SECRET), "auto").await?;
    let secret = SecretFile::new(version, SECRET)?;
    let text = for_debian(&secret, &[("MUC__FOOTPRINT", "companion")]);
    assert!(!text.contains("admins") && !text.contains("focus@"), "{text}");
    the_companion_is_used(version, debian_options(&text), "companion").await
}

/// Of a meeting that is named nowhere else this Prosody tells, at this address and with this token; it is recorded.
async fn events_alone_tell_of_a_meeting(
    version: Version,
    mut options: WorldOptions,
    listen: &str,
    token: &str,
) -> Result {
    options.prosody.plugins =
        vec![("mod_event_sync_component.lua".into(), include_str!("event_sync_stand_in.lua").into())];
    let world = World::start(version, options).await?;
    world.jibri("jibri-1").await?;
    let settings = [("HTTP__LISTEN", listen), ("HTTP__TOKEN", token), ("DISCOVERY__ROOMS", "")];
    let _autostart = start(&world, &settings)?;
    assert!(testkit::eventually(SOON, || std::net::TcpStream::connect(listen).is_ok()).await);
    let ada = world.moderator("nobody-named-it").await?;
    ada.wait_recording("on", SOON).await?;
    Ok(())
}

/// Told by events alone, and in the brewery.
async fn prosody_tells_of_the_meeting(version: Version) -> Result {
    let listen = testkit::ports::loopback().to_string();
    let mut options = options(&for_docker(&[]), SECRET);
    options.prosody.environment.push(("AUTOSTART_URL".into(), format!("http://{listen}")));
    options.prosody.environment.push(("JIBRI_AUTOSTART_HTTP__TOKEN".into(), "a-token".into()));
    events_alone_tell_of_a_meeting(version, options, &listen, "a-token").await
}

/// The same on Debian, where the token comes from a file, and only if the module has been put where it belongs.
async fn debian_tells_of_the_meeting(version: Version) -> Result {
    let secret = SecretFile::new(version, SECRET)?;
    let listen = testkit::ports::loopback().to_string();
    let printed = for_debian(&secret, &[("HTTP__LISTEN", &listen), ("HTTP__TOKEN_FILE", secret.path())]);
    let place = "/usr/share/jitsi-meet/prosody-plugins/mod_event_sync_component.lua";
    assert_eq!(printed.matches(place).count(), 1, "{printed}");
    // Any file will do for being there.
    let options = debian_options(&printed.replace(place, secret.path()));
    events_alone_tell_of_a_meeting(version, options, &listen, SECRET).await
}

/// The component links and owns the rooms, and Jicofo goes on opening them; on 13 nobody else loses anything either.
async fn debian_records_and_nobody_loses_rights(version: Version) -> Result {
    let secret = SecretFile::new(version, SECRET)?;
    let options = telling_admins(debian_options(&for_debian(&secret, &[])));
    let world = World::start(version, options).await?;
    world.jibri("jibri-1").await?;
    let kept = match version {
        Version::Debian12 => "",
        Version::Debian13 => " jvb@auth.meet.jitsi",
    };
    let admins = format!("admins are: autostart@autostart.meet.jitsi focus@auth.meet.jitsi{kept}\n");
    assert!(world.prosody.log().contains(&admins), "{}", world.prosody.log());
    // As the component's own, the secret is read from that file.
    let _autostart = start(&world, &[("XMPP__SECRET_FILE", secret.path()), ("XMPP__SECRET", "")])?;
    let ada = world.moderator("r1").await?;
    ada.wait_recording("on", SOON).await?;
    assert!(!world.prosody.log().contains("error"), "{}", world.prosody.log());
    Ok(())
}

/// For somebody's own Prosody, with all that is left to choose in use.
async fn elsewhere_it_records_too(version: Version) -> Result {
    let secret = SecretFile::new(version, SECRET)?;
    let listen = testkit::ports::loopback().to_string();
    let settings = [
        ("XMPP__SECRET_FILE", secret.path()),
        ("HTTP__LISTEN", listen.as_str()),
        ("HTTP__TOKEN_FILE", secret.path()),
    ];
    let text = printed(&["--focus", "focus@auth.meet.jitsi"], &settings);
    assert!(text.matches("--: ").count() > 8, "{text}");
    let options = debian_options(&text.replace("--: ", ""));
    events_alone_tell_of_a_meeting(version, options, &listen, SECRET).await
}

async fn without_a_secret_nobody_gets_in(version: Version) -> Result {
    let world = World::start(version, options(&read(FILE), "")).await?;
    let _autostart = start(&world, &[])?;
    let refused = || world.prosody.log().contains("component_secret is not set");
    assert!(testkit::eventually(SOON, refused).await, "{}", world.prosody.log());
    Ok(())
}

/// Prosody does not start with it, and says why.
async fn refuses_the_start(version: Version, options: WorldOptions, word: &str) {
    let refused = Prosody::start_new(version, options.prosody).await.err().expect("it starts").to_string();
    assert!(refused.contains("did not start") && refused.contains(word), "{refused}");
}

async fn names_that_were_left_refuse_the_start(version: Version) -> Result {
    // Docker's file in a Prosody that is not docker's.
    refuses_the_start(version, debian_options(&read(FILE)), "has docker-jitsi-meet's names").await;
    // A name of an example, put in by hand.
    let secret = SecretFile::new(version, SECRET)?;
    let printed = for_debian(&secret, &[]);
    for name in ["autostart.meet.jitsi", "muc.meet.jitsi", "focus@auth.meet.jitsi"] {
        let left = printed.replacen(&format!("{name}\""), "meet.example.org\"", 1);
        refuses_the_start(version, debian_options(&left), "meet.example.org is a name of an example").await;
    }
    Ok(())
}

#[test]
fn the_shipped_file_is_what_is_printed_for_dockers_names() {
    assert_eq!(for_docker(&[]), read(FILE));
}

#[test]
fn where_it_would_have_to_guess_nothing_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, SECRET).unwrap();
    let file = ("XMPP__SECRET_FILE", file.to_str().unwrap());
    let services = ("MUC__SERVICE_DOMAINS", "auth.meet.jitsi,hidden.meet.jitsi");
    // No service is asked for a role list: none listens there.
    let nobody = testkit::ports::loopback().to_string();
    let off = [("HTTP__LISTEN", nobody.as_str()), ("XMPP__SERVER", nobody.as_str())];
    for (arguments, settings, word) in [
        (&["--debian"][..], &[file][..], "--focus"),
        (&[], &[file], "--focus"),
        (
            &["--debian"],
            &[file, ("MUC__SERVICE_DOMAINS", "auth.a,services.a,hidden.meet.jitsi")],
            "auth.a, services.a",
        ),
        (&["--debian"], &[("XMPP__SECRET", SECRET), services], "xmpp.secret_file"),
        (
            &["--debian"],
            &[file, services, ("XMPP__DOMAIN", "autostart.meet.example.org")],
            "name of an example",
        ),
        (&["--debian", "--docker"], &[file, services], "cannot be used with"),
        (&["--focus", "auth.meet.jitsi"], &[file], "no @"),
    ] {
        let output = printing(arguments, &[&off[..], settings].concat()).output().unwrap();
        let (stdout, stderr) = texts(&output);
        assert_eq!(
            (output.status.code(), stdout.as_str()),
            (Some(2), ""),
            "{arguments:?} {settings:?}: {stderr}"
        );
        assert!(stderr.contains(word) && !stderr.contains(SECRET), "{word}: {stderr}");
    }
    // The companion acts for us, and nobody has to be named.
    let companion = printed(&["--debian"], &[file, ("MUC__FOOTPRINT", "companion")]);
    assert!(companion.contains("  jibri_autostart_component = domain\n"), "{companion}");
    let named = printed(&["--focus", "Focus@auth.meet.jitsi"], &[file]);
    assert!(named.contains("local focus = \"focus@auth.meet.jitsi\"\n"), "{named}");
    assert!(!named.contains(SECRET));
}

/// The account in a meeting's list of roles, where the component is let in already.
async fn jicofo_is_seen(version: Version) -> Result {
    let secret = SecretFile::new(version, SECRET)?;
    let world = World::start(version, options(&for_docker(&[]), SECRET)).await?;
    let _ada = world.moderator("r1").await?;
    let nobody = testkit::ports::loopback().to_string();
    let server = world.prosody.component().to_string();
    let settings = [
        ("XMPP__SERVER", server.as_str()),
        ("XMPP__SECRET_FILE", secret.path()),
        ("HTTP__LISTEN", nobody.as_str()),
        ("DISCOVERY__ROOMS", "r1@muc.meet.jitsi"),
    ];
    let mut command = printing(&[], &settings);
    let printed = tokio::task::spawn_blocking(move || run(&mut command)).await?;
    assert!(printed.contains("local focus = \"focus@auth.meet.jitsi\"\n"), "{printed}");
    Ok(())
}

testkit::on_each_prosody! {
    async fn the_shipped_file_lets_it_record(version) { a_meeting_is_recorded(version).await }
    async fn read_before_dockers_own_it_lets_it_record(version) { it_may_be_read_first(version).await }
    async fn its_unseen_variant_lets_it_record(version) { a_meeting_is_recorded_unseen(version).await }
    async fn with_the_companion_it_lets_it_record(version) { the_companion_is_used_with_either_file(version).await }
    async fn with_its_events_prosody_tells_of_meetings(version) { prosody_tells_of_the_meeting(version).await }
    async fn on_debian_prosody_tells_of_meetings(version) { debian_tells_of_the_meeting(version).await }
    async fn on_debian_it_records_and_nobody_loses_rights(version) {
        debian_records_and_nobody_loses_rights(version).await
    }
    async fn elsewhere_it_lets_it_record(version) { elsewhere_it_records_too(version).await }
    async fn without_a_secret_it_refuses(version) { without_a_secret_nobody_gets_in(version).await }
    async fn names_left_as_they_came_refuse_the_start(version) { names_that_were_left_refuse_the_start(version).await }
    async fn jicofos_account_is_seen_in_a_meeting(version) { jicofo_is_seen(version).await }
}
