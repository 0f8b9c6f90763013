//! Whether a service answers is asked of nobody but the service.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use services::supervisor::{Probe, probe, probe_client};

#[tokio::test]
async fn case_83_a_service_does_not_lead_the_probe_elsewhere() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let to = elsewhere.local_addr().unwrap();
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", service.local_addr().unwrap());
    let answering = thread::spawn(move || {
        let (mut stream, _) = service.accept().unwrap();
        let asked = stream.read(&mut [0; 4096]).unwrap();
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: http://{to}/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).unwrap();
        asked
    });
    let found = probe(&probe_client().unwrap(), &url, "/services/x/").await;
    assert_eq!(found, Probe::Answers(302));
    assert!(answering.join().unwrap() > 0);
    // Whoever had followed would be in the queue by now.
    assert_eq!(
        elsewhere.accept().unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
}
