//! `tombolo top`: what happens on a node, live; one table where there is no terminal.

mod columns;
mod view;

use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tombolo_node::api::types::Stats;
use tombolo_node::client::Client;

use crate::args::TopArgs;
use crate::exit::{Exit, Failure};
use crate::remote;
use columns::Column;
use view::{Flow, View};

/// How long a key may wait to be seen; new numbers are looked for as often.
const KEY_WAIT: Duration = Duration::from_millis(100);
/// A pause before a node that did not answer is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// Shows a node until `q` is pressed.
///
/// # Errors
/// Without a terminal, when the node does not answer; with one, when that breaks.
pub(crate) fn top(args: &TopArgs) -> Result<Exit, Failure> {
    let place = args.tenant.as_ref().map_or(String::new(), |tenant| format!("/tenants/{tenant}"));
    let path = format!("/v1{place}/stats?over={}", args.every.as_millis());
    let client = remote::client(&args.node)?;
    if args.json {
        return remote::print_json(&remote::wait(client.get::<Stats>(&path))?);
    }
    if !std::io::stdout().is_terminal() {
        return remote::print(&table(&remote::wait(client.get(&path))?));
    }
    let (sender, news) = channel();
    std::thread::spawn(move || ask(&client, &path, &sender));
    let mut terminal = ratatui::try_init()?;
    let shown = show(&mut terminal, &news);
    ratatui::try_restore()?;
    Ok(shown.map(|()| Exit::Program(0))?)
}

/// Asks for numbers again and again; the node takes the time over which they are meant.
fn ask(client: &Client, path: &str, to: &Sender<Result<Stats, String>>) {
    loop {
        let news = remote::wait(client.get(path)).map_err(|failure| failure.to_string());
        let failed = news.is_err();
        if to.send(news).is_err() {
            return;
        }
        if failed {
            std::thread::sleep(AGAIN);
        }
    }
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    news: &Receiver<Result<Stats, String>>,
) -> std::io::Result<()> {
    let mut view = View::new(Column::Rate);
    let mut changed = true;
    loop {
        if changed {
            terminal.draw(|frame| view.draw(frame))?;
        }
        changed = event::poll(KEY_WAIT)?;
        if changed
            && let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
            && view.press(key) == Flow::Quit
        {
            return Ok(());
        }
        while let Ok(stats) = news.try_recv() {
            view.update(stats);
            changed = true;
        }
    }
}

/// The same as plain text, the busiest first.
fn table(stats: &Stats) -> String {
    let mut rows: Vec<_> = stats.functions.iter().collect();
    rows.sort_by(|a, b| Column::Rate.order(a, b));
    let lines = std::iter::once(Column::ALL.map(|column| column.title().to_owned()))
        .chain(rows.into_iter().map(|row| Column::ALL.map(|column| column.cell(row))));
    let lines: Vec<_> = lines.collect();
    let longest = lines.iter().map(|line| line[0].chars().count()).max().unwrap_or_default();
    let mut text = format!("{}\n", view::processes(&stats.processes).trim_start());
    for line in &lines {
        // Writing to a text does not fail.
        let _ = write!(text, "{:<longest$}", line[0]);
        for (column, cell) in Column::ALL.iter().zip(line).skip(1) {
            let _ = write!(text, " {cell:>width$}", width = usize::from(column.width()));
        }
        text.push('\n');
    }
    text
}
