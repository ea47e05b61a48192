//! The picture as a page for a browser: one file that loads nothing.

use std::fmt::Write as _;
use std::path::Path;

use super::{Cell, Picture};

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}\
h1{font-size:1.2rem;margin:0 0 .3rem}p{margin:.2rem 0 1rem}\
.map{display:grid;grid-template-columns:repeat(auto-fill,10px);gap:1px;margin:1rem 0}\
.map i{width:10px;height:10px;display:block}.free{background:#eee}.unused{background:#fff;outline:1px dashed #999;outline-offset:-1px}\
.bad{background:#d00000!important;outline:2px solid #000;outline-offset:-2px}\
table{border-collapse:collapse}td,th{padding:.15rem .8rem .15rem 0;text-align:left}td.n{text-align:right}\
td i{width:12px;height:12px;display:inline-block;vertical-align:-1px}";

/// The whole page.
pub(super) fn page(picture: &Picture, file: &Path) -> String {
    let name = escape(&file.display().to_string());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{name}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\n\
         <h1>{name}</h1>\n<p>{} pages; {}. {}</p>\n<div class=\"map\">",
        picture.pages,
        match picture.damaged {
            0 => "none is damaged".to_owned(),
            1 => "1 is damaged".to_owned(),
            count => format!("{count} are damaged"),
        },
        if picture.step > 1 {
            format!("Each square stands for {} pages.", picture.step)
        } else {
            String::new()
        },
    );
    for (number, cell) in picture.cells.iter().enumerate() {
        let first = number * picture.step + 1;
        let (class, owner) = match cell {
            Cell::Damaged(owner) => (" class=\"bad\"", *owner),
            Cell::Owned(owner) => ("", Some(*owner)),
            Cell::Free => (" class=\"free\"", None),
            Cell::Unused => (" class=\"unused\"", None),
        };
        let what = owner.and_then(|owner| picture.owners.get(owner)).map_or("", |(name, ..)| name);
        let what = match cell {
            Cell::Damaged(_) => format!("{what}, damaged"),
            Cell::Owned(_) => what.to_owned(),
            Cell::Free => "free".to_owned(),
            Cell::Unused => "used by nothing".to_owned(),
        };
        let color = owner.map(|owner| format!(" style=\"background:{}\"", color(owner))).unwrap_or_default();
        let _ = write!(page, "<i{class}{color} title=\"page {first}: {}\"></i>", escape(&what));
    }
    page.push_str("</div>\n<table><tr><th></th><th>part</th><th>pages</th><th>damaged</th></tr>\n");
    for (number, (name, pages, damaged)) in picture.owners.iter().enumerate() {
        let _ = writeln!(
            page,
            "<tr><td><i style=\"background:{}\"></i></td><td>{}</td><td class=\"n\">{pages}</td><td class=\"n\">{}</td></tr>",
            color(number),
            escape(name),
            if *damaged > 0 { damaged.to_string() } else { String::new() },
        );
    }
    for (class, what, count) in
        [("free", "free", picture.free()), ("unused", "used by nothing", picture.unused)]
    {
        let _ = writeln!(
            page,
            "<tr><td><i class=\"{class}\"></i></td><td>{what}</td><td class=\"n\">{count}</td><td></td></tr>"
        );
    }
    page.push_str("<tr><td><i class=\"bad\"></i></td><td>damaged</td><td class=\"n\"></td><td class=\"n\">");
    let _ = writeln!(page, "{}</td></tr></table></body></html>", picture.damaged);
    page
}

/// Hues far apart for neighbours; red is kept for damage.
fn color(owner: usize) -> String {
    let hue = 40 + owner * 137 % 280;
    let light = 45 + owner / 3 % 3 * 12;
    format!("hsl({hue} 55% {light}%)")
}

fn escape(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            character if character.is_control() => safe.push(char::REPLACEMENT_CHARACTER),
            character => safe.push(character),
        }
    }
    safe
}
