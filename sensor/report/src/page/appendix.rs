//! Every asset: what is concluded of it, from which words, in which packet.

use std::io;

use fossick_model::{Asset, Transport};
use maud::{Markup, PreEscaped, html};

use super::{Page, head, nothing, packet, short, shown, table, time, title_of, what, words};
use super::{number, priority};
use crate::Report;
use crate::figures::{Figures, Listed};
use crate::page::risks::{about, control_of, quoted, verdict};

/// Findings of an asset that are listed.
const MOST_FINDINGS: usize = 100;
/// Services of an asset that are listed.
const MOST_SERVICES: usize = 100;
/// Facts of an asset that are listed; the winners come first.
const MOST_FACTS: usize = 100;

pub fn write(report: &Report<'_>, figures: &Figures<'_>, page: &mut Page<'_>) -> io::Result<()> {
    page.put(&head("assets", title_of("assets")))?;
    if figures.listed.is_empty() {
        return page.put(&nothing("No assets were found."));
    }
    page.put(&html! {
        p { "Of each attribute the surest conclusion comes first and is marked ✓; what speaks for something else stays beside it." }
    })?;
    let whole = figures.listed.iter().filter(|one| one.whole);
    let more = figures.listed.len().saturating_sub(whole.clone().count());
    if more > 0 {
        page.put(&html! {
            p.warning { "⚠ " (more) " assets are left out here: shown are those with the most urgent findings. "
                code { "fossick report --format csv" } " has a row for each asset, " code { "--format json" } " everything, and " code { "fossick asset ADDRESS" } " everything of one." }
        })?;
    }
    for one in whole {
        page.put(&article(report, figures, one))?;
    }
    Ok(())
}

fn article(report: &Report<'_>, figures: &Figures<'_>, one: &Listed<'_>) -> Markup {
    let asset = one.asset;
    let inner = html! {
        h3 { (short(&one.label())) }
        p { (what(one)) }
        dl.facts {
            @if let Some(addresses) = &asset.addresses {
                @let ips = asset.ips().iter().map(ToString::to_string).chain(addresses.mac.iter().cloned()).collect::<Vec<_>>();
                div { dt { "Addresses" } dd { (short(&ips.join(", "))) } }
            }
            @if let Some(path) = &asset.path { div { dt { "Behind its host as" } dd { (short(path)) } } }
            div { dt { "Zone" } dd { (short(figures.zone(one.zone))) } }
            div { dt { "Heard" } dd { (time(asset.first_seen)) " to " (time(asset.last_seen)) } }
            @if !asset.protocols.is_empty() { div { dt { "Speaks" } dd { (short(&asset.protocols.join(", "))) } } }
            @if !asset.visibility.is_empty() { div { dt { "Seen in part" } dd { (short(&asset.visibility.join(", "))) } } }
            @if one.control.is_some() { div { dt { "Control" } dd { (control_of(one.control)) } } }
            div { dt { "Id" } dd { (short(&asset.id)) } }
        }
        (facts(asset))
        (services(asset))
        (findings(report, asset))
    };
    // A device behind a host stands indented below it.
    let tag = if one.host.is_some() {
        "<article class=\"device\""
    } else {
        "<article"
    };
    let id = html! { (format!("a-{}", asset.id)) };
    PreEscaped(format!("{tag} id=\"{}\">{}</article>", id.0, inner.0))
}

fn facts(asset: &Asset) -> Markup {
    let mut said = Vec::new();
    let rows: Vec<Vec<Markup>> = asset
        .facts
        .iter()
        .take(MOST_FACTS)
        .map(|fact| {
            let wins = !said.contains(&fact.attribute);
            said.push(fact.attribute);
            vec![
                html! { (fact.attribute.name().replace('_', " ")) @if wins { " ✓" } },
                html! { (short(&fact.value)) },
                html! { (fact.certainty) },
                html! { (short(&fact.key)) " = “" (short(&fact.raw)) "”" div.quiet { (short(&fact.fingerprint)) } },
                html! { (packet(&fact.evidence)) },
            ]
        })
        .collect();
    let more = asset.facts.len().saturating_sub(rows.len());
    let heads = [
        words("Fact"),
        words("Value"),
        number("Certainty"),
        words("What was said, and how it is read"),
        words("Packet"),
    ];
    html! {
        @if rows.is_empty() { p.quiet { "Nothing is concluded of it." } } @else { (table("Facts", &heads, &rows)) }
        @if more > 0 { p.quiet { (more) " more facts are left out; " code { "fossick asset" } " has them." } }
    }
}

fn services(asset: &Asset) -> Markup {
    let name = |transport| match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    let shown: Vec<String> = asset
        .services
        .iter()
        .take(MOST_SERVICES)
        .map(|service| {
            let product = [service.product.as_deref(), service.version.as_deref()];
            let product: Vec<&str> = product.into_iter().flatten().collect();
            let words = [
                service.protocol.as_deref().unwrap_or_default().to_owned(),
                product.join(" "),
            ];
            let words: Vec<String> = words
                .into_iter()
                .filter(|it| !it.is_empty())
                .map(|it| short(&it))
                .collect();
            let port = format!("{}/{}", name(service.transport), service.port);
            if words.is_empty() {
                port
            } else {
                format!("{port} ({})", words.join(", "))
            }
        })
        .collect();
    let more = asset.services.len().saturating_sub(shown.len());
    html! {
        @if !shown.is_empty() { p { "Serves " (shown.join("; ")) @if more > 0 { " and " (more) " more" } "." } }
    }
}

fn findings(report: &Report<'_>, asset: &Asset) -> Markup {
    let exception = |id: &str| {
        report.decisions.exceptions.iter().find(|one| {
            one.asset == asset.id && one.finding.as_deref().is_none_or(|finding| finding == id)
        })
    };
    let rows: Vec<Vec<Markup>> = asset
        .findings
        .iter()
        .take(MOST_FINDINGS)
        .map(|finding| {
            vec![
                html! { (verdict(finding.verdict)) br; (priority(&finding.priority)) },
                html! { (about(finding)) },
                html! { (quoted(finding))
                    @if let Some(question) = &finding.question { div.quiet { "What would settle it: " (short(question)) } }
                    @if !finding.path.is_empty() { div.quiet { "Priority: " (short(&finding.path.join(" → "))) } } },
                html! { (short(&finding.state))
                    @if let Some(one) = exception(&finding.id) { br; "accepted by " (short(&one.by)) " until " (one.until.to_string()) } },
                html! { (shown(&finding.evidence)) },
            ]
        })
        .collect();
    let more = asset.findings.len().saturating_sub(rows.len());
    let heads = [
        words("Verdict"),
        words("Finding"),
        words("Why"),
        words("State"),
        words("Packets"),
    ];
    html! {
        @if !rows.is_empty() { (table("Findings", &heads, &rows)) }
        @if more > 0 { p.quiet { (more) " more findings are left out; the JSON of this report has them." } }
    }
}
