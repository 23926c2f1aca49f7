//! Where the operator listens: on IPv6 and IPv4 alike, whatever the cluster speaks.
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be taken.
const BACKLOG: u32 = 1024;

/// Listens there. `[::]` means every address of both families, and where the kernel has no IPv6, of IPv4.
///
/// # Errors
/// The address is not to be had.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    listen_by(address, open)
}

fn listen_by<T>(address: SocketAddr, open: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    match open(address) {
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && has_no_ipv6(&error) => {
            let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            tracing::info!(%address, "the kernel has no IPv6; listening on IPv4");
            open(address)
        }
        other => other,
    }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() {
        let socket = TcpSocket::new_v6()?;
        // Else a setting of the node (`net.ipv6.bindv6only`) decides.
        rustix::net::sockopt::set_ipv6_v6only(&socket, !address.ip().is_unspecified())?;
        socket
    } else {
        TcpSocket::new_v4()?
    };
    // A predecessor's connections that are just being closed hold the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn has_no_ipv6(error: &io::Error) -> bool {
    let none = [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].map(|e| Some(e.raw_os_error()));
    none.contains(&error.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::net::TcpStream;

    use super::*;

    async fn answers(host: &str, port: u16) -> bool {
        TcpStream::connect((host, port)).await.is_ok()
    }

    #[tokio::test]
    async fn every_address_of_both_families_is_listened_on() {
        let listener = listen("[::]:0".parse().unwrap()).unwrap();
        let at = listener.local_addr().unwrap();
        assert!(answers("127.0.0.1", at.port()).await);
        // Where the kernel has it.
        if at.is_ipv6() {
            assert!(answers("::1", at.port()).await);
        }
    }

    #[tokio::test]
    async fn an_address_that_is_named_is_listened_on_alone() {
        let every = listen("0.0.0.0:0".parse().unwrap()).unwrap();
        let port = every.local_addr().unwrap().port();
        assert!(answers("127.0.0.1", port).await && !answers("::1", port).await);
        let one = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(answers("127.0.0.1", one.local_addr().unwrap().port()).await);
    }

    #[test]
    fn a_kernel_without_ipv6_is_served_by_ipv4_and_every_other_fault_is_told() {
        let every = "[::]:8081";
        for (address, errno, tried) in [
            (every, Errno::AFNOSUPPORT, [every, "0.0.0.0:8081"].as_slice()),
            (every, Errno::ADDRNOTAVAIL, &[every, "0.0.0.0:8081"]),
            (every, Errno::ADDRINUSE, &[every]),
            (every, Errno::ACCESS, &[every]),
            ("[::1]:8081", Errno::ADDRNOTAVAIL, &["[::1]:8081"]),
            ("0.0.0.0:8081", Errno::ADDRNOTAVAIL, &["0.0.0.0:8081"]),
        ] {
            let seen = Mutex::new(Vec::new());
            let listened = listen_by(address.parse().unwrap(), |at: SocketAddr| {
                seen.lock().unwrap().push(at.to_string());
                if at.to_string() == address {
                    return Err(io::Error::from_raw_os_error(errno.raw_os_error()));
                }
                Ok(())
            });
            assert_eq!(*seen.lock().unwrap(), tried, "{address} {errno:?}");
            assert_eq!(listened.is_ok(), tried.len() > 1, "{address} {errno:?}");
        }
    }
}
