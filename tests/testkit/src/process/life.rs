//! What one life of a Jibri's process is like. A restart begins the next.

use crate::behaviour::Behaviour;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How the health port is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HealthPort {
    /// As it should be.
    #[default]
    Answers,
    /// It answers this much later.
    Slow(Duration),
    /// It takes connections and never answers.
    Silent,
    /// It closes each connection instead of answering.
    Closes,
}

/// One life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// What it does with a start.
    pub behaviour: Behaviour,
    /// How its health port is.
    pub health_port: HealthPort,
    /// Whether a start freezes the whole process: connections stay, and nothing is ever answered.
    pub freezes: bool,
}

impl Life {
    /// Works.
    pub const fn healthy() -> Life {
        Life::of(Behaviour::healthy())
    }

    /// Behaves like this, and its health port answers.
    pub const fn of(behaviour: Behaviour) -> Life {
        Life { behaviour, health_port: HealthPort::Answers, freezes: false }
    }

    /// Is frozen by its first start.
    pub const fn freezes() -> Life {
        Life { freezes: true, ..Life::of(Behaviour::HangStart) }
    }

    /// The same with a health port like this.
    pub const fn with_health_port(self, health_port: HealthPort) -> Life {
        Life { health_port, ..self }
    }
}

/// In words, as the arguments of `testkit-jibri` have them.
impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.freezes {
            f.write_str("freezes")?;
        } else {
            write!(f, "{}", self.behaviour)?;
        }
        match self.health_port {
            HealthPort::Answers => Ok(()),
            HealthPort::Slow(late) => write!(f, ",http=slow:{}", late.as_millis()),
            HealthPort::Silent => f.write_str(",http=silent"),
            HealthPort::Closes => f.write_str(",http=closes"),
        }
    }
}

impl FromStr for Life {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Life> {
        let (behaviour, http) = text.split_once(",http=").unwrap_or((text, ""));
        let life = if behaviour == "freezes" { Life::freezes() } else { Life::of(behaviour.parse()?) };
        Ok(life.with_health_port(match http.split_once(':').unwrap_or((http, "")) {
            ("", _) => HealthPort::Answers,
            ("slow", late) => HealthPort::Slow(Duration::from_millis(late.parse()?)),
            ("silent", _) => HealthPort::Silent,
            ("closes", _) => HealthPort::Closes,
            _ => return Err(format!("no such health port: {http}").into()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_they_came_from() -> crate::Result {
        let ms = Duration::from_millis;
        let behaviours = [
            Behaviour::slow(ms(7)),
            Behaviour::FailStart,
            Behaviour::StickStart,
            Behaviour::HangStart,
            Behaviour::FailJoin(ms(1)),
            Behaviour::PendingForever,
            Behaviour::Crash(ms(2)),
            Behaviour::CrashRecording(ms(3)),
            Behaviour::FailAfter(ms(4)),
            Behaviour::FailSystem(ms(5)),
            Behaviour::EndsByItself(ms(6)),
            Behaviour::Busy,
        ];
        let ports = [HealthPort::Answers, HealthPort::Slow(ms(8)), HealthPort::Silent, HealthPort::Closes];
        for life in behaviours.map(Life::of).into_iter().chain([Life::freezes()]) {
            for port in ports {
                let life = life.with_health_port(port);
                assert_eq!(life.to_string().parse::<Life>()?, life);
            }
        }
        assert!("sulks".parse::<Life>().is_err() && "hangs,http=sulks".parse::<Life>().is_err());
        Ok(())
    }
}
