//! A DNS server for one name, with the truncation that makes resolvers ask again over TCP.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use simple_dns::rdata::{A, AAAA, RData};
use simple_dns::{CLASS, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// The longest answer over UDP to a question without EDNS (RFC 1035 section 4.2.1).
const UDP: usize = 512;

/// What the server knows and has seen.
#[derive(Default)]
struct Zone {
    addresses: BTreeSet<IpAddr>,
    fails: bool,
    over_tcp: usize,
}

/// A listening DNS server.
pub(crate) struct Dns {
    name: &'static str,
    zone: Arc<Mutex<Zone>>,
    _tasks: JoinSet<()>,
}

impl Dns {
    /// Listens on port 53 of an address and knows `name`, without addresses.
    pub(crate) async fn start(address: &str, name: &'static str) -> anyhow::Result<Self> {
        let zone = Arc::new(Mutex::new(Zone::default()));
        let mut tasks = JoinSet::new();
        let socket = UdpSocket::bind((address, 53)).await?;
        let udp = Arc::clone(&zone);
        tasks.spawn(async move {
            let mut buffer = [0; UDP];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let question = buffer.get(..length).unwrap_or_default();
                if let Some(answer) = answer(&udp, name, question, UDP) {
                    let _ = socket.send_to(&answer, peer).await;
                }
            }
        });
        let listener = TcpListener::bind((address, 53)).await?;
        let tcp = Arc::clone(&zone);
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A resolver that goes away is not a failure of the test.
                let _ = converse(&tcp, name, stream).await;
            }
        });
        Ok(Self {
            name,
            zone,
            _tasks: tasks,
        })
    }

    /// Replaces the addresses of the name; without any it does not exist.
    pub(crate) fn publish(&self, addresses: impl IntoIterator<Item = IpAddr>) {
        lock(&self.zone).addresses = addresses.into_iter().collect();
    }

    /// Answers from now on that the server fails, or again the truth.
    pub(crate) fn fails(&self, fails: bool) {
        lock(&self.zone).fails = fails;
    }

    /// Returns how many questions came over TCP.
    pub(crate) fn over_tcp(&self) -> usize {
        lock(&self.zone).over_tcp
    }

    /// Returns the value for `--envoy`.
    pub(crate) fn url(&self, port: u16) -> String {
        format!("dns+http://{}:{port}", self.name)
    }
}

/// Answers the questions of one connection, each with its length before it.
async fn converse(zone: &Mutex<Zone>, name: &str, mut stream: TcpStream) -> std::io::Result<()> {
    loop {
        let mut question = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut question).await?;
        lock(zone).over_tcp += 1;
        let answer = answer(zone, name, &question, usize::from(u16::MAX)).unwrap_or_default();
        stream
            .write_u16(answer.len().try_into().unwrap_or_default())
            .await?;
        stream.write_all(&answer).await?;
    }
}

fn answer(zone: &Mutex<Zone>, name: &str, question: &[u8], limit: usize) -> Option<Vec<u8>> {
    let asked = Packet::parse(question).ok()?;
    let question = asked.questions.first()?.clone();
    let zone = lock(zone);
    let mut reply = Packet::new_reply(asked.id());
    reply.set_flags(PacketFlag::RECURSION_DESIRED | PacketFlag::RECURSION_AVAILABLE);
    if zone.fails {
        *reply.rcode_mut() = RCODE::ServerFailure;
    } else if question.qname.to_string() != name || zone.addresses.is_empty() {
        *reply.rcode_mut() = RCODE::NameError;
    }
    if reply.rcode() == RCODE::NoError {
        let record = |address: &IpAddr| {
            let data = match (address, question.qtype) {
                (IpAddr::V4(address), QTYPE::TYPE(TYPE::A)) => RData::A(A {
                    address: (*address).into(),
                }),
                (IpAddr::V6(address), QTYPE::TYPE(TYPE::AAAA)) => RData::AAAA(AAAA {
                    address: (*address).into(),
                }),
                _ => return None,
            };
            Some(ResourceRecord::new(
                question.qname.clone(),
                CLASS::IN,
                1,
                data,
            ))
        };
        reply.answers = zone.addresses.iter().filter_map(record).collect();
    }
    reply.questions.push(question.clone());
    let bytes = reply.build_bytes_vec_compressed().ok()?;
    if bytes.len() <= limit {
        return Some(bytes);
    }
    reply.answers.clear();
    reply.set_flags(PacketFlag::TRUNCATION);
    reply.build_bytes_vec_compressed().ok()
}

fn lock(zone: &Mutex<Zone>) -> MutexGuard<'_, Zone> {
    zone.lock().unwrap_or_else(PoisonError::into_inner)
}
