//! Who may connect: limits on open connections, in all and per address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::observe::metrics::{Gauge, Metrics};

/// Limits on connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    /// Most open connections of the public listener; 0 for no limit.
    pub(crate) all: usize,
    /// Most of them from one address; 0 for no limit. IPv6 addresses count by their first 64 bits.
    pub(crate) per_address: usize,
}

/// Counts the open connections of one listener.
#[derive(Debug)]
pub(crate) struct Admission {
    slots: Option<Arc<Semaphore>>,
    per_address: usize,
    addresses: Mutex<HashMap<IpAddr, usize>>,
    metrics: Arc<Metrics>,
    gauge: fn(&Metrics) -> &Gauge,
}

/// An admitted connection; dropped when it ends, as a tunnel or otherwise.
#[derive(Debug)]
pub(crate) struct Admitted {
    by: Arc<Admission>,
    address: Option<IpAddr>,
    _slot: Option<OwnedSemaphorePermit>,
}

impl Admission {
    pub(crate) fn new(
        limits: ConnectionLimits,
        metrics: Arc<Metrics>,
        gauge: fn(&Metrics) -> &Gauge,
    ) -> Arc<Self> {
        let slots = limits.all.min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            slots: (slots > 0).then(|| Arc::new(Semaphore::new(slots))),
            per_address: limits.per_address,
            addresses: Mutex::default(),
            metrics,
            gauge,
        })
    }

    /// Waits until another connection may be accepted: until then clients wait in the kernel's queue.
    pub(crate) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        self.slots.clone()?.acquire_owned().await.ok()
    }

    /// Admits a connection from `peer`, unless there are too many from there.
    pub(crate) fn admit(
        self: &Arc<Self>,
        slot: Option<OwnedSemaphorePermit>,
        peer: Option<IpAddr>,
    ) -> Option<Admitted> {
        let address = peer.filter(|_| self.per_address > 0).map(network);
        if let Some(address) = address {
            let mut open = self
                .addresses
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(address).or_default();
            if *count >= self.per_address {
                tracing::info!("{address} has {count} connections already; refused another");
                return None;
            }
            *count += 1;
        }
        self.metrics.connections.add();
        (self.gauge)(&self.metrics).add(1);
        Some(Admitted {
            by: self.clone(),
            address,
            _slot: slot,
        })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        (self.by.gauge)(&self.by.metrics).add(-1);
        let Some(address) = self.address else { return };
        let mut open = self
            .by
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&address);
            }
        }
    }
}

/// An IPv4 address, or the first 64 bits of an IPv6 address: one subscriber has all that share them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_and_forgotten() {
        let limits = ConnectionLimits {
            all: 0,
            per_address: 2,
        };
        let admission = Admission::new(limits, Arc::default(), |metrics| &metrics.open_public);
        let admit = |address: &str| admission.admit(None, Some(address.parse().unwrap()));
        let first = (admit("10.0.0.1").unwrap(), admit("10.0.0.1").unwrap());
        assert!(admit("10.0.0.1").is_none());
        let v6 = (
            admit("2001:db8::1").unwrap(),
            admit("2001:db8::ffff:1").unwrap(),
        );
        assert!(admit("2001:db8::2").is_none() && admit("2001:db8:0:1::").is_some());
        assert_eq!(admission.metrics.open_public.get(), 4);
        drop((first.0, v6));
        assert!(admit("10.0.0.1").is_some());
        drop(first.1);
        assert!(admission.addresses.lock().unwrap().is_empty());
        assert_eq!(admission.metrics.open_public.get(), 0);
    }
}
