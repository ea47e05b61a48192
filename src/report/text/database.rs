//! The account of a database as text: what it holds, how it looks to different readers, and who uses it.

use std::io;

use super::page::{Body, Page};
use crate::coverage::{DatabaseAccount, Holder, View};
use crate::report::wording::{count, duration, number};

/// Tables with different numbers of rows that are listed.
const TABLES: usize = 8;
/// Processes that are listed.
const HOLDERS: usize = 12;

/// Writes what there is to tell of each database; of most there is nothing.
pub(super) fn write(databases: &[DatabaseAccount], page: &mut Page<'_>) -> io::Result<()> {
    let mut told = std::collections::HashSet::new();
    for account in databases {
        // What holds for many databases is told once.
        let news: Vec<&String> =
            account.remarks.iter().filter(|remark| told.insert(remark.as_str())).collect();
        let has_more = account.shape.is_some() || !account.views.is_empty() || !account.holders.is_empty();
        if !has_more && news.is_empty() {
            continue;
        }
        page.entry("database", Body::Prose(&account.path))?;
        shape(account, page)?;
        views(account, page)?;
        holders(&account.holders, page)?;
        let mut label = "note";
        for remark in news {
            page.entry(label, Body::Prose(remark))?;
            label = "";
        }
        page.blank()?;
    }
    Ok(())
}

fn shape(account: &DatabaseAccount, page: &mut Page<'_>) -> io::Result<()> {
    let Some(shape) = &account.shape else { return Ok(()) };
    page.entry("it is a", Body::Prose(shape.name))?;
    for (name, rows, purpose) in &shape.tables {
        page.entry("", Body::Below(&format!("{name}: {}; {purpose}", count(*rows, "row"))))?;
    }
    Ok(())
}

/// A line for each view, then the tables that differ.
fn views(account: &DatabaseAccount, page: &mut Page<'_>) -> io::Result<()> {
    let views = &account.views;
    if views.is_empty() {
        return Ok(());
    }
    let titles = views.iter().map(|view| view.title.len()).max().unwrap_or(0);
    let rows = views.iter().map(|view| count(view.rows, "row").len()).max().unwrap_or(0);
    let mut label = "as seen by";
    for view in views {
        let line = format!("{:titles$}  {:>rows$}  {}", view.title, count(view.rows, "row"), state(view));
        page.entry(label, Body::Verbatim(&line))?;
        label = "";
    }
    let Some(first) = views.first() else { return Ok(()) };
    for (at, (name, _)) in first.differing.iter().enumerate().take(TABLES) {
        let counts = views.iter().map(|view| number(view.differing.get(at).map_or(0, |(_, rows)| *rows)));
        let line = format!("rows of {name} in this order: {}", counts.collect::<Vec<_>>().join(", "));
        page.entry("", Body::Below(&line))?;
    }
    if let Some(more) = first.differing.len().checked_sub(TABLES).filter(|more| *more > 0) {
        page.entry(
            "",
            Body::Below(&format!("and {} differ (-f json lists them)", count(more as u64, "more table"))),
        )?;
    }
    let mut label = "that means";
    for sentence in &account.advice {
        page.entry(label, Body::Prose(sentence))?;
        label = "";
    }
    Ok(())
}

fn state(view: &View) -> String {
    let state = if view.problems == 0 { "sound".to_owned() } else { count(view.problems, "problem") };
    let reported = if view.is_reported && view.problems > 0 { ", told above" } else { "" };
    format!("{state}{reported}")
}

fn holders(holders: &[Holder], page: &mut Page<'_>) -> io::Result<()> {
    let mut label = "held by";
    for holder in holders.iter().take(HOLDERS) {
        page.entry(label, Body::Prose(&told(holder)))?;
        label = "";
    }
    match holders.len().saturating_sub(HOLDERS) as u64 {
        0 => Ok(()),
        more => page.entry("", Body::Prose(&format!("and {}", count(more, "more process")))),
    }
}

/// A process in one line.
fn told(holder: &Holder) -> String {
    let mut text = format!("process {} {}", holder.pid, holder.command);
    if let Some(age) = holder.age {
        text.push_str(&format!(", for {}", duration(age)));
    }
    text.push_str(match holder.state {
        _ if holder.is_stopped => ", stopped (T)",
        Some('R') => ", running (R)",
        Some('S' | 'I') => ", idle (S)",
        Some('D') => ", waiting for the disk (D)",
        Some('Z') => ", dead and not collected (Z)",
        Some(_) => "",
        None => ", gone by now",
    });
    if holder.is_writing {
        text.push_str(", is writing");
    }
    if holder.has_deleted {
        text.push_str(", has a deleted file of it open");
    }
    match holder.locks.is_empty() {
        true => text.push_str("; no locks"),
        false => text.push_str(&format!("; locks: {}", holder.locks.join(", "))),
    }
    text
}
