//! Many hosts, side by side: one thread decides, a few put the questions.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use fossick_parsers::Carrier;

use crate::ask;
use crate::governor::{Governor, Known, Now, Outcome, Permit, Question, Refusal, Spent, To};
use crate::interface::Interface;
use crate::plan::Planned;
use crate::rules::Port;
use crate::stop::{LOOK, Stop};

/// Questions under way at once, to as many hosts.
pub const IN_FLIGHT: usize = 32;

/// What happens to a question.
#[derive(Debug)]
pub enum Event<'a> {
    /// It was put.
    Asked(&'a Spent),
    /// It is not asked, and so many others of the same host for the same reason.
    Refused(&'a Question, Refusal, usize),
    /// It need not be asked: what it would tell is known by now, or nobody listens there.
    Dropped(&'a Question),
    /// The host does not answer on its link: nothing else is asked of it.
    Absent(IpAddr),
}

/// Whoever has the questions put: says what is known, and is told what happens.
pub trait Desk {
    /// What is known of the host that a question is for.
    fn known(&mut self, question: &Question) -> Known;
    /// Whether something that it would tell is still missing.
    fn is_missing(&mut self, question: &Planned) -> bool;
    /// Minute of the week, Monday 00:00 being 0, in the site's time.
    fn minute_of_week(&mut self) -> u16;
    /// Hosts whose own traffic was disturbed since this was asked last.
    fn disturbed(&mut self) -> Vec<IpAddr>;
    /// Something happened.
    fn happened(&mut self, event: Event<'_>);
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Nothing is left to ask.
    Asked,
    /// It was stopped.
    Stopped,
}

/// What is to be asked of one host, in order.
struct List {
    to: To,
    questions: VecDeque<Planned>,
    in_flight: bool,
    /// Not before.
    next: Duration,
}

/// Puts questions until none is left.
#[derive(Debug)]
pub struct Session<'a> {
    /// Who decides.
    pub governor: &'a mut Governor,
    /// From where.
    pub interface: &'a Interface,
    /// What ends it.
    pub stop: &'a Stop,
    /// Since when time is counted: the Governor's.
    pub begun: Instant,
}

impl Session<'_> {
    /// Puts all of these questions, those of one host in order.
    pub fn run(&mut self, plan: Vec<(To, Vec<Planned>)>, desk: &mut dyn Desk) -> Done {
        let lists = plan.into_iter().map(|(to, questions)| List {
            to,
            questions: questions.into(),
            in_flight: false,
            next: Duration::ZERO,
        });
        let mut lists: Vec<List> = lists.collect();
        let (permits, waiting) = sync_channel::<Permit>(IN_FLIGHT);
        let (done, spent) = sync_channel::<Spent>(IN_FLIGHT);
        let waiting = Mutex::new(waiting);
        let (interface, stop) = (self.interface, self.stop);
        let threads = lists.len().min(IN_FLIGHT);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (waiting, done) = (&waiting, done.clone());
                scope.spawn(move || put_all(waiting, &done, interface, stop));
            }
            let ended = self.decide(&mut lists, &permits, &spent, desk);
            drop(permits);
            ended
        })
    }

    fn decide(
        &mut self,
        lists: &mut Vec<List>,
        permits: &SyncSender<Permit>,
        spent: &Receiver<Spent>,
        desk: &mut dyn Desk,
    ) -> Done {
        let begun = self.begun;
        let mut under_way = 0_usize;
        let mut ended = Done::Asked;
        loop {
            if self.stop.is_set() && ended == Done::Asked {
                self.governor.stop();
                ended = Done::Stopped;
                lists.retain(|list| list.in_flight);
                for list in lists.iter_mut() {
                    list.questions.clear();
                }
            }
            for host in desk.disturbed() {
                self.governor.disturbed(host);
            }
            let now = Now {
                since: begun.elapsed(),
                minute_of_week: desk.minute_of_week(),
            };
            for list in lists.iter_mut() {
                if under_way < IN_FLIGHT
                    && let Some(permit) = self.next(list, now, desk)
                {
                    list.in_flight = true;
                    // There is room: no more are under way than it holds.
                    if permits.send(permit).is_err() {
                        return ended;
                    }
                    under_way = under_way.saturating_add(1);
                }
            }
            lists.retain(|list| list.in_flight || !list.questions.is_empty());
            if lists.is_empty() {
                return ended;
            }
            match spent.recv_timeout(LOOK.min(Duration::from_millis(5))) {
                Ok(spent) => {
                    under_way = under_way.saturating_sub(1);
                    let receipt = &spent.receipt;
                    self.governor
                        .settle(receipt, spent.outcome, begun.elapsed());
                    let to = receipt.question().to;
                    if let Some(list) = lists.iter_mut().find(|list| list.to == to) {
                        list.in_flight = false;
                        list.next = Duration::ZERO;
                        learn(list, &spent, desk);
                    }
                    desk.happened(Event::Asked(&spent));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return ended,
            }
        }
    }

    /// Leave for the next question of a host, if there is one that may be put now.
    fn next(&mut self, list: &mut List, now: Now, desk: &mut dyn Desk) -> Option<Permit> {
        if list.in_flight || now.since < list.next {
            return None;
        }
        while let Some(planned) = list.questions.front() {
            if !desk.is_missing(planned) {
                desk.happened(Event::Dropped(&planned.question));
                list.questions.pop_front();
                continue;
            }
            let question = &planned.question;
            let known = desk.known(question);
            match self.governor.ask(question, &known, now) {
                Ok(permit) => {
                    list.questions.pop_front();
                    return Some(permit);
                }
                Err(refusal) => {
                    if let Some(passes) = refusal.passes() {
                        list.next = now.since.saturating_add(passes);
                        return None;
                    }
                    let whole = refusal.is_of_host();
                    let rest = list.questions.len().saturating_sub(1);
                    let rest = if whole { rest } else { 0 };
                    desk.happened(Event::Refused(question, refusal, rest));
                    list.questions.pop_front();
                    if whole {
                        list.questions.clear();
                    }
                }
            }
        }
        None
    }
}

/// What the end of a question says of those that were to follow.
fn learn(list: &mut List, spent: &Spent, desk: &mut dyn Desk) {
    let probe = spent.receipt.question().probe;
    let on_link = matches!(probe.carrier, Carrier::EtherType(_));
    let silent = spent.outcome == Outcome::Silent && on_link;
    if (silent || spent.outcome == Outcome::Absent)
        && let To::Host(address) = list.to
    {
        list.questions.clear();
        desk.happened(Event::Absent(address));
    }
    if matches!(spent.outcome, Outcome::Closed | Outcome::Unopened)
        && let Some(port) = Port::of(probe.carrier)
    {
        list.questions.retain(|planned| {
            let stays = Port::of(planned.question.probe.carrier) != Some(port);
            if !stays {
                desk.happened(Event::Dropped(&planned.question));
            }
            stays
        });
    }
}

/// Spends permits as they come.
fn put_all(
    waiting: &Mutex<Receiver<Permit>>,
    done: &SyncSender<Spent>,
    interface: &Interface,
    stop: &Stop,
) {
    loop {
        let permit = match waiting.lock() {
            Ok(waiting) => waiting.recv(),
            Err(_) => return,
        };
        let Ok(permit) = permit else { return };
        if done.send(ask::put(permit, interface, stop)).is_err() {
            return;
        }
    }
}
