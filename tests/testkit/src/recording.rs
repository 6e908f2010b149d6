//! One recording of one Jibri: its Chrome in the room, from `pending` to the end.

use crate::behaviour::{Behaviour, JibriOptions, Started};
use crate::client::Client;
use crate::jibri_work::{Inner, off};
use crate::lock;
use crate::login::Login;
use crate::manners::Manners;
use crate::occupancy::Occupancy;
use crate::room::RoomView;
use crate::xml::{Node, ns};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A recording to be made.
pub(crate) struct Job {
    pub(crate) started: Started,
    /// Who is told how it goes.
    pub(crate) jicofo: String,
    pub(crate) options: JibriOptions,
}

/// How a recording ends.
enum End {
    /// Jicofo said so, and wants no report.
    Stopped,
    /// Of itself, or by somebody at the machine.
    Clean,
    Failed,
    /// With the whole Jibri.
    Crashed,
}

/// Records until something ends it; `stop` gives a word (somebody at the machine) or closes (Jicofo).
pub(crate) async fn run(jibri: Arc<Inner>, job: Job, mut stop: mpsc::UnboundedReceiver<()>) {
    let crash = async {
        match job.options.behaviour {
            Behaviour::Crash(after) => tokio::time::sleep(after).await,
            _ => std::future::pending().await,
        }
    };
    let end = tokio::select! {
        // A stop that has come is obeyed before anything else.
        biased;
        word = stop.recv() => if word.is_some() { End::Clean } else { End::Stopped },
        () = crash => End::Crashed,
        end = record(&jibri, &job) => end,
    };
    // By now Chrome has gone: its connection was dropped with `record`.
    match end {
        End::Crashed => return jibri.crash(),
        End::Failed => jibri.report(&job.jicofo, off(Some("error"))),
        End::Clean => jibri.report(&job.jicofo, off(None)),
        End::Stopped => {}
    }
    jibri.finished().await;
}

async fn record(jibri: &Inner, job: &Job) -> End {
    let pause = tokio::time::sleep;
    match job.options.behaviour {
        Behaviour::PendingForever => std::future::pending().await,
        Behaviour::FailJoin(after) => {
            pause(after).await;
            return End::Failed;
        }
        Behaviour::FailSystem(after) => {
            pause(after).await;
            jibri.unhealthy();
            return End::Failed;
        }
        Behaviour::Healthy { join, .. } => pause(join).await,
        _ => {}
    }
    let Ok(occupancy) = enter(jibri, job).await else { return End::Failed };
    lock(&jibri.state).recording = Some(job.started.session_id.clone());
    jibri.report(&job.jicofo, Node::new("jibri", ns::JIBRI).attr("status", "on"));
    jibri.tell();
    match job.options.behaviour {
        Behaviour::FailAfter(after) => {
            pause(after).await;
            End::Failed
        }
        Behaviour::EndsByItself(after) => {
            pause(after).await;
            End::Clean
        }
        Behaviour::CrashRecording(after) => {
            pause(after).await;
            End::Crashed
        }
        _ => until_over(&occupancy, job.options.empty_timeout).await,
    }
}

/// Chrome joins, and only then shows which session it belongs to.
async fn enter(jibri: &Inner, job: &Job) -> crate::Result<Occupancy> {
    let login = Login::account("recorder", &job.options.recorder_domain, None);
    let (client, inbox) = Client::connect(jibri.address, &login, Manners::default()).await?;
    let nick = format!("{:08x}", rand::random::<u32>());
    let mut extras = vec![
        Node::new("nick", ns::NICK).with_text("Recorder"),
        Node::new("stats-id", "").with_text(&jibri.name),
    ];
    if job.options.recorder_features {
        let feature = Node::new("feature", "").attr("var", "http://jitsi.org/protocol/jibri");
        extras.push(Node::new("features", "").child(feature));
    }
    let occupancy =
        Occupancy::enter(Client::clone(&client), inbox, &job.started.room, &nick, extras.clone(), false);
    occupancy.until_inside().await?;
    extras.push(Node::new("session_id", "").with_text(&job.started.session_id));
    extras.push(Node::new("mode", "").with_text(&job.started.mode));
    occupancy.set_extras(extras);
    Ok(occupancy)
}

/// Until the room has been empty for long enough, or we are put out of it.
async fn until_over(occupancy: &Occupancy, empty_timeout: Duration) -> End {
    let long = Duration::from_secs(24 * 3600);
    let alone = |view: &RoomView| view.occupants.keys().all(|nick| *nick == view.nick || nick == "focus");
    let out = |view: &RoomView| !view.inside;
    loop {
        let _ = occupancy.until(long, "over", |view| out(view) || alone(view)).await;
        let company = occupancy.until(empty_timeout, "in company", |view| out(view) || !alone(view)).await;
        if occupancy.look(out) {
            return End::Failed;
        }
        if company.is_err() {
            return End::Clean;
        }
    }
}
