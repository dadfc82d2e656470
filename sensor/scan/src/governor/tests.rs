//! One test for each refusal, and for what makes a host be left alone.

use fossick_parsers::{Carrier, PROTOCOLS};

use super::*;
use crate::rules::{Exclusions, Window};

const HOST: &str = "10.0.0.7";

/// A question of the tests' own, which is never sent.
const fn probe(carrier: Carrier, reach: Reach, safety: Safety) -> Probe {
    Probe {
        name: "test",
        asks: &[],
        carrier,
        reach,
        safety,
        steps: &[],
        frames: 10,
    }
}

static ROUTINE: Probe = probe(Carrier::Tcp(502), Reach::Host, Safety::Routine);
static INTRUSIVE: Probe = probe(Carrier::Tcp(502), Reach::Host, Safety::Intrusive);
static PRINTER: Probe = probe(Carrier::Tcp(9100), Reach::Host, Safety::Routine);
static TWINCAT: Probe = probe(Carrier::Udp(48_899), Reach::Host, Safety::Routine);
static TO_ALL: Probe = probe(Carrier::Udp(47_808), Reach::Segment, Safety::Routine);

fn question(probe: &'static Probe, to: To) -> Question {
    Question {
        to,
        about: None,
        protocol: PROTOCOLS.iter().find(|p| p.name == "modbus").unwrap(),
        probe,
        settings: Settings::new(),
    }
}

fn host(text: &str) -> To {
    To::Host(text.parse().unwrap())
}

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

fn wanted() -> Known {
    Known {
        wanted: true,
        ..Known::default()
    }
}

fn rules() -> Rules {
    Rules {
        mode: Mode::OnRequest,
        allow: vec![network("10.0.0.0/24")],
        ..Rules::default()
    }
}

fn at(ms: u64) -> Now {
    Now {
        since: Duration::from_millis(ms),
        minute_of_week: 600,
    }
}

/// What a Governor of these rules says to a question.
fn refusal(rules: Rules, question: &Question, known: &Known) -> Option<Refusal> {
    Governor::new(rules).ask(question, known, at(0)).err()
}

fn routine() -> Question {
    question(&ROUTINE, host(HOST))
}

#[test]
fn what_is_allowed_and_wanted_may_be_asked() {
    assert_eq!(refusal(rules(), &routine(), &wanted()), None);
}

#[test]
fn nothing_is_asked_by_default() {
    let refused = refusal(Rules::default(), &routine(), &wanted());
    assert_eq!(refused, Some(Refusal::Off));
    let on = Rules {
        mode: Mode::OnRequest,
        ..Rules::default()
    };
    assert_eq!(
        refusal(on, &routine(), &wanted()),
        Some(Refusal::NotAllowed)
    );
}

#[test]
fn nothing_is_asked_after_a_stop() {
    let mut governor = Governor::new(rules());
    governor.stop();
    let refused = governor.ask(&routine(), &wanted(), at(0)).err();
    assert_eq!(refused, Some(Refusal::Stopped));
}

#[test]
fn on_request_means_that_somebody_asked() {
    let heard = Known {
        heard: true,
        ..Known::default()
    };
    let refused = refusal(rules(), &routine(), &heard);
    assert_eq!(refused, Some(Refusal::OnRequestOnly));
}

#[test]
fn gaps_are_filled_only_in_a_protocol_that_was_heard() {
    let fill = || Rules {
        mode: Mode::FillGaps,
        ..rules()
    };
    let refused = refusal(fill(), &routine(), &Known::default());
    assert_eq!(refused, Some(Refusal::NotHeard));
    let heard = Known {
        heard: true,
        ..Known::default()
    };
    assert_eq!(refusal(fill(), &routine(), &heard), None);
}

#[test]
fn nobody_is_asked_unless_allowed() {
    let other = question(&ROUTINE, host("10.0.1.7"));
    assert_eq!(
        refusal(rules(), &other, &wanted()),
        Some(Refusal::NotAllowed)
    );
}

#[test]
fn a_resolver_must_be_allowed_and_whoever_it_is_asked_about_as_well() {
    for (resolver, about, asked) in [
        ("10.0.0.53", "10.0.0.7", true),
        ("10.0.1.53", "10.0.0.7", false),
        ("10.0.0.53", "10.0.1.7", false),
    ] {
        let look_up = Question {
            about: Some(about.parse().unwrap()),
            ..question(&ROUTINE, host(resolver))
        };
        let refused = refusal(rules(), &look_up, &wanted());
        let expected = (!asked).then_some(Refusal::NotAllowed);
        assert_eq!(refused, expected, "{resolver} about {about}");
    }
}

#[test]
fn a_router_on_the_way_must_be_allowed_too() {
    let behind = |router: &str| Known {
        router: Some(router.parse().unwrap()),
        ..wanted()
    };
    let refused = refusal(rules(), &routine(), &behind("10.9.0.1"));
    let router = "10.9.0.1".parse().unwrap();
    assert_eq!(refused, Some(Refusal::RouterNotAllowed(router)));
    assert_eq!(refusal(rules(), &routine(), &behind("10.0.0.1")), None);
}

#[test]
fn many_are_asked_only_with_consent_for_the_whole_segment() {
    let to_all = question(&TO_ALL, To::Segment(network("10.0.0.0/24")));
    let refused = refusal(rules(), &to_all, &wanted());
    assert_eq!(refused, Some(Refusal::SegmentNotConsented));
    for (consented, asked) in [
        ("10.0.0.0/24", true),
        ("10.0.0.0/16", true),
        ("10.0.0.0/25", false),
        ("10.1.0.0/24", false),
    ] {
        let with = Rules {
            segments: vec![network(consented)],
            ..rules()
        };
        assert_eq!(
            refusal(with, &to_all, &wanted()).is_none(),
            asked,
            "{consented}"
        );
    }
    // Neither is a question to many put by way of one, nor one for one by way of many.
    let with = || Rules {
        segments: vec![network("10.0.0.0/24")],
        ..rules()
    };
    assert!(refusal(with(), &question(&TO_ALL, host(HOST)), &wanted()).is_some());
    let segment = To::Segment(network("10.0.0.0/24"));
    assert!(refusal(with(), &question(&ROUTINE, segment), &wanted()).is_some());
}

#[test]
fn a_group_is_no_host_whatever_the_list_says() {
    let with = || Rules {
        allow: vec![network("0.0.0.0/0"), network("::/0")],
        ..rules()
    };
    for group in ["224.0.0.251", "255.255.255.255", "0.0.0.0", "ff02::1", "::"] {
        let refused = refusal(with(), &question(&ROUTINE, host(group)), &wanted());
        assert_eq!(refused, Some(Refusal::SegmentNotConsented), "{group}");
    }
}

#[test]
fn exclusions_hold_by_address_zone_and_kind() {
    let plc = Kind::named("plc").unwrap();
    let exclude = Exclusions {
        networks: vec![network("10.0.0.7")],
        zones: vec!["safety".to_owned()],
        kinds: vec![plc],
    };
    let with = || Rules {
        exclude: exclude.clone(),
        ..rules()
    };
    let refused = refusal(with(), &routine(), &wanted());
    assert_eq!(refused, Some(Refusal::Excluded(Excluded::Address)));
    let other = question(&ROUTINE, host("10.0.0.8"));
    let zone = Known {
        zone: Some("safety".to_owned()),
        ..wanted()
    };
    let refused = refusal(with(), &other, &zone);
    assert_eq!(refused, Some(Refusal::Excluded(Excluded::Zone)));
    let kind = Known {
        kind: Some(plc),
        ..wanted()
    };
    let refused = refusal(with(), &other, &kind);
    assert_eq!(refused, Some(Refusal::Excluded(Excluded::Kind(plc))));
    assert_eq!(refusal(with(), &other, &wanted()), None);
}

#[test]
fn medical_devices_are_asked_only_where_their_very_address_is_allowed() {
    let pump = Kind::named("infusion-pump").unwrap();
    let known = Known {
        kind: Some(pump),
        ..wanted()
    };
    let refused = refusal(rules(), &routine(), &known);
    assert_eq!(refused, Some(Refusal::Excluded(Excluded::Medical(pump))));
    let named = Rules {
        allow: vec![network("10.0.0.0/24"), network(HOST)],
        ..rules()
    };
    assert_eq!(refusal(named, &routine(), &known), None);
}

#[test]
fn printers_and_twincat_are_never_touched() {
    for (probe, port) in [(&PRINTER, Port::Tcp(9100)), (&TWINCAT, Port::Udp(48_899))] {
        let refused = refusal(rules(), &question(probe, host(HOST)), &wanted());
        assert_eq!(refused, Some(Refusal::NeverTouched(port)));
    }
    let with = Rules {
        never_ports: vec![Port::Tcp(502)],
        ..rules()
    };
    let refused = refusal(with, &routine(), &wanted());
    assert_eq!(refused, Some(Refusal::NeverTouched(Port::Tcp(502))));
}

#[test]
fn a_device_that_the_world_knows_not_to_bear_it_is_not_touched_whoever_names_it() {
    let with = |ports: &[Port]| Known {
        marked: vec![Marked {
            row: "CVE-0000-0001: it falls over".into(),
            ports: ports.to_vec(),
        }],
        ..wanted()
    };
    let named = || Rules {
        allow: vec![network(HOST)],
        ..rules()
    };
    let refused = refusal(named(), &routine(), &with(&[])).unwrap();
    assert!(refused.is_of_host());
    assert_eq!(
        refused.to_string(),
        "it must not be touched: CVE-0000-0001: it falls over"
    );
    let refused = refusal(named(), &routine(), &with(&[Port::Tcp(502)])).unwrap();
    assert!(!refused.is_of_host(), "other ports are not meant");
    assert!(
        refused.to_string().contains("its port tcp/502"),
        "{refused}"
    );
    assert_eq!(
        refusal(
            named(),
            &routine(),
            &with(&[Port::Tcp(443), Port::Udp(502)])
        ),
        None
    );
}

#[test]
fn nothing_is_asked_outside_the_windows() {
    let night: Window = "mon-sun 22:00-04:00".parse().unwrap();
    let with = || Rules {
        windows: vec![night],
        ..rules()
    };
    let refused = refusal(with(), &routine(), &wanted());
    assert_eq!(refused, Some(Refusal::OutsideWindow));
    let now = Now {
        since: Duration::ZERO,
        minute_of_week: 23 * 60,
    };
    assert!(
        Governor::new(with())
            .ask(&routine(), &wanted(), now)
            .is_ok()
    );
}

#[test]
fn intrusive_questions_need_consent_by_name() {
    let intrusive = question(&INTRUSIVE, host(HOST));
    let refused = refusal(rules(), &intrusive, &wanted());
    assert_eq!(refused, Some(Refusal::NeedsConsent));
    let with = Rules {
        probes: vec!["modbus/test".to_owned()],
        ..rules()
    };
    assert_eq!(refusal(with, &intrusive, &wanted()), None);
}

/// A Governor that has asked, and the receipt.
fn asked(governor: &mut Governor, ms: u64) -> Receipt {
    governor.ask(&routine(), &wanted(), at(ms)).unwrap().spend()
}

#[test]
fn one_question_is_under_way_to_a_host() {
    let mut governor = Governor::new(rules());
    let receipt = asked(&mut governor, 0);
    for ms in [1, 60_000] {
        let refused = governor.ask(&routine(), &wanted(), at(ms)).err();
        assert_eq!(refused, Some(Refusal::InFlight));
    }
    governor.settle(
        &receipt,
        Outcome::Told(Duration::ZERO),
        Duration::from_mins(1),
    );
    assert!(governor.ask(&routine(), &wanted(), at(61_000)).is_ok());
}

#[test]
fn the_gap_begins_when_a_question_ends() {
    let mut governor = Governor::new(rules());
    let receipt = asked(&mut governor, 0);
    governor.settle(
        &receipt,
        Outcome::Told(Duration::ZERO),
        Duration::from_millis(700),
    );
    let refused = governor.ask(&routine(), &wanted(), at(1_600)).err();
    assert_eq!(refused, Some(Refusal::TooSoon(Duration::from_millis(100))));
    assert!(governor.ask(&routine(), &wanted(), at(1_700)).is_ok());
}

#[test]
fn after_a_closed_port_a_quarter_of_the_gap_is_enough() {
    let mut governor = Governor::new(rules());
    let receipt = asked(&mut governor, 0);
    governor.settle(&receipt, Outcome::Closed, Duration::ZERO);
    let refused = governor.ask(&routine(), &wanted(), at(249)).err();
    assert_eq!(refused, Some(Refusal::TooSoon(Duration::from_millis(1))));
    assert!(governor.ask(&routine(), &wanted(), at(250)).is_ok());
}

#[test]
fn all_hosts_together_get_no_more_frames_a_second_than_is_allowed() {
    let mut governor = Governor::new(rules());
    let mut frames = 0_u32;
    for ms in 0..10_000 {
        let to = host(&format!("10.0.0.{}", 1 + frames / 10 % 250));
        let receipt = match governor.ask(&question(&ROUTINE, to), &wanted(), at(ms)) {
            Ok(permit) => permit.spend(),
            Err(Refusal::RateReached(left)) => {
                assert!(
                    left <= Duration::from_millis(50),
                    "ten frames at 200 a second"
                );
                continue;
            }
            Err(other) => panic!("{other}"),
        };
        frames += 10;
        let told = Outcome::Told(Duration::ZERO);
        governor.settle(&receipt, told, Duration::from_millis(ms));
    }
    assert_eq!(frames, 2_000, "in ten seconds");
}

#[test]
fn whoever_has_trouble_is_left_alone_twice_as_long_each_time() {
    for trouble in [
        Outcome::Mute,
        Outcome::Reset,
        Outcome::Endless,
        Outcome::Unhelpful(Duration::ZERO),
    ] {
        let mut governor = Governor::new(rules());
        let mut now = 0;
        for pause in [1_000, 2_000, 4_000] {
            let receipt = asked(&mut governor, now);
            governor.settle(&receipt, trouble, Duration::from_millis(now));
            let refused = governor
                .ask(&routine(), &wanted(), at(now + pause - 1))
                .err();
            let left = Duration::from_millis(1);
            // The gap comes before, and is as long as the first pause.
            let expected = if pause == 1_000 {
                Refusal::TooSoon(left)
            } else {
                Refusal::BackingOff(left)
            };
            assert_eq!(refused, Some(expected), "{trouble}");
            now += pause;
        }
        let receipt = asked(&mut governor, now);
        governor.settle(&receipt, trouble, Duration::from_millis(now));
        let refused = governor
            .ask(&routine(), &wanted(), at(now + 10_000_000))
            .err();
        assert_eq!(refused, Some(Refusal::GivenUp), "{trouble}");
    }
}

#[test]
fn silence_is_no_trouble_however_often() {
    let mut governor = Governor::new(rules());
    for (n, outcome) in [Outcome::Silent, Outcome::Unopened, Outcome::Closed]
        .into_iter()
        .cycle()
        .take(60)
        .enumerate()
    {
        let now = 1_000 * n as u64;
        let receipt = asked(&mut governor, now);
        governor.settle(&receipt, outcome, Duration::from_millis(now));
    }
}

#[test]
fn a_port_that_accepted_connections_and_does_so_no_more_is_trouble() {
    for outcome in [Outcome::Unopened, Outcome::Closed] {
        let mut governor = Governor::new(rules());
        let receipt = asked(&mut governor, 0);
        let told = Outcome::Told(Duration::ZERO);
        governor.settle(&receipt, told, Duration::ZERO);
        let receipt = asked(&mut governor, 1_000);
        governor.settle(&receipt, outcome, Duration::from_secs(1));
        let refused = governor.ask(&routine(), &wanted(), at(1_600)).err();
        let left = Duration::from_millis(400);
        assert_eq!(refused, Some(Refusal::BackingOff(left)), "{outcome}");
    }
}

#[test]
fn a_clearly_slower_answer_is_trouble_and_a_good_one_ends_it() {
    let mut governor = Governor::new(rules());
    let mut now = 0;
    let answer = |governor: &mut Governor, took: u64, now: u64| {
        let receipt = asked(governor, now);
        let took = Outcome::Told(Duration::from_millis(took));
        governor.settle(&receipt, took, Duration::from_millis(now));
    };
    for took in [10, 12, 9] {
        answer(&mut governor, took, now);
        now += 1_000;
    }
    answer(&mut governor, 150, now);
    answer(&mut governor, 10, now + 1_000);
    now += 2_000;
    // Twice in a row.
    answer(&mut governor, 150, now);
    answer(&mut governor, 150, now + 1_000);
    now += 1_000;
    let refused = governor.ask(&routine(), &wanted(), at(now + 1_500)).err();
    assert_eq!(
        refused,
        Some(Refusal::BackingOff(Duration::from_millis(500)))
    );
    answer(&mut governor, 10, now + 2_000);
    assert!(governor.ask(&routine(), &wanted(), at(now + 3_000)).is_ok());
}

#[test]
fn whoever_was_disturbed_is_asked_nothing_more() {
    let mut governor = Governor::new(rules());
    let receipt = asked(&mut governor, 0);
    governor.disturbed(HOST.parse().unwrap());
    governor.settle(&receipt, Outcome::Told(Duration::ZERO), Duration::ZERO);
    let refused = governor.ask(&routine(), &wanted(), at(3_600_000)).err();
    assert_eq!(refused, Some(Refusal::Disturbed));
}

#[test]
fn no_more_hosts_are_asked_than_are_remembered() {
    let with = Rules {
        allow: vec![network("10.0.0.0/8")],
        rate: u32::MAX,
        ..rules()
    };
    let mut governor = Governor::new(with);
    let mut ask = |n: usize| {
        let n = u32::try_from(n).unwrap();
        let to = To::Host(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into());
        governor
            .ask(&question(&ROUTINE, to), &wanted(), at(u64::from(n)))
            .err()
    };
    for n in 0..HOSTS {
        assert_eq!(ask(n), None);
    }
    assert_eq!(ask(HOSTS), Some(Refusal::TooManyHosts));
}
