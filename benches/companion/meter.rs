//! What Prosody has done: its time on a processor or, under callgrind, its instructions, which are the same whatever else
//! the machine does.

use std::process::Command;

use testkit::{Result, World};

use crate::crowd::cpu;

pub(crate) enum Meter {
    Seconds,
    /// Of the process with this id.
    Instructions(u32),
}

impl Meter {
    pub(crate) fn of(world: &World) -> Result<Self> {
        let pid = world.prosody.pid().ok_or("no Prosody")?;
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline"))?;
        Ok(if command.contains("callgrind") { Self::Instructions(pid) } else { Self::Seconds })
    }

    /// How many times longer everything takes.
    pub(crate) fn slowness(&self) -> u32 {
        if matches!(self, Self::Seconds) { 1 } else { 20 }
    }

    pub(crate) fn unit(&self) -> &'static str {
        if matches!(self, Self::Seconds) { "µs" } else { "thousand instructions" }
    }

    /// From here on it counts.
    pub(crate) fn begin(&self, world: &World) -> Result<f64> {
        match self {
            Self::Seconds => cpu(world),
            Self::Instructions(pid) => {
                control(*pid, "instrumentation on")?;
                Ok(0.0)
            }
        }
    }

    /// Millionths of a second, or thousands of instructions, since it began.
    pub(crate) fn end(&self, world: &World, began: f64) -> Result<f64> {
        let Self::Instructions(pid) = self else { return Ok((cpu(world)? - began) * 1e6) };
        control(*pid, "instrumentation off")?;
        control(*pid, "dump")?;
        let mut all = 0.0;
        for entry in std::fs::read_dir("/tmp")? {
            let path = entry?.path();
            if path.to_string_lossy().starts_with(&format!("/tmp/callgrind.{pid}.")) {
                let text = std::fs::read_to_string(&path)?;
                let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
                all += totals.ok_or("no totals")?.trim().parse::<f64>()?;
                std::fs::remove_file(&path)?;
            }
        }
        Ok(all / 1e3)
    }
}

fn control(pid: u32, order: &str) -> Result {
    let done = Command::new("vgdb").arg(format!("--pid={pid}")).args(order.split(' ')).output()?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into()) }
}
