//! The notice that clients speak by.

use super::{R1, Scene, refused};
use testkit::{Node, Person, Result, SOON, on_each_prosody};

/// What clients are told of the room's metadata, each time.
fn told(person: &Person) -> Vec<serde_json::Value> {
    let seen = person.client().since(0);
    let messages = seen.iter().filter_map(|seen| seen.node.find("json-message"));
    messages.map(|message| serde_json::from_str(&message.text).expect("JSON")).collect()
}

async fn notice(scene: &mut Scene, attributes: &[(&str, &str)]) -> Result<Node> {
    scene.ask("set", "notice", &[&[("room", R1)], attributes].concat()).await
}

/// Sets it, and says whether that changed anything.
async fn changed(scene: &mut Scene, attributes: &[(&str, &str)]) -> Result<String> {
    let answer = notice(scene, attributes).await?;
    Ok(answer.find("notice").ok_or("refused")?.get_or_empty("changed").to_owned())
}

on_each_prosody! {
    async fn the_notice_changes_two_fields_and_no_other(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        let ada = scene.person("r1", "ada").await?;
        scene.lua(&format!(
            "local room = module:depends('muc').get_room_from_jid('{R1}');
             room.jitsiMetadata.startMuted = {{ audio = true }};
             room.jitsiMetadata.recording = {{ isTranscribingEnabled = true, own = 7 }}")).await?;
        assert_eq!(changed(&mut scene, &[("recording", "true")]).await?, "yes");
        let is_told = |node: &Node| node.find("json-message").is_some();
        ada.client().wait_for(is_told, SOON).await?;
        let all = &told(&ada)[0]["metadata"];
        assert_eq!(all["recording"], serde_json::json!({"isRecordingRequested": true, "isTranscribingEnabled": true, "own": 7}));
        assert_eq!(all["startMuted"]["audio"], true);
        scene.push(0, "room", |room| room.get("notice-recording") == Some("yes")).await?;
        assert_eq!(changed(&mut scene, &[("recording", "true")]).await?, "no");
        assert_eq!(changed(&mut scene, &[("recording", "false"), ("transcription", "false")]).await?, "yes");
        assert_eq!(changed(&mut scene, &[("recording", "false")]).await?, "no");
        scene.focus.send(&Node::message(R1, "groupchat", "end"));
        ada.client().wait_for(|node| node.find("body").is_some_and(|body| body.text == "end"), SOON).await?;
        assert_eq!(told(&ada).len(), 2, "who hears the same twice is told twice");
        Ok(())
    }

    async fn what_is_wrong_changes_nothing(version) {
        let mut scene = Scene::start(version).await?;
        scene.open("r1").await?;
        for wrong in [&[][..], &[("recording", "yes")], &[("recording", "")], &[("recording", "true"), ("transcription", "x")]] {
            assert_eq!(refused(&notice(&mut scene, wrong).await?), Some("bad"), "{wrong:?}");
        }
        let elsewhere = scene.ask("set", "notice", &[("room", "none@muc.meet.jitsi"), ("recording", "true")]).await?;
        assert_eq!(refused(&elsewhere), Some("no-room"));
        let room = scene.told("get", "room", &[("jid", R1)]).await?;
        assert_eq!(room.get("notice-recording"), Some("no"));
        // Whatever else is in its place.
        for odd in ["'x'", "7", "true", "{ recording = 'x' }", "{ recording = 7 }"] {
            scene.lua(&format!("module:depends('muc').get_room_from_jid('{R1}').jitsiMetadata = {odd}")).await?;
            scene.told("get", "room", &[("jid", R1)]).await?;
        }
        assert_eq!(changed(&mut scene, &[("recording", "true")]).await?, "yes");
        Ok(())
    }

    async fn nobody_to_tell_it_is_said(version) {
        let mut scene = Scene::with(version, |options| options.metadata = false).await?;
        scene.open("r1").await?;
        assert_eq!(refused(&notice(&mut scene, &[("recording", "true")]).await?), Some("no-metadata"));
        assert_eq!(scene.told("get", "hello", &[]).await?.get("metadata"), Some("no"));
        let room = scene.told("get", "room", &[("jid", R1)]).await?;
        assert_eq!(room.get("notice-recording"), Some("no"));
        Ok(())
    }
}
