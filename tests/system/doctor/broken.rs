//! One deployment, well at first, in which one thing after the other is broken.

use testkit::{Jibri, JibriOptions, RestFault, SOON, eventually, ports};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::examination::Deployment;
use super::{links, never_seen_by, world};

/// The address of a port that is for something else.
async fn something_else() -> testkit::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n").await;
            let _ = socket.shutdown().await;
            // Until the other side has gone.
            let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
        }
    });
    Ok(address)
}

testkit::on_each_prosody! {
    async fn one_thing_after_the_other(version) {
        let mut world = world(version, |_| {}).await?;
        world.jibri("jibri-1").await?;
        let ada = world.moderator("r1").await?;
        let mut well = Deployment::of(&world).await?;

        well.examine().await.is_well();
        let printed = well.run(&[], &[]).await;
        let text = String::from_utf8(printed.stdout)?;
        assert!(text.starts_with("ok   configuration: "), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80 && !line.contains('\u{1b}')), "{text}");
        println!("{text}");
        assert_eq!(links(&world), 2);

        // Prosody's port.
        let nobody = ports::loopback().to_string();
        let down = well.examine_with(&[("XMPP__SERVER", &nobody)], &[]).await;
        down.fails(&[("prosody", "component_interfaces")]).says("component", "warn", "not tried");
        let dns = well.examine_with(&[("XMPP__SERVER", "no-such-host.invalid:5347")], &[]).await;
        dns.fails(&[("prosody", "xmpp.server and the DNS")]);
        let other = something_else().await?;
        let http = well.examine_with(&[("XMPP__SERVER", &other)], &[]).await;
        http.fails(&[("prosody", "component_ports")]);

        // The component.
        let secret = well.examine_with(&[("XMPP__SECRET", "wr0ng")], &[]).await;
        secret.fails(&[("component", "component_secret")]).says("prosody", "ok", "");
        let domain = well.examine_with(&[("XMPP__DOMAIN", "nobody.meet.jitsi")], &[]).await;
        domain.fails(&[("component", "correct xmpp.domain")]);
        let clients = well.examine_with(&[("XMPP__SERVER", &world.prosody.c2s().to_string())], &[]).await;
        clients.fails(&[("component", "5222")]);

        // The conference services.
        let muc = [("MUC__DOMAINS", "muc.meet.jitsi,conference.meet.jitsi,auth.meet.jitsi")];
        let muc = well.examine_with(&muc, &[]).await;
        muc.fails(&[("muc conference.meet.jitsi", "XMPP_MUC_DOMAIN"), ("muc auth.meet.jitsi", "not a conference")]);
        muc.says("owner muc.meet.jitsi", "ok", "r1@muc.meet.jitsi");
        let unseen = well.examine_with(&[("MUC__FOOTPRINT", "unseen")], &[]).await;
        unseen.fails(&[("sender", "validate_from_addresses = false")]);

        // Jicofo in the meeting, and its REST.
        let nick = well.examine_with(&[("MUC__FOCUS_NICKNAME", "jicofo")], &[]).await;
        nick.fails(&[("focus", "set muc.focus_nickname = \"focus\"")]);
        let services = [("MUC__SERVICE_DOMAINS", "hidden.meet.jitsi")];
        let services = well.examine_with(&services, &[]).await;
        services.fails(&[("services", "muc.service_domains")]).warns(&[]);
        let rest = well.examine_with(&[("DISCOVERY__JICOFO__URL", &format!("http://{nobody}"))], &[]).await;
        rest.fails(&[("jicofo", "JICOFO_ENABLE_REST=1"), ("detector", "JICOFO_ENABLE_REST=1")]);
        world.rest()?.set_fault(Some(RestFault::Error(404)));
        let wrong = [("jicofo", "discovery.jicofo.url"), ("detector", "discovery.jicofo.url")];
        well.examine().await.fails(&wrong);
        world.rest()?.set_fault(None);
        let none = [("DISCOVERY__JICOFO__URL", ""), ("DISCOVERY__EVENT_SYNC", "false")];
        well.examine_with(&none, &["--room", "r1@muc.meet.jitsi"]).await.fails(&[("discovery", "discovery.jicofo.url")]);
        let hidden = well.examine_with(&[("DISCOVERY__DISCO_INTERVAL", "1m")], &[]).await;
        hidden.fails(&[]).warns(&[("disco muc.meet.jitsi", "discovery.disco_interval")]);

        // The brewery, and who is in it.
        let brewery = well.examine_with(&[("JIBRI__BREWERY", "b@nowhere.meet.jitsi")], &[]).await;
        brewery.fails(&[("brewery", "XMPP_INTERNAL_MUC_DOMAIN")]);
        let brewery = well.examine_with(&[("JIBRI__BREWERY", "b@internal-muc.meet.jitsi")], &[]).await;
        brewery.fails(&[]).warns(&[("brewery", "JIBRI_BREWERY_MUC")]);
        let named = well.examine_with(&[("JIBRI__INSTANCE", r#"[{name = "jibri-9"}]"#)], &[]).await;
        named.fails(&[]).warns(&[("jibri jibri-9", "JIBRI_INSTANCE_ID"), ("names", "[[jibri.instance]]")]);
        let twin = JibriOptions { resource: Some("twin".into()), ..JibriOptions::default() };
        let twin = Jibri::start(&world.prosody, "jibri-1", twin).await?;
        well.examine().await.fails(&[("jibri jibri-1", "JIBRI_INSTANCE_ID")]);
        twin.crash();
        world.focus.configure(|options| options.recording = false);
        well.examine().await.fails(&[("detector", "ENABLE_RECORDING=1")]);
        world.focus.configure(|options| options.recording = true);

        // Nobody has seen anything of all this.
        never_seen_by(&ada)?;

        // A meeting that Jicofo has left.
        world.focus.leave_room("r1");
        let is_gone = || ada.occupancy().look(|view| view.focus().is_none());
        assert!(eventually(SOON, is_gone).await);
        let focus = well.examine_with(&[], &["--room", "r1@muc.meet.jitsi"]).await;
        focus.fails(&[("focus", "linked to this Prosody")]);
        never_seen_by(&ada)?;
        // No meeting at all.
        ada.leave().await;
        let none = well.examine_with(&[], &["--room", "r7@muc.meet.jitsi"]).await;
        none.fails(&[]).warns(&[("owner muc.meet.jitsi", "open a meeting"), ("focus", "open a meeting")]);
        none.says("owner muc.meet.jitsi", "warn", "is an admin there");
        well.set("DISCOVERY__JICOFO__URL", "");
        world.prosody.stop().await;
        well.examine().await.fails(&[("prosody", "is Prosody running")]);
        Ok(())
    }
}
