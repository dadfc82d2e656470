//! How each role looks, in each theme. State is never told by colour alone: every role that matters has its word or sign as well.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    /// Text.
    #[default]
    Plain,
    /// What matters less.
    Dim,
    /// Headings and column titles.
    Title,
    /// Keys, and what can be opened.
    Key,
    /// Well.
    Good,
    /// To be looked at.
    Warn,
    /// Wrong, or urgent.
    Bad,
    /// The octets that say it, and the matches of a search.
    Mark,
    /// Bars and sparklines.
    Bar,
    /// The line at the top and the one at the bottom.
    Frame,
}

/// A set of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Light text on a dark terminal.
    #[default]
    Dark,
    /// Dark text on a light terminal.
    Light,
    /// Black and white, and colours of at least 7:1 against them.
    Contrast,
    /// The terminal's own sixteen colours.
    Sixteen,
    /// No colour at all.
    Plain,
}

impl Theme {
    /// Every theme with its name, in the order in which a key goes through them.
    pub const ALL: [(&'static str, Theme); 5] = [
        ("dark", Theme::Dark),
        ("light", Theme::Light),
        ("high-contrast", Theme::Contrast),
        ("16", Theme::Sixteen),
        ("none", Theme::Plain),
    ];

    /// The theme of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Theme> {
        Theme::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, theme)| *theme)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Theme::ALL
            .iter()
            .find(|(_, theme)| *theme == self)
            .map_or("none", |(name, _)| name)
    }

    /// The theme after it.
    #[must_use]
    pub(crate) fn next(self) -> Theme {
        let mut all = Theme::ALL.iter().cycle().map(|(_, theme)| *theme);
        all.find(|theme| *theme == self);
        all.next().unwrap_or_default()
    }

    /// What everything is drawn on.
    pub(crate) fn ground(self) -> Style {
        match self {
            Theme::Contrast => Style::new()
                .fg(Color::Rgb(255, 255, 255))
                .bg(Color::Rgb(0, 0, 0)),
            Theme::Dark | Theme::Light | Theme::Sixteen | Theme::Plain => Style::new(),
        }
    }

    /// How a role looks.
    pub(crate) fn style(self, role: Role) -> Style {
        let style = self.ground();
        let bold = style.add_modifier(Modifier::BOLD);
        let rgb = |(red, green, blue): (u8, u8, u8)| Color::Rgb(red, green, blue);
        // Plain, dim, key, good, warn, bad, bar.
        let colours = match self {
            Theme::Plain => {
                return match role {
                    Role::Plain | Role::Bar => style,
                    Role::Dim => style.add_modifier(Modifier::DIM),
                    Role::Title | Role::Key | Role::Good => bold,
                    Role::Warn | Role::Bad => bold.add_modifier(Modifier::UNDERLINED),
                    Role::Mark | Role::Frame => style.add_modifier(Modifier::REVERSED),
                };
            }
            Theme::Sixteen => [
                Color::DarkGray,
                Color::Cyan,
                Color::Green,
                Color::Yellow,
                Color::Red,
                Color::Blue,
            ],
            Theme::Dark => [
                (150, 150, 150),
                (125, 190, 255),
                (130, 210, 130),
                (245, 200, 90),
                (255, 120, 110),
                (95, 150, 220),
            ]
            .map(rgb),
            Theme::Light => [
                (95, 95, 95),
                (0, 80, 170),
                (0, 105, 30),
                (135, 85, 0),
                (175, 20, 20),
                (60, 110, 180),
            ]
            .map(rgb),
            Theme::Contrast => [
                (210, 210, 210),
                (120, 220, 255),
                (120, 255, 120),
                (255, 230, 0),
                (255, 160, 150),
                (255, 255, 255),
            ]
            .map(rgb),
        };
        let [dim, key, good, warn, bad, bar] = colours;
        match role {
            Role::Plain => style,
            Role::Dim => style.fg(dim),
            Role::Title => bold,
            Role::Key => style.fg(key),
            Role::Good => style.fg(good),
            Role::Warn => style.fg(warn),
            Role::Bad => bold.fg(bad),
            Role::Mark => style
                .fg(warn)
                .add_modifier(Modifier::REVERSED | Modifier::BOLD),
            Role::Bar => style.fg(bar),
            Role::Frame => style.add_modifier(Modifier::REVERSED),
        }
    }
}
