//! Sockets as files: whether somebody still listens on one.

use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;

/// Longest wait for somebody to take a connection.
const KNOCK: Duration = Duration::from_secs(2);

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    /// Nothing.
    Nothing,
    /// Something that is no socket.
    NoSocket,
    /// A socket on which nobody listens any more.
    Dead,
    /// A socket on which somebody listens, or may: one that is not for us to connect to, or does not answer.
    Alive,
}

/// Looks, and knocks.
pub async fn look(path: &Path) -> There {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return There::Nothing,
        Err(_) => return There::Alive,
        Ok(there) if !there.file_type().is_socket() => return There::NoSocket,
        Ok(_) => {}
    }
    match tokio::time::timeout(KNOCK, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => There::Dead,
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => There::Nothing,
        _ => There::Alive,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn only_what_refuses_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        assert_eq!(look(&path).await, There::Nothing);
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(look(&path).await, There::Alive);
        drop(listener);
        assert_eq!(look(&path).await, There::Dead);
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(look(&folder.path().join("file")).await, There::NoSocket);
        // One whose queue is full says nothing.
        let full = folder.path().join("full");
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket
            .bind(&socket2::SockAddr::unix(&full).unwrap())
            .unwrap();
        socket.listen(0).unwrap();
        let _first = std::os::unix::net::UnixStream::connect(&full).unwrap();
        assert_eq!(look(&full).await, There::Alive);
    }
}
