//! What is on the screen: a state, the keys that change it, and how it is drawn.

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table, TableState};
use tombolo_node::api::types::{FunctionStats, ProcessStats, Stats};

use super::columns::{Column, bytes, name};

/// What is looked at.
#[derive(Debug)]
pub(super) struct View {
    stats: Option<Stats>,
    /// Why there are no newer numbers.
    problem: Option<String>,
    sort: usize,
    is_reversed: bool,
    /// The selected function, by name: rows change places.
    selected: Option<String>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    GoOn,
    Quit,
}

const KEYS: &str = " q quit · ↑↓ select · ←→ sort by · r reverse";

impl View {
    pub(super) fn new(sort: Column) -> View {
        let sort = Column::ALL.iter().position(|column| *column == sort).unwrap_or_default();
        View { stats: None, problem: None, sort, is_reversed: false, selected: None }
    }

    /// Newer numbers, or why there are none.
    pub(super) fn update(&mut self, news: Result<Stats, String>) {
        match news {
            Ok(stats) => (self.stats, self.problem) = (Some(stats), None),
            Err(problem) => self.problem = Some(problem),
        }
    }

    pub(super) fn press(&mut self, key: KeyEvent) -> Flow {
        let columns = Column::ALL.len();
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Flow::Quit,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Flow::Quit,
            KeyCode::Left | KeyCode::Char('h') => self.sort = (self.sort + columns - 1) % columns,
            KeyCode::Right | KeyCode::Char('l' | 's') => self.sort = (self.sort + 1) % columns,
            KeyCode::Char('r') => self.is_reversed = !self.is_reversed,
            KeyCode::Down | KeyCode::Char('j') => self.select(1),
            KeyCode::Up | KeyCode::Char('k') => self.select(-1),
            _ => {}
        }
        Flow::GoOn
    }

    fn select(&mut self, step: isize) {
        let rows = self.rows();
        let now = self.place(&rows);
        let next = now.map_or(0, |now| now.saturating_add_signed(step).min(rows.len().saturating_sub(1)));
        self.selected = rows.get(next).map(|row| name(row));
    }

    fn place(&self, rows: &[&FunctionStats]) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        rows.iter().position(|row| name(row) == *selected)
    }

    /// The functions in their order.
    fn rows(&self) -> Vec<&FunctionStats> {
        let mut rows: Vec<_> = self.stats.iter().flat_map(|stats| &stats.functions).collect();
        rows.sort_by(|a, b| Column::ALL[self.sort].order(a, b));
        if self.is_reversed {
            rows.reverse();
        }
        rows
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let areas = Layout::vertical([Constraint::Length(2), Constraint::Min(2), Constraint::Length(1)]);
        let [head, body, foot] = areas.areas(frame.area());
        frame.render_widget(ratatui::text::Text::from(self.head()), head);
        let rows = self.rows();
        let mut state = TableState::default().with_selected(self.place(&rows));
        frame.render_stateful_widget(self.table(&rows), body, &mut state);
        let foot_text = match &self.problem {
            Some(problem) => Line::from(format!(" {problem}")).red().bold(),
            None => Line::from(KEYS).dim(),
        };
        frame.render_widget(foot_text, foot);
    }

    /// The machine, and the processes.
    fn head(&self) -> Vec<Line<'static>> {
        let Some(stats) = &self.stats else { return vec![Line::from(" waiting for the first numbers …")] };
        let title = Span::from(" tombolo top ").bold();
        let what = format!(
            " {} functions · {} processors · over {:.1} s",
            stats.functions.len(),
            stats.processors,
            stats.over_seconds.unwrap_or_default()
        );
        vec![Line::from(vec![title, Span::from(what)]), Line::from(processes(&stats.processes))]
    }

    fn table(&self, rows: &[&FunctionStats]) -> Table<'static> {
        let title = |(index, column): (usize, &Column)| {
            let arrow = if self.is_reversed { "▲" } else { "▼" };
            let mark = if index == self.sort { arrow } else { "" };
            let cell = aligned(*column, format!("{}{mark}", column.title()));
            if index == self.sort { cell.bold() } else { cell }
        };
        let widths = Column::ALL.map(|column| match column {
            Column::Function => Constraint::Min(column.width()),
            _ => Constraint::Length(column.width()),
        });
        let rows = rows.iter().map(|row| {
            let cells = Column::ALL.iter().map(|column| marked(*column, row));
            Row::new(cells)
        });
        Table::new(rows, widths)
            .header(Row::new(Column::ALL.iter().enumerate().map(title)).style(Style::new().underlined()))
            .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
    }
}

/// A cell, in a colour if it shows trouble.
fn marked(column: Column, of: &FunctionStats) -> Cell<'static> {
    let cell = aligned(column, column.cell(of));
    let is_trouble = match column {
        Column::Errors => of.error_rate.is_some_and(|rate| rate > 0.0),
        Column::Waiting => of.waiting > 0,
        Column::Refused => of.refusals > 0,
        _ => false,
    };
    if is_trouble { cell.yellow() } else { cell }
}

fn aligned(column: Column, text: String) -> Cell<'static> {
    let line = Line::from(text);
    Cell::from(if column == Column::Function { line } else { line.right_aligned() })
}

/// One part for the node, one for the gateway, one for all cells together.
pub(super) fn processes(all: &[ProcessStats]) -> String {
    let part = |word: &str| {
        let of: Vec<_> = all.iter().filter(|process| process.process == word).collect();
        let cpu: f64 = of.iter().filter_map(|process| process.cpu).sum();
        let memory = bytes(of.iter().map(|process| process.memory_bytes).sum());
        match of.len() {
            0 => None,
            1 => Some(format!("{word} {cpu:.2} cpu {memory}")),
            many => Some(format!("{many} {word}s {cpu:.2} cpu {memory}")),
        }
    };
    let parts: Vec<String> = ["node", "gateway", "cell"].into_iter().filter_map(part).collect();
    format!(" {}", parts.join(" · "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn function(name: &str, rate: f64, p99_us: u64) -> FunctionStats {
        FunctionStats {
            tenant: "acme".to_owned(),
            app: "web".to_owned(),
            function: name.to_owned(),
            revision: 3,
            requests: 0,
            errors: 0,
            rate: Some(rate),
            error_rate: Some(0.0),
            p50_us: Some(p99_us / 2),
            p90_us: None,
            p99_us: Some(p99_us),
            cpu: Some(rate / 1000.0),
            memory_bytes: 2 << 20,
            running: 1,
            waiting: 0,
            refusals: 7,
            lines_dropped: 0,
        }
    }

    fn view() -> View {
        let mut view = View::new(Column::Rate);
        let process = |word: &str| ProcessStats {
            process: word.to_owned(),
            tenant: None,
            pid: 1,
            cpu: Some(0.5),
            memory_bytes: 9 << 20,
        };
        view.update(Ok(Stats {
            over_seconds: Some(1.0),
            processors: 4,
            processes: vec![process("node"), process("cell"), process("cell")],
            functions: vec![function("slow", 1.0, 900_000), function("busy", 1200.0, 1500)],
        }));
        view
    }

    fn drawn(view: &View) -> String {
        let mut terminal = Terminal::new(TestBackend::new(100, 6)).expect("a terminal");
        terminal.draw(|frame| view.draw(frame)).expect("drawn");
        let buffer = terminal.backend().buffer().clone();
        let lines = buffer.content().chunks(100).map(|line| {
            let line: String = line.iter().map(ratatui::buffer::Cell::symbol).collect();
            line.trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn press(view: &mut View, code: KeyCode) -> Flow {
        view.press(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn the_screen_shows_the_machine_and_its_functions_in_order() {
        let expected = [
            " tombolo top  2 functions · 4 processors · over 1.0 s",
            " node 0.50 cpu 9.0M · 2 cells 1.00 cpu 18M",
            "TENANT/APP/FUNCTION       REV   REQ/S▼      P50      P99    ERR/S    CPU    MEM   RUN  WAIT  REFUSED",
            "acme/web/busy               3     1200    750us    1.5ms        0   1.20   2.0M     1     0        7",
            "acme/web/slow               3      1.0    450ms    900ms        0   0.00   2.0M     1     0        7",
            " q quit · ↑↓ select · ←→ sort by · r reverse",
        ];
        assert_eq!(drawn(&view()), expected.join("\n"));
    }

    #[test]
    fn keys_choose_the_order_and_the_selection_stays_with_its_function() {
        let mut view = view();
        let first = |view: &View| name(view.rows()[0]);
        press(&mut view, KeyCode::Down);
        assert_eq!(view.selected.as_deref(), Some("acme/web/busy"));
        press(&mut view, KeyCode::Right);
        press(&mut view, KeyCode::Right);
        assert_eq!(first(&view), "acme/web/slow", "by p99");
        assert_eq!(view.place(&view.rows()), Some(1));
        press(&mut view, KeyCode::Char('r'));
        assert_eq!(first(&view), "acme/web/busy");
        press(&mut view, KeyCode::Down);
        press(&mut view, KeyCode::Down);
        assert_eq!(view.selected.as_deref(), Some("acme/web/slow"), "the last one");
        assert_eq!(press(&mut view, KeyCode::Char('x')), Flow::GoOn);
        assert_eq!(press(&mut view, KeyCode::Char('q')), Flow::Quit);
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(view.press(control_c), Flow::Quit);
    }

    #[test]
    fn a_node_that_is_away_is_said_and_the_last_numbers_stay() {
        let mut view = view();
        view.update(Err("no node answers".to_owned()));
        let drawn = drawn(&view);
        assert!(drawn.ends_with(" no node answers") && drawn.contains("acme/web/busy"), "{drawn}");
    }
}
