//! The tables in `tests/data`: versions and ranges, spellings of products.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use fossick_risk::advisory::Entry;
use fossick_risk::names::{Fit, Names};
use fossick_risk::versions::{Answer, Range};

fn rows(text: &'static str, columns: usize) -> Vec<Vec<&'static str>> {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split('\t').collect()).collect();
    for row in &rows {
        assert_eq!(row.len(), columns, "{row:?}");
    }
    rows
}

#[test]
fn versions_are_in_their_ranges() {
    let mut wrong = Vec::new();
    for row in rows(include_str!("data/versions.tsv"), 3) {
        let answer = Range::read(row[0]).holds(Some(row[1]));
        let said = match answer {
            Answer::Yes => "yes",
            Answer::No => "no",
            Answer::Unknown(_) => "unknown",
        };
        if said != row[2] {
            wrong.push(format!(
                "{:?} and {:?}: {answer:?}, not {} ({:?})",
                row[0],
                row[1],
                row[2],
                Range::read(row[0])
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn products_are_known_however_they_are_spelt() {
    let names = Names::built_in();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for row in rows(include_str!("data/spellings.tsv"), 7) {
        count += 1;
        let order = Some(row[2]).filter(|order| !order.is_empty());
        let products: Vec<&str> = Some(row[1])
            .into_iter()
            .filter(|product| !product.is_empty())
            .collect();
        let subject = names.subject(row[0], &products, order);
        let orders = row[5].split_whitespace().map(str::to_owned).collect();
        let entry = Entry {
            vendor: row[3].to_owned(),
            name: row[4].to_owned(),
            orders,
            ..Entry::default()
        };
        let fit = names.fit(&subject, &names.pattern(&entry));
        let said = match fit {
            Fit::Same { .. } => "yes",
            Fit::Perhaps(_) => "perhaps",
            Fit::No => "no",
        };
        if said != row[6] {
            wrong.push(format!(
                "{} {} {} | {} | {}: {fit:?}, not {}",
                row[0], row[1], row[2], row[3], row[4], row[6]
            ));
        }
    }
    assert!(count >= 60);
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
