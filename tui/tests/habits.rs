//! What keys do.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

mod world;

use std::collections::BTreeMap;

use fossick_model::{Order, Reply, Request};
use fossick_tui::{Abilities, Command, Event, Export, Keymap, Link, State, Theme, update, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use world::{happen, press, start};

fn shown(state: &State) -> String {
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
    terminal.draw(|frame| view(state, frame)).unwrap();
    terminal.backend().to_string()
}

fn plain() -> State {
    start((120, 40), Theme::Plain)
}

/// Presses keys and lets nothing be answered; the orders that are given.
fn orders(state: &mut State, keys: &str) -> Vec<(String, Order)> {
    let mut given = Vec::new();
    for key in keys.split_whitespace() {
        for command in update(state, Event::Key(key.parse().unwrap())) {
            if let Command::Ask(asked) = command
                && let Request::Order { asset, order } = asked.request
            {
                given.push((asset, order));
            }
        }
    }
    given
}

#[test]
fn what_changes_state_takes_two_presses_and_names_what_it_is_about() {
    let mut state = plain();
    press(&mut state, "3");
    assert!(orders(&mut state, "a").is_empty());
    assert!(shown(&state).contains("a again: acknowledge"));
    // Another key is a no.
    assert!(orders(&mut state, "j a").is_empty());
    let given = orders(&mut state, "a");
    assert!(
        matches!(given.as_slice(), [(_, Order::AcknowledgeFinding { .. })]),
        "{given:?}"
    );
}

#[test]
fn an_order_is_about_the_line_that_was_asked_about_although_others_came_before_it() {
    let mut state = plain();
    press(&mut state, "3 a");
    let named = shown(&state);
    let label = world::finding_row(0).label;
    assert!(named.contains(&label));
    happen(&mut state, Event::Wheel { down: true });
    let given = orders(&mut state, "a");
    assert_eq!(
        given.first().map(|(asset, _)| asset.clone()),
        Some(world::row(0).id)
    );
}

#[test]
fn the_cursor_stays_on_its_line_while_others_come_before_it() {
    let mut state = plain();
    press(&mut state, "8 j j");
    let on = |state: &State| {
        let text = shown(state);
        let line = text.lines().find(|line| line.starts_with("\">"));
        line.map(ToOwned::to_owned)
    };
    let before = on(&state);
    assert!(before.is_some());
    // The journal is asked for anew, and three entries came.
    for command in update(&mut state, Event::Key("1".parse().unwrap()))
        .into_iter()
        .chain(update(&mut state, Event::Key("8".parse().unwrap())))
    {
        let Command::Ask(asked) = command else {
            continue;
        };
        let reply = match (world::reply(&asked.request), &asked.request) {
            (Reply::Recent { total, mut rows }, Request::Recent { .. }) => {
                let mut newer = rows[..3].to_vec();
                for told in &mut newer {
                    told.change.seq += 1000;
                }
                newer.append(&mut rows);
                Reply::Recent {
                    total: total + 3,
                    rows: newer,
                }
            }
            (reply, _) => reply,
        };
        let (slot, serial) = (asked.slot, asked.serial);
        let reply = Box::new(reply);
        update(
            &mut state,
            Event::Answer {
                slot,
                serial,
                reply,
            },
        );
    }
    assert!(shown(&state).contains("6 of"), "{}", shown(&state));
    assert_eq!(on(&state), before);
}

#[test]
fn an_annotation_is_taken_back() {
    let mut state = plain();
    press(&mut state, "2 j j m");
    press(&mut state, "ctrl-u x enter");
    let given = orders(&mut state, "u");
    let before = Order::Annotate {
        note: Some("leased until May".to_owned()),
    };
    assert_eq!(given, [(world::row(2).id, before)]);
}

#[test]
fn the_mouse_does_what_keys_do() {
    let mut state = plain();
    let click = |state: &mut State, column, row| happen(state, Event::Click { column, row });
    // A screen's name, at the top.
    let top = shown(&state);
    let names = top.lines().next().unwrap();
    let at = u16::try_from(names.find("2 Assets").unwrap()).unwrap();
    click(&mut state, at, 0);
    assert!(shown(&state).contains("1 of 500"));
    // A line, and once more: what the cursor is on is copied.
    assert!(click(&mut state, 3, 5).is_empty());
    assert!(shown(&state).contains("3 of 500"));
    assert_eq!(
        click(&mut state, 3, 5),
        [Command::Copy(world::row(2).address)]
    );
    // The title of a column.
    let at = shown(&state).lines().nth(2).unwrap().find("NAME").unwrap();
    click(&mut state, u16::try_from(at).unwrap(), 2);
    assert!(shown(&state).contains("sorted by name"));
    happen(&mut state, Event::Wheel { down: true });
    assert!(shown(&state).contains("6 of 500"), "{}", shown(&state));
}

#[test]
fn a_filter_works_while_it_is_written_and_a_wrong_one_is_not_sent() {
    let mut state = plain();
    press(&mut state, "2");
    press(&mut state, "/ v e n d o r : s");
    assert!(shown(&state).contains("1 of 1"), "{}", shown(&state));
    press(&mut state, "esc");
    assert!(shown(&state).contains("of 500"));
    press(&mut state, "/ v e n d r : s enter");
    let text = shown(&state);
    assert!(text.contains("did you mean `vendor`"), "{text}");
    assert!(text.contains("of 500"));
}

#[test]
fn only_what_is_shown_is_asked_for() {
    let mut state = plain();
    press(&mut state, "2");
    let asked = update(&mut state, Event::Key("G".parse().unwrap()));
    let windows = asked.iter().filter_map(|command| match command {
        Command::Ask(asked) => match &asked.request {
            Request::Rows { offset, limit, .. } => Some((*offset, *limit)),
            _ => None,
        },
        _ => None,
    });
    let windows: Vec<_> = windows.collect();
    assert_eq!(windows.len(), 1);
    let (offset, limit) = windows[0];
    assert!(offset > 400 && limit <= 120, "{windows:?}");
}

#[test]
fn keys_answer_while_an_answer_is_awaited_and_when_the_sensor_is_gone() {
    let mut state = plain();
    press(&mut state, "2");
    update(
        &mut state,
        Event::Link(Link::Down("no sensor answers".to_owned())),
    );
    assert!(shown(&state).contains("NO ANSWER: no sensor answers"));
    for key in ["j", "3", "?", "?", "2", "G"] {
        assert!(
            update(&mut state, Event::Key(key.parse().unwrap())).is_empty(),
            "nobody is asked while nobody is there"
        );
    }
    let asked = update(&mut state, Event::Link(Link::Up));
    assert!(asked.iter().any(|command| matches!(command, Command::Ask(asked) if matches!(asked.request, Request::Rows { .. }))));
    assert!(!shown(&state).contains("NO ANSWER"));
}

#[test]
fn the_help_is_what_can_be_done_now() {
    let mut state = plain();
    press(&mut state, "9 ?");
    let sensor = shown(&state);
    assert!(
        sensor.contains("Find text on this page") && !sensor.contains("Call the asset something"),
        "{sensor}"
    );
    press(&mut state, "2");
    assert!(shown(&state).contains("Call the asset something"));
    // Of captures nothing is ordered.
    let mut state = State::new(
        (120, 40),
        "a.pcap",
        Abilities::default(),
        Theme::Plain,
        Keymap::default(),
    );
    happen(&mut state, Event::Link(Link::Up));
    press(&mut state, "2 ?");
    assert!(!shown(&state).contains("Call the asset something"));
}

#[test]
fn a_key_that_is_bound_anew_does_it_and_the_help_says_so() {
    let bound = BTreeMap::from([("assets".to_owned(), vec!["ctrl-o".to_owned()])]);
    let keymap = Keymap::with(&bound).unwrap();
    let mut state = State::new(
        (120, 40),
        "",
        Abilities {
            live: true,
            orders: true,
            scans: false,
        },
        Theme::Plain,
        keymap,
    );
    happen(&mut state, Event::Link(Link::Up));
    press(&mut state, "2");
    assert!(!shown(&state).contains("of 500"));
    press(&mut state, "ctrl-o");
    assert!(shown(&state).contains("of 500"));
}

#[test]
fn masked_screens_hold_no_name_and_no_address() {
    let mut state = plain();
    press(&mut state, "p");
    for keys in [
        "1", "2", "3", "4", "5", "6", "7 v", "8", "2 enter", "4 e", "6 enter",
    ] {
        press(&mut state, keys);
        let text = shown(&state);
        for secret in ["CT-CONSOLE", "10.20.0", "影像", "00:1b:1b"] {
            assert!(!text.contains(secret), "{keys}: {secret}\n{text}");
        }
    }
}

#[test]
fn evidence_is_written_and_lists_are_exported_by_the_name_of_the_file() {
    let mut state = plain();
    let left = press(&mut state, "4 e w enter");
    assert!(
        matches!(left.as_slice(), [Command::Export { path, what: Export::Packet(..) }] if path.ends_with("frame-9.pcapng")),
        "{left:?}"
    );
    let left = press(&mut state, "2 x enter");
    assert!(
        matches!(
            left.as_slice(),
            [Command::Export {
                what: Export::List(Request::Rows { .. }),
                ..
            }]
        ),
        "{left:?}"
    );
    let left = press(&mut state, "2 y");
    assert_eq!(left, [Command::Copy(world::row(0).address)]);
}

#[test]
fn a_control_goes_step_by_step_and_a_short_baseline_is_accepted_only_when_asked_again() {
    let mut state = plain();
    press(&mut state, "6 j j");
    let asked = orders(&mut state, "c c");
    let [(asset, Order::Control { control })] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    assert!(
        matches!(
            **control,
            fossick_model::Step::Propose {
                from_little: false,
                ..
            }
        ),
        "{asset}"
    );
    let why = "it was heard in 1 of the 24 hours: listen longer, or accept it with --from-little"
        .to_owned();
    refuse(&mut state, why);
    assert!(
        shown(&state).contains("press c twice to accept that it was heard in 1 of the 24 hours")
    );
    let asked = orders(&mut state, "c c");
    let [(_, Order::Control { control })] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    assert!(matches!(
        **control,
        fossick_model::Step::Propose {
            from_little: true,
            ..
        }
    ));
}

/// The order under way is refused: its serial is the highest so far.
fn refuse(state: &mut State, why: String) {
    let reply = Reply::Refused {
        why,
        position: None,
    };
    for serial in 0..10_000 {
        update(
            state,
            Event::Answer {
                slot: fossick_tui::Slot::Order,
                serial,
                reply: Box::new(reply.clone()),
            },
        );
    }
}

#[test]
fn a_device_is_asked_after_its_plan_and_a_typed_word_alone() {
    let mut state = plain();
    let asked = |left: &[Command]| -> Vec<(String, bool)> {
        let scans = left.iter().filter_map(|command| match command {
            Command::Scan { target, send } => Some((target.clone(), *send)),
            _ => None,
        });
        scans.collect()
    };
    let address = world::row(0).address;
    let left = press(&mut state, "2 i");
    assert_eq!(asked(&left), [(address.clone(), false)]);
    // Nothing more happens until the plan is there.
    assert!(press(&mut state, "i i").is_empty());
    happen(&mut state, Event::Scanned(Ok(world::PLAN.to_owned())));
    assert!(shown(&state).contains("nothing is sent yet"));
    for not in ["i enter", "i y enter", "i a s k esc", "i i"] {
        assert!(asked(&press(&mut state, not)).is_empty(), "{not}");
        press(&mut state, "esc");
        press(&mut state, "2 i");
        happen(&mut state, Event::Scanned(Ok(world::PLAN.to_owned())));
    }
    let left = press(&mut state, "i a s k enter");
    assert_eq!(asked(&left), [(address.clone(), true)]);
    // It goes on behind another screen, is seen there, and can be stopped.
    press(&mut state, "4");
    assert!(shown(&state).contains(&format!("ASKING {address}")));
    assert_eq!(press(&mut state, "X"), [Command::StopScan]);
    let why = "stopped before everything was asked".to_owned();
    happen(&mut state, Event::Scanned(Err(why)));
    assert!(!shown(&state).contains("ASKING"));
    // Where nothing may be sent from here, nothing says that it could be.
    let mut state = State::new(
        (120, 40),
        "",
        Abilities {
            live: true,
            orders: true,
            scans: false,
        },
        Theme::Plain,
        Keymap::default(),
    );
    happen(&mut state, Event::Link(Link::Up));
    assert!(press(&mut state, "2 i").is_empty());
    assert!(!shown(&state).contains("ask it"));
}

#[test]
fn three_questions_take_six_keys_at_most() {
    let mut state = plain();
    press(&mut state, "4");
    let text = shown(&state);
    assert!(
        text.contains("end of support") && text.contains("CONTROL"),
        "{text}"
    );
    press(&mut state, "1 j j j j enter");
    assert!(shown(&state).contains("first<24h"));
    press(&mut state, "4 e");
    let text = shown(&state);
    assert!(text.contains("Windows XP") && text.contains('»'), "{text}");
}
