//! A directory that gives what slapd never does: parts of attributes, entries without a name.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a search gives: the result code, and entries with their attributes.
#[derive(Clone)]
pub(super) struct Reply {
    pub(super) code: u8,
    pub(super) entries: Vec<StubEntry>,
}

/// (name, attributes and their values)
pub(super) type StubEntry = (&'static str, Vec<(&'static str, Vec<&'static str>)>);

/// Serves searches by their number; the last reply is repeated. Binds succeed. Returns the port
/// and, as they come, the operations.
pub(super) async fn serve(replies: Vec<Reply>) -> (u16, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(connection(stream, replies.clone(), Arc::clone(&seen)));
        }
    });
    (port, requests)
}

async fn connection(mut stream: TcpStream, replies: Vec<Reply>, seen: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut searches = 0;
    while let Some(message) = message(&mut stream).await {
        // The message id, an INTEGER of one byte here, then the operation.
        let [2, 1, id, operation, ..] = *message.as_slice() else {
            return;
        };
        seen.lock().unwrap().push(message);
        let answer = match operation {
            0x60 => envelope(id, 0x61, &result(0)),
            0x63 => {
                let reply = replies.get(searches).or(replies.last()).unwrap();
                searches += 1;
                let entries = reply
                    .entries
                    .iter()
                    .map(|entry| envelope(id, 0x64, &encode(entry)));
                [
                    entries.collect::<Vec<_>>().concat(),
                    envelope(id, 0x65, &result(reply.code)),
                ]
                .concat()
            }
            _ => return,
        };
        stream.write_all(&answer).await.unwrap();
    }
}

/// The content of the next message; None at the end.
async fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await.ok()?;
    let length = match head[1] {
        0x81 => usize::from(stream.read_u8().await.ok()?),
        0x82 => usize::from(stream.read_u16().await.ok()?),
        short => usize::from(short),
    };
    let mut content = vec![0; length];
    stream.read_exact(&mut content).await.ok()?;
    Some(content)
}

fn envelope(id: u8, operation: u8, content: &[u8]) -> Vec<u8> {
    tlv(0x30, &[vec![2, 1, id], tlv(operation, content)].concat())
}

/// A result without a name and a text.
fn result(code: u8) -> Vec<u8> {
    vec![0x0a, 1, code, 4, 0, 4, 0]
}

fn encode((dn, attributes): &StubEntry) -> Vec<u8> {
    let attributes = attributes.iter().map(|(name, values)| {
        let values: Vec<_> = values
            .iter()
            .map(|value| tlv(4, value.as_bytes()))
            .collect();
        tlv(
            0x30,
            &[tlv(4, name.as_bytes()), tlv(0x31, &values.concat())].concat(),
        )
    });
    let attributes: Vec<_> = attributes.collect();
    [tlv(4, dn.as_bytes()), tlv(0x30, &attributes.concat())].concat()
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, length[0], length[1]], content].concat()
}
