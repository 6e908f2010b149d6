//! The kit against both Prosody versions: what the tests rely on holds.

use testkit::*;

#[tokio::test]
async fn logs_in() {
    for version in Version::all_available() {
        let mut prosody = Prosody::start_new(version, ProsodyOptions::default()).await.unwrap();
        let (person, _inbox) =
            Client::connect(prosody.c2s(), &Login::anonymous(config::DOMAIN), Manners::default())
                .await
                .unwrap();
        let (focus, _inbox) =
            Client::connect(prosody.c2s(), &Login::service("focus", "focus"), Manners::default())
                .await
                .unwrap();
        assert_eq!(focus.jid(), "focus@auth.meet.jitsi/focus");
        let ping = Node::iq("get", config::DOMAIN).child(Node::new("ping", ns::PING));
        let pong = person.request(ping, SOON).await.unwrap();
        assert_eq!(pong.get("type"), Some("result"));
        prosody.restart().await.unwrap();
        assert!(person.wait_closed(SOON).await);
        Client::connect(prosody.c2s(), &Login::service("focus", "focus"), Manners::default()).await.unwrap();
        println!("{}", prosody.log());
    }
}
