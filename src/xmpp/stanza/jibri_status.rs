//! How a Jibri is, by the `jibri-status` of its presence in the brewery (docs/jitsi.md 5).

use xso::exports::rxml;
use xso::{FromEventsBuilder, FromXml};

use super::{NS_JIBRI, Named, NamedBuilder};
use crate::jibri::{Busy, Health, Report};

/// `<jibri-status/>`
#[derive(FromXml, Debug)]
#[xml(namespace = NS_JIBRI, name = "jibri-status", discard(text), on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(in crate::xmpp) struct StatusStanza {
    #[xml(child(n = ..))]
    parts: Vec<Part>,
}

impl StatusStanza {
    /// What is missing or unknown is undefined, and the first of two counts, as with Jicofo.
    pub(in crate::xmpp) fn report(&self) -> Report {
        let busy = self.parts.iter().find_map(|part| match part {
            Part::Busy(busy) => Some(*busy),
            Part::Health(_) => None,
        });
        let health = self.parts.iter().find_map(|part| match part {
            Part::Health(health) => Some(*health),
            Part::Busy(_) => None,
        });
        Report { busy: busy.unwrap_or(Busy::Undefined), health: health.unwrap_or(Health::Undefined) }
    }
}

/// A child, known by its local name: the two are in different namespaces, and one that has none of its own
/// gets that of its parent or of the stream.
#[derive(Debug, Clone, Copy)]
enum Part {
    Busy(Busy),
    Health(Health),
}

impl FromXml for Part {
    type Builder = PartBuilder;

    fn from_events(
        name: rxml::QName,
        mut attrs: rxml::AttrMap,
        context: &xso::Context<'_>,
    ) -> Result<PartBuilder, xso::error::FromEventsError> {
        let is_busy = match name.1.as_str() {
            "busy-status" => true,
            "health-status" => false,
            _ => return Err(xso::error::FromEventsError::Mismatch { name, attrs }),
        };
        let status = attrs.remove(&rxml::Namespace::NONE, "status");
        let part = match (is_busy, status.as_deref()) {
            (true, Some("idle")) => Self::Busy(Busy::Idle),
            (true, Some("busy")) => Self::Busy(Busy::Busy),
            (true, _) => Self::Busy(Busy::Undefined),
            (false, Some("healthy")) => Self::Health(Health::Healthy),
            (false, Some("unhealthy")) => Self::Health(Health::Unhealthy),
            (false, _) => Self::Health(Health::Undefined),
        };
        Ok(PartBuilder { part, rest: Named::from_events(name, attrs, context)? })
    }
}

/// Waits for the end of the element.
struct PartBuilder {
    part: Part,
    rest: NamedBuilder,
}

impl FromEventsBuilder for PartBuilder {
    type Output = Part;

    fn feed(
        &mut self,
        ev: rxml::Event,
        context: &xso::Context<'_>,
    ) -> Result<Option<Part>, xso::error::Error> {
        Ok(self.rest.feed(ev, context)?.map(|_| self.part))
    }
}
