//! Free ports on loopback.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

/// A port that nothing listens on and that this process has not handed out before.
///
/// Below the range from which the system takes ports for outgoing connections: a server that restarts would else find
/// its port taken by somebody's client.
pub fn loopback() -> SocketAddr {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap();
    let given = given.get_or_insert_default();
    loop {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, rand::random_range(15_000..32_000)));
        if !given.contains(&address.port()) && is_free(address) {
            given.insert(address.port());
            return address;
        }
    }
}

/// Asked by knocking. To listen there for a moment would be surer, but whatever process another test starts in that
/// moment has the listener too until it is what it is to be, and who was given the port finds it taken.
fn is_free(address: SocketAddr) -> bool {
    let knocked = TcpStream::connect_timeout(&address, Duration::from_secs(1));
    knocked.is_err_and(|refused| refused.kind() == ErrorKind::ConnectionRefused)
}
