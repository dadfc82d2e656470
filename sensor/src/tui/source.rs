//! Where answers come from: a thread that asks, one question after another, and connects again when the sensor was gone.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use fossick_model::{Reply, Request};
use fossick_tui::{Asked, Event, Export, Link};

use super::export;
use crate::client::{Sensor, Where};

/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(500);
/// A sensor that says nothing for so long is taken for gone.
const PATIENCE: Duration = Duration::from_mins(1);
/// Octets of the evidence of one asset.
const EVIDENCE: u64 = 64 << 20;

/// What the thread is asked to do.
pub enum Task {
    /// Ask this.
    Ask(Asked),
    /// Write this to a file.
    Export(String, Export),
}

/// Whoever answers.
pub trait Asker {
    /// Makes ready to ask.
    fn connect(&mut self) -> anyhow::Result<()>;
    /// Asks. A refusal is an answer; an error means that nobody is there.
    fn ask(&mut self, request: &Request) -> anyhow::Result<Reply>;
    /// The packets that prove what is known of an asset, as pcapng.
    fn evidence(&mut self, asset: &str) -> anyhow::Result<Vec<u8>>;
}

/// A running sensor.
pub struct Remote {
    at: Where,
    sensor: Option<Sensor>,
}

impl Remote {
    /// It is not connected to yet.
    pub fn new(at: Where) -> Remote {
        Remote { at, sensor: None }
    }

    fn sensor(&mut self) -> anyhow::Result<&mut Sensor> {
        self.sensor
            .as_mut()
            .ok_or_else(|| anyhow::anyhow!("no connection"))
    }
}

impl Asker for Remote {
    fn connect(&mut self) -> anyhow::Result<()> {
        self.sensor = None;
        let sensor = Sensor::connect(&self.at)?;
        sensor.patience(PATIENCE)?;
        self.sensor = Some(sensor);
        Ok(())
    }

    fn ask(&mut self, request: &Request) -> anyhow::Result<Reply> {
        let sensor = self.sensor()?;
        sensor.send(request)?;
        sensor.any_reply()
    }

    fn evidence(&mut self, asset: &str) -> anyhow::Result<Vec<u8>> {
        let sensor = self.sensor()?;
        match sensor.ask(&Request::Evidence {
            asset: asset.to_owned(),
        })? {
            Reply::Octets => sensor.octets(EVIDENCE),
            _ => Err(crate::client::unexpected()),
        }
    }
}

/// Does what it is asked until nobody asks any more.
pub fn work(mut asker: Box<dyn Asker>, todo: &Receiver<Task>, to: &SyncSender<Event>) {
    loop {
        let why = match asker.connect() {
            Ok(()) => {
                if to.send(Event::Link(Link::Up)).is_err() {
                    return;
                }
                match serve(asker.as_mut(), todo, to) {
                    Some(error) => format!("{error:#}"),
                    None => return,
                }
            }
            Err(error) => format!("{error:#}"),
        };
        if to.send(Event::Link(Link::Down(why))).is_err() {
            return;
        }
        // What was asked of the one that is gone is asked again when it is back.
        match todo.recv_timeout(RETRY) {
            Ok(_) => {
                while todo.try_recv().is_ok() {}
                std::thread::sleep(RETRY);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Answers until the source is gone, and why it is; nothing where nobody asks any more.
fn serve(
    asker: &mut dyn Asker,
    todo: &Receiver<Task>,
    to: &SyncSender<Event>,
) -> Option<anyhow::Error> {
    while let Ok(task) = todo.recv() {
        let event = match task {
            Task::Ask(Asked {
                slot,
                serial,
                request,
            }) => match asker.ask(&request) {
                Ok(reply) => Event::Answer {
                    slot,
                    serial,
                    reply: Box::new(reply),
                },
                Err(error) => return Some(error),
            },
            Task::Export(path, what) => {
                let written = export::write(asker, &path, &what);
                Event::Written(written.map_err(|error| format!("{error:#}")))
            }
        };
        if to.send(event).is_err() {
            return None;
        }
    }
    None
}
