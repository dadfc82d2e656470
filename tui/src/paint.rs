//! The only place where text goes onto the terminal: made safe, masked if somebody looks on, and no wider than it may be.

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::entry::Piece;
use crate::text;

/// Writes a text at a place, in so many columns at most; how many it took.
pub(crate) fn put(
    buffer: &mut Buffer,
    (mut x, y): (u16, u16),
    text: &str,
    columns: u16,
    style: Style,
) -> u16 {
    let (kept, _) = text::cut(text, columns.into());
    let begin = x;
    for cluster in kept.graphemes(true) {
        let wide = u16::try_from(cluster.width()).unwrap_or_default();
        if wide == 0 {
            continue;
        }
        let end = x.saturating_add(wide);
        if let Some(cell) = buffer.cell_mut((x, y)) {
            cell.set_symbol(cluster).set_style(style);
        }
        for covered in x.saturating_add(1)..end {
            if let Some(cell) = buffer.cell_mut((covered, y)) {
                cell.reset();
                cell.set_style(style);
            }
        }
        x = end;
    }
    x.saturating_sub(begin)
}

/// The text of a piece as it may be seen.
pub(crate) fn seen(piece: &Piece, masked: bool) -> String {
    match (masked, piece.private) {
        (false, _) => piece.text.clone(),
        (true, true) => text::mask(&piece.text).to_owned(),
        (true, false) => text::mask_addresses(&piece.text),
    }
}
