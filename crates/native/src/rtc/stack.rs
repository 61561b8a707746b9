//! The stack of the `webrtc` crate.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::configuration::setting_engine::SctpMaxMessageSize;
use tokio::sync::{Notify, mpsc};
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceCandidateType, RTCIceGatheringState, RTCPeerConnectionIceEvent, RTCPeerConnectionState,
    RTCSessionDescription, SettingEngine, SettingEngineBuilder, StatsSelector,
};
use webrtc::runtime::{JoinHandle, Runtime};

use super::checks::NodeChecks;
use super::guard::Guard;
use super::ice::IceServers;
use super::runtime::{RtcRuntime, Threads};
use super::{Channel, ChannelEvent, Made, RtcError, Stack};
use super::{addresses, candidates};

/// Longest time for candidates; what there is by then is sent. STUN servers answer in a tenth of it.
const GATHERING_TIMEOUT: Duration = Duration::from_secs(5);

/// Once a server has given a candidate, the others get this much longer: those asked from addresses
/// that cannot reach them never answer.
const SETTLING: Duration = Duration::from_secs(1);

/// How often the crate checks all pairs of candidates and chooses one of those that answered, where
/// we made the offer and so have the choice. Its own 200 ms makes connecting twice as long. What is
/// sent of it is far less; see [`Checks`](super::checks::Checks).
const OFFERER_INTERVAL: Duration = Duration::from_millis(50);

/// The same where we answer: the other side has the choice, and what it checks is checked back at
/// once. Each check that is not sent costs a signature.
const ANSWERER_INTERVAL: Duration = Duration::from_millis(200);

/// A pair ends with its connection's time, and not by the number of its checks.
const MAX_CHECKS: u16 = u16::MAX;

/// Silence after which a connection counts as interrupted, and then as lost.
const DISCONNECTED_AFTER: Duration = Duration::from_secs(5);
const LOST_AFTER: Duration = Duration::from_secs(15);

/// How often an idle connection says that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Largest message taken, in bytes: Chromium's own ceiling.
const MAX_MESSAGE: u32 = 256 << 10;

/// Largest message that a peer takes if its SDP does not say (RFC 8841).
const DEFAULT_MAX_MESSAGE: usize = 64 << 10;

/// When a full window is looked at again, and after twice as long each time. The crate tells that a
/// channel runs low only where its SCTP saw more than that: what is acknowledged before it took the
/// newest messages is missed.
const FIRST_LOOK: Duration = Duration::from_millis(1);

/// Data channels that a peer may open before one is looked at; the first one is used.
const MAX_WAITING_CHANNELS: usize = 4;

/// Makes connections with the `webrtc` crate.
pub(super) struct WebRtcStack {
    threads: Arc<Threads>,
    checks: Arc<NodeChecks>,
    ice_servers: IceServers,
    bind: Vec<IpAddr>,
}

/// What the crate's threads tell of a connection.
struct Handler {
    gathered: Notify,
    /// A STUN or TURN server gave a candidate.
    served: Notify,
    channels: mpsc::Sender<Arc<dyn DataChannel>>,
    lost: AtomicBool,
    state: Notify,
}

struct PeerChannel {
    connection: Arc<dyn PeerConnection>,
    handler: Arc<Handler>,
    incoming: RefCell<mpsc::Receiver<Arc<dyn DataChannel>>>,
    channel: RefCell<Option<Arc<dyn DataChannel>>>,
    low: Notify,
    window: Cell<usize>,
    max_message: Cell<usize>,
    guard: Arc<Guard>,
    pacer: Box<dyn JoinHandle>,
}

impl Drop for PeerChannel {
    fn drop(&mut self) {
        self.pacer.abort();
    }
}

impl WebRtcStack {
    pub(super) fn new(ice_servers: IceServers, bind: Vec<IpAddr>) -> Self {
        Self {
            threads: Arc::new(Threads::new()),
            checks: Arc::default(),
            ice_servers,
            bind,
        }
    }

    async fn build(
        &self,
        mdns: MulticastDnsMode,
        check_interval: Duration,
    ) -> Result<PeerChannel, RtcError> {
        let guard = Guard::new(self.checks.clone());
        let runtime = Arc::new(RtcRuntime::new(self.threads.clone(), guard.clone()));
        let (channels, incoming) = mpsc::channel(MAX_WAITING_CHANNELS);
        let handler = Arc::new(Handler {
            gathered: Notify::new(),
            served: Notify::new(),
            channels,
            lost: AtomicBool::new(false),
            state: Notify::new(),
        });
        let connection = PeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::default()
                    .with_ice_servers(self.ice_servers.0.clone())
                    .build(),
            )
            .with_setting_engine(settings(mdns, check_interval))
            .with_runtime(runtime.clone())
            .with_handler(handler.clone())
            .with_udp_addrs(addresses::local(&self.bind))
            // A connection that is dropped half made then ends; see `RtcRuntime` for the threads.
            .with_dedicated_reactor_pool_size(1)
            .build()
            .await?;
        Ok(PeerChannel {
            connection: Arc::new(connection),
            handler,
            incoming: RefCell::new(incoming),
            channel: RefCell::default(),
            low: Notify::new(),
            window: Cell::new(0),
            max_message: Cell::new(DEFAULT_MAX_MESSAGE),
            pacer: runtime.spawn(Box::pin(guard.clone().pace())),
            guard,
        })
    }

    async fn offer(&self) -> Result<(PeerChannel, String), RtcError> {
        // Names of browsers are looked up in answers to them only: what looks them up is one more
        // socket, and an offer mostly waits for nobody.
        let peer = self
            .build(MulticastDnsMode::Disabled, OFFERER_INTERVAL)
            .await?;
        let channel = peer
            .connection
            .create_data_channel("brackish", None)
            .await?;
        *peer.channel.borrow_mut() = Some(channel);
        let offer = peer.connection.create_offer(None).await?;
        let sdp = peer.gather(offer).await?;
        Ok((peer, sdp))
    }

    async fn answer(&self, offer: &str) -> Result<(PeerChannel, String), RtcError> {
        let build = |mdns| self.build(mdns, ANSWERER_INTERVAL);
        let peer = match offer.contains(".local ") {
            // Without multicast names cannot be looked up; the browser's own checks arrive anyway.
            true => match build(MulticastDnsMode::QueryOnly).await {
                Ok(peer) => peer,
                Err(_) => build(MulticastDnsMode::Disabled).await?,
            },
            false => build(MulticastDnsMode::Disabled).await?,
        };
        let offer = peer.described(offer);
        peer.connection
            .set_remote_description(RTCSessionDescription::offer(offer)?)
            .await?;
        let answer = peer.connection.create_answer(None).await?;
        let sdp = peer.gather(answer).await?;
        Ok((peer, sdp))
    }
}

impl Stack for WebRtcStack {
    fn make<'a>(&'a self, offer: Option<&'a str>) -> LocalBoxFuture<'a, Result<Made, RtcError>> {
        async move {
            let (peer, sdp) = match offer {
                Some(offer) => self.answer(offer).await?,
                None => self.offer().await?,
            };
            Ok((Rc::new(peer) as Rc<dyn Channel>, sdp))
        }
        .boxed_local()
    }

    fn sockets(&self) -> usize {
        // One more looks up names in the local network.
        addresses::local(&self.bind).len() + 1
    }
}

impl PeerChannel {
    /// Takes note of the other side's description; gives what of it is applied.
    fn described(&self, sdp: &str) -> String {
        self.max_message.set(max_message(sdp));
        let sdp = candidates::limited(sdp);
        self.guard.checks().described(sdp.len(), Instant::now());
        sdp
    }

    /// Applies the local description and waits for its candidates.
    async fn gather(&self, description: RTCSessionDescription) -> Result<String, RtcError> {
        if let Some(ufrag) = attribute(&description.sdp, "ice-ufrag") {
            self.guard.checks().named(ufrag);
        }
        self.connection.set_local_description(description).await?;
        let settled = async {
            self.handler.served.notified().await;
            tokio::time::sleep(SETTLING).await;
        };
        let complete = tokio::select! {
            biased;
            () = self.handler.gathered.notified() => true,
            () = settled => true,
            () = tokio::time::sleep(GATHERING_TIMEOUT) => false,
        };
        let description = self
            .connection
            .local_description()
            .await
            .ok_or(RtcError::Gathering)?;
        match complete || description.sdp.contains("a=candidate") {
            true => Ok(description.sdp),
            false => Err(RtcError::Gathering),
        }
    }

    /// The data channel, once there is one.
    async fn channel(&self) -> Option<Arc<dyn DataChannel>> {
        if let Some(channel) = self.channel.borrow().clone() {
            return Some(channel);
        }
        let channel =
            std::future::poll_fn(|context| self.incoming.borrow_mut().poll_recv(context)).await;
        self.channel.borrow_mut().clone_from(&channel);
        channel
    }

    /// What an event of the crate is to the engine; `None` for what only matters here.
    fn translate(&self, event: Option<DataChannelEvent>) -> Option<ChannelEvent> {
        match event {
            Some(DataChannelEvent::OnOpen) => {
                self.guard.opened();
                Some(ChannelEvent::Open)
            }
            Some(DataChannelEvent::OnMessage(message)) => {
                Some(ChannelEvent::Message(message.data.freeze()))
            }
            Some(DataChannelEvent::OnBufferedAmountLow) => {
                self.low.notify_one();
                None
            }
            Some(DataChannelEvent::OnClosing | DataChannelEvent::OnClose) | None => {
                Some(ChannelEvent::Closed("closed by the peer".to_owned()))
            }
            Some(DataChannelEvent::OnError) => {
                Some(ChannelEvent::Closed("the data channel failed".to_owned()))
            }
            Some(_) => None,
        }
    }

    async fn send_within(
        &self,
        message: BytesMut,
        window: usize,
        patience: Duration,
    ) -> Result<(), RtcError> {
        let channel = self.channel.borrow().clone().ok_or(RtcError::Ended)?;
        if self.window.replace(window) != window {
            // Some are still on their way when sending goes on, so that the path never runs empty.
            let low = u32::try_from(window / 4 * 3).unwrap_or(u32::MAX);
            channel.set_buffered_amount_low_threshold(low).await?;
        }
        let mut outstanding = usize::MAX;
        let mut since = Instant::now();
        let mut pause = FIRST_LOOK;
        loop {
            let left = channel.outstanding_bytes().await?;
            if left < outstanding {
                (outstanding, since, pause) = (left, Instant::now(), FIRST_LOOK);
            }
            if left < window || since.elapsed() >= patience {
                break;
            }
            let _ = tokio::time::timeout(pause, self.low.notified()).await;
            pause = (pause * 2).min(patience);
        }
        Ok(channel.send(message).await?)
    }

    async fn measure(&self) -> Option<Duration> {
        let report = self
            .connection
            .get_stats(Instant::now(), StatsSelector::None)
            .await;
        let used = report
            .candidate_pairs()
            .max_by_key(|pair| pair.bytes_sent)?;
        (used.current_round_trip_time > 0.0)
            .then(|| Duration::try_from_secs_f64(used.current_round_trip_time).ok())?
    }
}

impl Channel for PeerChannel {
    fn apply_answer<'a>(&'a self, sdp: &'a str) -> LocalBoxFuture<'a, Result<(), RtcError>> {
        async move {
            let answer = RTCSessionDescription::answer(self.described(sdp))?;
            Ok(self.connection.set_remote_description(answer).await?)
        }
        .boxed_local()
    }

    fn next(&self) -> LocalBoxFuture<'_, ChannelEvent> {
        async move {
            let event = async {
                loop {
                    let Some(channel) = self.channel().await else {
                        return ChannelEvent::Closed("no data channel".to_owned());
                    };
                    if let Some(event) = self.translate(channel.poll().await) {
                        return event;
                    }
                }
            };
            let lost = async {
                while !self.handler.lost.load(Ordering::Acquire) {
                    self.handler.state.notified().await;
                }
            };
            tokio::select! {
                biased;
                event = event => event,
                () = lost => ChannelEvent::Closed("the WebRTC connection was lost".to_owned()),
            }
        }
        .boxed_local()
    }

    fn try_next(&self) -> Option<ChannelEvent> {
        let channel = self.channel.borrow().clone()?;
        loop {
            let event = channel.poll().now_or_never()?;
            if let Some(event) = self.translate(event) {
                return Some(event);
            }
        }
    }

    fn send(
        &self,
        message: BytesMut,
        window: usize,
        patience: Duration,
    ) -> LocalBoxFuture<'_, Result<(), RtcError>> {
        self.send_within(message, window, patience).boxed_local()
    }

    fn unacknowledged(&self) -> LocalBoxFuture<'_, Result<usize, RtcError>> {
        async move {
            let channel = self.channel.borrow().clone().ok_or(RtcError::Ended)?;
            Ok(channel.outstanding_bytes().await?)
        }
        .boxed_local()
    }

    fn max_message(&self) -> usize {
        self.max_message.get()
    }

    fn round_trip(&self) -> LocalBoxFuture<'_, Option<Duration>> {
        self.measure().boxed_local()
    }

    fn close(&self) -> LocalBoxFuture<'_, ()> {
        async move {
            // It is over, however it goes.
            let _ = self.connection.close().await;
        }
        .boxed_local()
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        // Gathering ends with an empty candidate.
        if event.candidate.address.is_empty() {
            self.gathered.notify_one();
        } else if matches!(
            event.candidate.typ,
            RTCIceCandidateType::Srflx | RTCIceCandidateType::Relay
        ) {
            self.served.notify_one();
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if matches!(
            state,
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed
        ) {
            self.lost.store(true, Ordering::Release);
            self.state.notify_one();
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        // A peer that opens one channel after the other has more than it needs.
        let _ = self.channels.try_send(channel);
    }
}

fn settings(mdns: MulticastDnsMode, check_interval: Duration) -> SettingEngine {
    SettingEngineBuilder::new()
        .with_ice_connection_attempts(Some(check_interval), Some(MAX_CHECKS))
        .with_ice_timeouts(Some(DISCONNECTED_AFTER), Some(LOST_AFTER), Some(KEEP_ALIVE))
        .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(MAX_MESSAGE))
        .with_include_loopback_candidate(true)
        .with_multicast_dns_mode(mdns)
        .build()
}

/// The longest message that the writer of the SDP takes: `a=max-message-size`, where 0 means any.
fn max_message(sdp: &str) -> usize {
    match attribute(sdp, "max-message-size").and_then(|value| value.parse().ok()) {
        Some(0) => usize::MAX,
        Some(size) => size,
        None => DEFAULT_MAX_MESSAGE,
    }
}

/// The first value of an attribute in an SDP.
fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| {
        let value = line.trim().strip_prefix("a=")?.strip_prefix(name)?;
        Some(value.strip_prefix(':')?.trim())
    })
}
