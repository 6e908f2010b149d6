//! The log: to stderr, text on a terminal and JSON elsewhere unless told otherwise.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat, LogLevel};

/// Starts writing the log.
pub(super) fn start(log: &Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let on_terminal = std::io::stderr().is_terminal();
    let is_text = match log.format {
        LogFormat::Auto => on_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let builder = fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    // Libraries tell of each connection that they use again, which at debug drowns what we tell.
    let libraries = if level == LevelFilter::TRACE { level } else { level.min(LevelFilter::WARN) };
    let filter = Targets::new().with_default(libraries).with_target(env!("CARGO_CRATE_NAME"), level);
    if is_text {
        builder.with_ansi(on_terminal).finish().with(filter).init();
    } else {
        let json = builder.json().flatten_event(true).with_current_span(false).with_span_list(false);
        json.finish().with(filter).init();
    }
}
