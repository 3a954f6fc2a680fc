//! A network between a client and a server that can fall silent: connections stay open, and nothing comes through.
//!
//! What is not forwarded is kept from the one who waits for it, for as long as the proxy lives: connections that were silenced
//! stay silent, as behind a router that has forgotten them. Those that are made after [`Proxy::speak`] are forwarded again.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How much is read at once.
const CHUNK: usize = 64 * 1_024;

/// How a client takes leave, for which it waits for nothing.
const LEAVE: &[u8] = b"X\0\0\0\x04";

/// From whom bytes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// From the client to the server.
    Client,
    /// From the server to the client.
    Server,
}

/// What the network does with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// It swallows what the client says.
    OfClient,
    /// It swallows what the server says.
    OfServer,
    /// It swallows everything.
    OfBoth,
}

impl Silence {
    fn swallows(self, from: Side) -> bool {
        match self {
            Self::OfClient => from == Side::Client,
            Self::OfServer => from == Side::Server,
            Self::OfBoth => true,
        }
    }
}

/// When the network falls silent by itself.
#[derive(Debug, Clone)]
struct Trigger {
    /// When the client says this.
    says: &'static [u8],
    silence: Silence,
}

#[derive(Debug, Default)]
struct State {
    /// Counts how often the network spoke again: connections of before stay as they were.
    age: u64,
    silence: Option<(u64, Silence)>,
    trigger: Option<Trigger>,
    rewrites: Vec<(&'static [u8], &'static [u8])>,
    rewritten: u64,
    /// Connections so far.
    connections: u64,
    /// Those that were silenced, on which a client still spoke since the network last changed.
    in_vain: BTreeSet<u64>,
}

/// One connection: its number, and the age of the network at which it was made.
#[derive(Debug, Clone, Copy)]
struct Line {
    number: u64,
    made: u64,
}

#[derive(Debug, Default)]
struct Network(Mutex<State>);

impl Network {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self) -> Line {
        let mut state = self.state();
        state.connections = state.connections.saturating_add(1);
        Line {
            number: state.connections,
            made: state.age,
        }
    }

    /// What is forwarded of bytes on a connection; `None` when it is nothing, for ever.
    fn pass(&self, line: Line, from: Side, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let mut state = self.state();
        if from == Side::Client {
            let says = |says: &[u8]| bytes.windows(says.len()).any(|part| part == says);
            if let Some(trigger) = state.trigger.take_if(|trigger| says(trigger.says)) {
                state.silence = Some((state.age, trigger.silence));
            }
            for (what, instead) in state.rewrites.clone() {
                let count = rewrite(&mut bytes, what, instead);
                state.rewritten = state.rewritten.saturating_add(count);
            }
        }
        let is_silenced = |(age, _): &(u64, Silence)| line.made <= *age;
        let silence = state.silence.filter(is_silenced);
        if silence.is_some() && from == Side::Client && bytes != LEAVE {
            state.in_vain.insert(line.number);
        }
        match silence {
            Some((_, silence)) if silence.swallows(from) => None,
            _ => Some(bytes),
        }
    }
}

/// Puts bytes in the place of as many others; returns how often.
fn rewrite(bytes: &mut [u8], what: &[u8], instead: &[u8]) -> u64 {
    let places: Vec<usize> = bytes
        .windows(what.len())
        .enumerate()
        .filter_map(|(at, part)| (part == what).then_some(at))
        .collect();
    let mut count = 0_u64;
    for at in places {
        count = count.saturating_add(1);
        if let Some(place) = bytes.get_mut(at..at.saturating_add(instead.len())) {
            place.copy_from_slice(instead);
        }
    }
    count
}

/// A listener on a port of its own that forwards to another address.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    network: Arc<Network>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Starts to forward to the address that a URL names, on the runtime of the caller.
    ///
    /// # Errors
    /// The error of the system when there is no port, and for a URL without host and port.
    pub async fn start(url: &str) -> io::Result<Self> {
        let server: SocketAddr = place(url)
            .and_then(|place| place.parse().ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a URL has a place"))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let network = Arc::new(Network::default());
        let listening = tokio::spawn(listen(listener, server, Arc::clone(&network)));
        Ok(Self {
            port,
            network,
            listening,
        })
    }

    /// The URL of a server, by way of this proxy.
    #[must_use]
    pub fn url(&self, url: &str) -> String {
        let place = place(url).unwrap_or_default();
        url.replacen(place, &format!("127.0.0.1:{}", self.port), 1)
    }

    /// Falls silent, on connections that are open and on those that are made.
    pub fn silence(&self, silence: Silence) {
        let mut state = self.network.state();
        state.silence = Some((u64::MAX, silence));
    }

    /// Falls silent, on connections that are open only.
    pub fn forget(&self, silence: Silence) {
        let mut state = self.network.state();
        state.silence = Some((state.age, silence));
        state.age = state.age.saturating_add(1);
        state.in_vain.clear();
    }

    /// Falls silent once the client says this, before it is forwarded.
    pub fn silence_when_client_says(&self, says: &'static [u8], silence: Silence) {
        self.network.state().trigger = Some(Trigger { says, silence });
    }

    /// Whether it has fallen silent, and has not spoken since.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let state = self.network.state();
        state.silence.is_some_and(|(until, _)| until >= state.age)
    }

    /// Forwards again what is said on new connections.
    pub fn speak(&self) {
        let mut state = self.network.state();
        if let Some((_, silence)) = state.silence {
            state.silence = Some((state.age, silence));
        }
        state.age = state.age.saturating_add(1);
        state.trigger = None;
        state.in_vain.clear();
    }

    /// On how many connections that were silenced a client still spoke, since the network last spoke again or forgot them. To take
    /// leave is not to speak.
    #[must_use]
    pub fn spoken_in_vain(&self) -> usize {
        self.network.state().in_vain.len()
    }

    /// Puts other bytes in the place of what the client says.
    pub fn rewrite(&self, what: &'static [u8], instead: &'static [u8]) {
        assert_eq!(what.len(), instead.len(), "a message keeps its length");
        self.network.state().rewrites.push((what, instead));
    }

    /// How often something was put in the place of what the client said.
    #[must_use]
    pub fn rewritten(&self) -> u64 {
        self.network.state().rewritten
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Host and port in a URL.
fn place(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let place = rest.split('/').next()?;
    Some(place.rsplit('@').next().unwrap_or(place))
}

async fn listen(listener: TcpListener, server: SocketAddr, network: Arc<Network>) {
    while let Ok((client, _)) = listener.accept().await {
        let network = Arc::clone(&network);
        tokio::spawn(async move {
            let line = network.line();
            let Ok(server) = TcpStream::connect(server).await else {
                return;
            };
            // Small messages are not kept back for later ones.
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let asks = forward(&network, line, Side::Client, from_client, to_server);
            let answers = forward(&network, line, Side::Server, from_server, to_client);
            tokio::join!(asks, answers);
        });
    }
}

/// Forwards what one side says, and that it ends; a side that was silenced is read on and says nothing.
async fn forward(
    network: &Network,
    line: Line,
    from: Side,
    mut speaker: OwnedReadHalf,
    mut listener: OwnedWriteHalf,
) {
    let mut buffer = vec![0; CHUNK];
    let mut is_silent = false;
    while let Ok(read) = speaker.read(&mut buffer).await {
        let bytes = buffer.get(..read).unwrap_or_default().to_vec();
        if read == 0 {
            break;
        }
        match network.pass(line, from, bytes) {
            Some(bytes) if !is_silent => {
                if listener.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            _ => is_silent = true,
        }
    }
    if is_silent {
        // Not even the end is told.
        std::future::pending::<()>().await;
    }
}
