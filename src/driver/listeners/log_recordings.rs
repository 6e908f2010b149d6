//! What becomes of recordings' files, as log lines: one event, one line; quiet where it is as it should be.

use tracing::{debug, info, warn};

use crate::lasting::lasting;
use crate::moment::Moment;
use crate::recordings::{Recording, RecordingState};

/// Writes to the log that a recording is in another state.
pub(in crate::driver) fn log(
    recording: &Recording,
    before: Option<RecordingState>,
    state: RecordingState,
    now: Moment,
) {
    let room = recording.room.as_deref().unwrap_or("unknown");
    let session_id = recording.session_id.as_deref().unwrap_or("unknown");
    let instance = recording.jibris.last().map_or("unknown", String::as_str);
    let was_bad = before.is_some_and(is_bad);
    match state {
        _ if is_bad(state) => {
            warn!(room, session_id, instance, "recording is {}: {}", state.name(), why(recording, state))
        }
        RecordingState::Salvaged => {
            let message = recording.message().unwrap_or_default();
            warn!(room, session_id, instance, "recording was salvaged: {message:?}");
        }
        RecordingState::Written | RecordingState::Delivered if was_bad => {
            info!(room, session_id, instance, "recording is {} after all", state.name());
        }
        _ => {
            let recorded = recording.recorded(now).map(lasting);
            debug!(room, session_id, instance, recorded, "recording is {}", state.name());
        }
    }
}

/// Somebody has to look at it.
pub(in crate::driver) fn is_bad(state: RecordingState) -> bool {
    matches!(
        state,
        RecordingState::Missing | RecordingState::Short | RecordingState::Empty | RecordingState::Failed
    )
}

/// What is wrong with a recording in this state, in words. What a site's command wrote is quoted.
pub(in crate::driver) fn why(recording: &Recording, state: RecordingState) -> String {
    let on = recording.started.zip(recording.ended).map(|(from, to)| to.since(from));
    let lasted = on.map_or_else(String::new, |on| format!(", it was on for {}", lasting(on)));
    let reporters = recording.parts.keys().map(|jibri| format!("{jibri:?}")).collect::<Vec<_>>().join(", ");
    let on_whom = if reporters.is_empty() { reporters } else { format!(" on {reporters}") };
    match state {
        RecordingState::Missing => match recording.jibris.last() {
            // Debug, because anybody may enter a brewery under any nickname.
            Some(jibri) => format!("Jibri {jibri:?} has not reported any file of it{lasted}"),
            None => format!("its Jibri, which is unknown, has not reported any file of it{lasted}"),
        },
        RecordingState::Empty => format!("there is nothing in its files{on_whom}{lasted}"),
        RecordingState::Short => {
            let media = recording.media().map_or_else(|| "little".to_owned(), lasting);
            format!("its files{on_whom} hold only {media}{lasted}")
        }
        RecordingState::Failed => match recording.failure() {
            Some((jibri, failure)) => {
                let status = failure.exit_status.map_or_else(|| "?".to_owned(), |status| status.to_string());
                format!("the site's command on {jibri:?} ended with status {status}: {:?}", failure.message)
            }
            None => "the site's command has failed".to_owned(),
        },
        _ => state.name().to_owned(),
    }
}
