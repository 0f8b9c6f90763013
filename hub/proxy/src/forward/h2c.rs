//! HTTP/2 without TLS ("prior knowledge", RFC 9113 3.3) to targets that are marked for it: `h2c://host:port`.
//!
//! Requests share connections. Each carries as many at once as the target allows; when all are busy another is opened.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::uri::{Authority, Uri};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::forward::body::RequestBody;
use crate::forward::upstream::{BUFFER, CONNECT_TIMEOUT};

/// How long a connection without requests is kept.
const IDLE: Duration = Duration::from_secs(60);
/// Requests that share a connection at most. Answers that nobody reads fill their own windows; the window of the
/// connection has room for all of them, so that none is held up by others.
const SHARED: u32 = 8;
/// What a target may send ahead per answer, in bytes.
const STREAM_WINDOW: u32 = 128 * 1024;
/// How often a silent target with requests is asked whether it is there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(60);
const PING_ANSWER: Duration = Duration::from_secs(20);
/// Headers of HTTP/1.1's connections, which are malformed here (RFC 9113 8.2.2). `Host` is told as `:authority`.
const NOT_HERE: [HeaderName; 2] = [HOST, TRANSFER_ENCODING];

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("{error}")]
    Http {
        error: hyper::Error,
        /// The connection was used before and is at its end.
        stale: bool,
    },
}

/// One use of a connection; dropped when the answer is complete or given up.
#[derive(Debug)]
pub(crate) struct Use(Arc<AtomicUsize>);

impl Use {
    fn of(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count.clone())
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Debug, Clone)]
struct Kept {
    sender: SendRequest<RequestBody>,
    uses: Arc<AtomicUsize>,
    /// How many uses there may be at once: one until the target has answered, and so has told how many it allows.
    most: Arc<AtomicUsize>,
    /// Has `most` found out.
    answered: Arc<Notify>,
}

/// The open connections by target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<HashMap<Authority, Vec<Kept>>>>);

impl Pool {
    /// Sends `request` to `target` and waits for the head of the answer. The use ends with the answer's body.
    pub(crate) async fn request(
        &self,
        target: &Authority,
        request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Use), Failed> {
        let mut request = Some(as_http2(target, request));
        loop {
            let (mut kept, using, reused) = match self.free(target) {
                Some((kept, using)) => (kept, using, true),
                None => {
                    let (kept, using) = self.open(target).await?;
                    (kept, using, false)
                }
            };
            let Some(sending) = request.take() else {
                continue;
            };
            match kept.sender.try_send_request(sending).await {
                Ok(answer) => {
                    kept.answered.notify_one();
                    return Ok((answer, using));
                }
                Err(mut error) => {
                    let stale = reused && kept.sender.is_closed();
                    // A connection that ended before it took the request is no reason to fail it.
                    request = error.take_message().filter(|_| stale);
                    if request.is_none() {
                        let error = error.into_error();
                        return Err(Failed::Http { error, stale });
                    }
                }
            }
        }
    }

    /// A connection to `target` that can carry another request.
    fn free(&self, target: &Authority) -> Option<(Kept, Use)> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = open.get_mut(target)?;
        all.retain(|kept| !kept.sender.is_closed());
        let free = all
            .iter()
            .find(|kept| kept.uses.load(Ordering::Acquire) < kept.most.load(Ordering::Acquire))?;
        Some((free.clone(), Use::of(&free.uses)))
    }

    async fn open(&self, target: &Authority) -> Result<(Kept, Use), Failed> {
        let stream = connect(target).await.map_err(Failed::Connect)?;
        let shaking = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(SHARED * STREAM_WINDOW)
            .max_send_buf_size(BUFFER)
            .max_header_list_size(u32::try_from(BUFFER).unwrap_or(u32::MAX))
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = shaking.await.map_err(|error| Failed::Http {
            error,
            stale: false,
        })?;
        let kept = Kept {
            sender,
            uses: Arc::default(),
            most: Arc::new(AtomicUsize::new(1)),
            answered: Arc::default(),
        };
        let using = Use::of(&kept.uses);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.entry(target.clone()).or_default().push(kept.clone());
        drop(open);
        let (pool, target) = (self.clone(), target.clone());
        let (uses, most, answered) = (kept.uses.clone(), kept.most.clone(), kept.answered.clone());
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let mut idle = std::pin::pin!(idle(&uses));
            let ended = loop {
                tokio::select! {
                    ended = &mut connection => break ended,
                    () = &mut idle => break Ok(()),
                    () = answered.notified() => {
                        let allowed = connection.current_max_send_streams().max(1);
                        most.store(allowed.min(SHARED as usize), Ordering::Release);
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!("an HTTP/2 connection to a target ended: {error}");
            }
            pool.forget(&target, &uses);
        });
        Ok((kept, using))
    }

    fn forget(&self, target: &Authority, uses: &Arc<AtomicUsize>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = open.get_mut(target) {
            all.retain(|kept| !Arc::ptr_eq(&kept.uses, uses));
            if all.is_empty() {
                open.remove(target);
            }
        }
    }
}

/// Returns when a connection had no request at two looks in a row.
async fn idle(uses: &AtomicUsize) {
    let mut before = true;
    loop {
        tokio::time::sleep(IDLE / 2).await;
        let busy = uses.load(Ordering::Acquire) > 0;
        if !busy && !before {
            return;
        }
        before = busy;
    }
}

async fn connect(target: &Authority) -> io::Result<TcpStream> {
    let host = target.host().trim_start_matches('[').trim_end_matches(']');
    let connecting = TcpStream::connect((host, target.port_u16().unwrap_or(80)));
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether a `Host` can be written as `:authority`.
pub(crate) fn is_authority(host: &HeaderValue) -> bool {
    Authority::try_from(host.as_bytes()).is_ok()
}

/// The request as HTTP/2 writes it: the `Host` becomes `:authority`, so that targets see what clients asked for.
fn as_http2(target: &Authority, request: Request<RequestBody>) -> Request<RequestBody> {
    let (mut parts, body) = request.into_parts();
    let authority = parts.headers.get(HOST).map(HeaderValue::as_bytes);
    let authority = authority
        .and_then(|host| Authority::try_from(host).ok())
        .unwrap_or_else(|| target.clone());
    let mut uri = parts.uri.clone().into_parts();
    uri.authority = Some(authority);
    parts.uri = Uri::from_parts(uri).unwrap_or(parts.uri);
    parts.version = Version::HTTP_2;
    remove(&mut parts.headers);
    Request::from_parts(parts, body)
}

fn remove(headers: &mut HeaderMap) {
    for name in &NOT_HERE {
        headers.remove(name);
    }
}
