//! Why nothing is started, although a recording may be wanted.

use crate::config::Mode;
use crate::meeting::answer::{Misfit, StartFailure};
use crate::meeting::context::{Ctx, Policy};
use crate::meeting::event::{Hold, What};
use crate::meeting::manual::Origin;
use crate::meeting::person::Person;
use crate::time::Time;

/// So often in one meeting a recording is begun again whose end nobody could be asked about.
const UNTOLD_ENDS: u32 = 3;

/// All reasons; one that is no more important than another hides behind it.
#[derive(Debug, Default)]
pub(super) struct Holds {
    /// Who has stopped the recording of this meeting, and when that was heard.
    stopped_by: Option<(Person, Time)>,
    /// A session of the other mode is on; when to look again, where nothing shows that it has ended.
    instead: Option<(Mode, Option<Time>)>,
    /// Trying again does not help until a setting has changed; when we look again.
    misfit: Option<(Misfit, Time)>,
    /// Ends of a recording in this meeting that nobody could be asked about.
    untold_ends: u32,
    gave_up: Option<StartFailure>,
    is_dry_run: bool,
    /// What was told last.
    told: Option<Hold>,
}

impl Holds {
    /// The reason, if there is one. `manual`: whose order it is that nothing is started.
    pub(super) fn reason(&self, manual: Option<Origin>) -> Option<Hold> {
        if let Some((person, _)) = &self.stopped_by {
            return Some(Hold::StoppedBy(person.clone()));
        }
        let instead = self.instead.map(|(mode, _)| Hold::Instead(mode));
        let misfit = || self.misfit.map(|(misfit, _)| Hold::Misfit(misfit));
        let untold = || (self.untold_ends > UNTOLD_ENDS).then_some(Hold::Untold);
        let gave_up = || self.gave_up.map(Hold::GaveUp);
        let rest = || self.is_dry_run.then_some(Hold::DryRun).or(manual.map(Hold::Manual));
        instead.or_else(misfit).or_else(untold).or_else(gave_up).or_else(rest)
    }

    /// Tells the reason, once for each.
    pub(super) fn tell(&mut self, reason: Option<Hold>, ctx: &mut Ctx<'_>) {
        if reason != self.told {
            if let Some(hold) = &reason {
                ctx.tell(What::Held(hold.clone()));
            }
            self.told = reason;
        }
    }

    pub(super) fn pass_deadlines(&mut self, ctx: &Ctx<'_>) {
        self.misfit.take_if(|(_, until)| ctx.is_past(*until));
        self.instead.take_if(|(_, until)| until.is_some_and(|until| ctx.is_past(until)));
    }

    /// This person has stopped it. Whether that is news: it is heard again and again, and he may have left by then, or
    /// display another name.
    pub(super) fn stopped_by(&mut self, person: Person, now: Time) -> bool {
        let is_news = self.stopped_by.as_ref().is_none_or(|(known, _)| known.nick != person.nick);
        if is_news {
            self.stopped_by = Some((person, now));
        }
        is_news
    }

    /// When it was heard that a person has stopped it.
    pub(super) fn stopped_at(&self) -> Option<Time> {
        self.stopped_by.as_ref().map(|(_, at)| *at)
    }

    /// Whoever is there now has not stopped anything. Whether somebody had.
    pub(super) fn nobody_has_stopped(&mut self) -> bool {
        self.stopped_by.take().is_some()
    }

    /// A session of this mode is on instead.
    pub(super) fn instead(&mut self, mode: Mode, until: Option<Time>) {
        self.instead = Some((mode, until));
    }

    pub(super) fn mode_instead(&self) -> Option<(Mode, Option<Time>)> {
        self.instead
    }

    pub(super) fn nothing_instead(&mut self) {
        self.instead = None;
    }

    pub(super) fn misfit(&mut self, misfit: Misfit, until: Time) {
        self.misfit = Some((misfit, until));
    }

    pub(super) fn is_misfit(&self) -> bool {
        self.misfit.is_some()
    }

    pub(super) fn gave_up(&mut self, why: StartFailure) {
        self.gave_up = Some(why);
    }

    pub(super) fn dry_run(&mut self) {
        self.is_dry_run = true;
    }

    /// A recording has ended, and nobody can be asked why. Whether that was once too often.
    pub(super) fn untold_end(&mut self) -> bool {
        self.untold_ends = self.untold_ends.saturating_add(1);
        self.untold_ends > UNTOLD_ENDS
    }

    /// Ends that nobody could be asked about are another meeting's.
    pub(super) fn forget_ends(&mut self) {
        self.untold_ends = 0;
    }

    /// A recording is on. If it was begun since a person has stopped the last one, he has changed his mind.
    pub(super) fn is_on(&mut self, is_begun_since: bool) {
        let untold_ends = if self.untold_ends > UNTOLD_ENDS { 0 } else { self.untold_ends };
        let stopped_by = self.stopped_by.take().filter(|_| !is_begun_since);
        *self = Self { stopped_by, untold_ends, told: self.told.take(), ..Self::default() };
    }

    /// Another meeting: only what no meeting can change is kept.
    pub(super) fn another_meeting(&mut self) {
        *self = Self { misfit: self.misfit, told: self.told.take(), ..Self::default() };
    }

    /// Somebody has ordered that it is tried again.
    pub(super) fn clear(&mut self) {
        *self = Self { told: self.told.take(), ..Self::default() };
    }

    /// Other rules apply. Whether something is tried again for that.
    pub(super) fn rules_changed(&mut self, policy: Policy<'_>) -> bool {
        let stop = if policy.stop.respect_manual { None } else { self.stopped_by.take() };
        stop.is_some() | self.misfit.take().is_some() | self.gave_up.take().is_some()
    }
}
