//! What was met on the way, so that the simulation cannot silently stop testing, and the figures it is for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::expected::HAVE_TO_HAPPEN;
use super::plan::{Fault, SEC, Us};
use crate::seeds::Seen;

/// How the Jibris with one fault fared.
#[derive(Debug, Default, Clone)]
pub struct Found {
    pub faulty: u64,
    /// Of those, so many lost a start at all.
    pub tried: u64,
    /// So many lost as many starts, one after the other, as make one wedged.
    pub due: u64,
    pub found: u64,
    /// Starts lost before it was found, and how long after the first of them.
    pub lost: Vec<u64>,
    pub took: Vec<Us>,
}

#[derive(Debug, Default)]
pub struct Coverage {
    counts: BTreeMap<Cow<'static, str>, u64>,
    pub found: BTreeMap<Fault, Found>,
    /// Jibris that nothing was wrong with, and how many of them were called wedged.
    pub good: u64,
    pub accused: u64,
}

impl Coverage {
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(Cow::Borrowed(what)).or_default() += 1;
    }

    pub fn count_owned(&mut self, what: String) {
        *self.counts.entry(Cow::Owned(what)).or_default() += 1;
    }
}

impl Seen for Coverage {
    fn add(&mut self, other: &Self) {
        for (what, times) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += times;
        }
        for (fault, more) in &other.found {
            let sum = self.found.entry(*fault).or_default();
            sum.faulty += more.faulty;
            sum.tried += more.tried;
            sum.due += more.due;
            sum.found += more.found;
            sum.lost.extend(&more.lost);
            sum.took.extend(&more.took);
        }
        self.good += other.good;
        self.accused += other.accused;
    }

    fn missing(&self) -> Vec<&'static str> {
        HAVE_TO_HAPPEN.iter().copied().filter(|what| !self.counts.contains_key(*what)).collect()
    }

    fn table(&self) -> String {
        let mut table: String =
            self.counts.iter().map(|(what, times)| format!("{times:>9}  {what}\n")).collect();
        table.push_str(
            "\n    fault        faulty   tried     due   found   lost starts until found, seconds since the first\n",
        );
        for (fault, f) in &self.found {
            let (lost, took) = (spread(&f.lost), spread(&f.took));
            let name = format!("{fault:?}");
            table.push_str(&format!(
                "    {name:<12} {:>6}  {:>6}  {:>6}  {:>6}   median {}, most {}; median {}, most {}\n",
                f.faulty,
                f.tried,
                f.due,
                f.found,
                lost.0,
                lost.1,
                took.0 / SEC,
                took.1 / SEC
            ));
        }
        table.push_str(&format!("    good Jibris: {}, accused: {}\n", self.good, self.accused));
        table
    }
}

/// The median and the most.
fn spread(values: &[u64]) -> (u64, u64) {
    let mut values = values.to_vec();
    values.sort_unstable();
    (values.get(values.len() / 2).copied().unwrap_or(0), values.last().copied().unwrap_or(0))
}
