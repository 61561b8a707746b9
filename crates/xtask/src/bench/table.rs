//! Samples of several clients side by side: medians, spread, and how ours stand against each.

use serde_json::{Value, json};

/// Whether more of it is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    Higher,
    Lower,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As the heading of the column: what, and in which unit.
    pub name: &'static str,
    pub better: Better,
    /// Digits after the point.
    pub digits: usize,
}

impl Metric {
    pub const fn higher(name: &'static str, digits: usize) -> Metric {
        Metric {
            name,
            better: Better::Higher,
            digits,
        }
    }

    pub const fn lower(name: &'static str, digits: usize) -> Metric {
        Metric {
            name,
            better: Better::Lower,
            digits,
        }
    }
}

/// One client's samples: for each metric what each run gave. A run need not give every metric.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    /// The row that others are compared with.
    ours: bool,
    samples: Vec<Vec<f64>>,
    failures: Vec<String>,
}

/// Rows that are compared with each other.
#[derive(Debug)]
pub struct Table {
    pub title: String,
    metrics: Vec<Metric>,
    rows: Vec<Row>,
    disturbances: Vec<f64>,
}

impl Table {
    pub fn new(title: impl Into<String>, metrics: &[Metric]) -> Table {
        Table {
            title: title.into(),
            metrics: metrics.to_vec(),
            rows: Vec::new(),
            disturbances: Vec::new(),
        }
    }

    /// One run's figures, in the order of the metrics; `None` where it has none. Shown at once.
    pub fn add(&mut self, name: &str, ours: bool, figures: &[Option<f64>]) {
        let shown: Vec<String> = self
            .metrics
            .iter()
            .zip(figures)
            .filter_map(|(metric, figure)| {
                let digits = metric.digits;
                figure.map(|figure| format!("{figure:.digits$} {}", metric.name))
            })
            .collect();
        println!("    {name:<26} {}", shown.join(", "));
        let row = self.row(name, ours);
        for (samples, figure) in row.samples.iter_mut().zip(figures) {
            samples.extend(figure);
        }
    }

    /// One run that gave nothing.
    pub fn add_failure(&mut self, name: &str, ours: bool, reason: String) {
        println!("    {name:<26} failed: {reason}");
        self.row(name, ours).failures.push(reason);
    }

    /// During the last run something else took so many cores.
    pub fn add_disturbance(&mut self, cores: f64) {
        println!("    {:<26} disturbed: {cores:.2} cores were elsewhere", "");
        self.disturbances.push(cores);
    }

    pub fn disturbances(&self) -> usize {
        self.disturbances.len()
    }

    pub fn failures(&self) -> usize {
        self.rows.iter().map(|row| row.failures.len()).sum()
    }

    fn row(&mut self, name: &str, ours: bool) -> &mut Row {
        let at = match self.rows.iter().position(|row| row.name == name) {
            Some(at) => at,
            None => {
                self.rows.push(Row {
                    name: name.to_owned(),
                    ours,
                    samples: vec![Vec::new(); self.metrics.len()],
                    failures: Vec::new(),
                });
                self.rows.len() - 1
            }
        };
        &mut self.rows[at]
    }

    /// As Markdown, which reads well on a terminal too: each figure as `median (least-most)`,
    /// and in the peers' rows after `×` how many times their median ours is.
    pub fn markdown(&self) -> String {
        let mut lines = vec![vec![String::new()]];
        lines[0].extend(self.metrics.iter().map(|metric| metric.name.to_owned()));
        let ours = self.rows.iter().find(|row| row.ours);
        for row in &self.rows {
            let mut cells = vec![row.name.clone()];
            for (at, metric) in self.metrics.iter().enumerate() {
                let reference = ours.filter(|_| !row.ours);
                cells.push(cell(row, reference, at, metric.digits));
            }
            if !row.failures.is_empty() {
                cells[0].push_str(&format!(" ({} failed)", row.failures.len()));
            }
            lines.push(cells);
        }
        format!("**{}, {}**\n\n{}", self.title, self.runs(), aligned(&lines))
    }

    /// From how many runs each figure comes.
    fn runs(&self) -> String {
        let counts = self
            .rows
            .iter()
            .map(|row| row.samples.iter().map(Vec::len).max().unwrap_or(0))
            .collect::<Vec<_>>();
        match (counts.iter().min(), counts.iter().max()) {
            (Some(least), Some(most)) if least != most => {
                format!("medians of {least} to {most} runs")
            }
            (_, Some(most)) => format!("medians of {most} runs"),
            _ => "no runs".to_owned(),
        }
    }

    /// Everything, for programs.
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(|row| self.row_json(row)).collect();
        json!({ "title": self.title, "rows": rows, "disturbances": self.disturbances })
    }

    fn row_json(&self, row: &Row) -> Value {
        let metrics: serde_json::Map<String, Value> = self
            .metrics
            .iter()
            .zip(&row.samples)
            .filter_map(|(metric, samples)| {
                let spread = Spread::of(samples)?;
                let figures = json!({
                    "median": spread.median,
                    "min": spread.least,
                    "max": spread.most,
                    "better": if metric.better == Better::Higher { "higher" } else { "lower" },
                    "samples": samples,
                });
                Some((metric.name.to_owned(), figures))
            })
            .collect();
        json!({ "name": row.name, "ours": row.ours, "metrics": metrics, "failures": row.failures })
    }
}

/// The middle and the ends of some samples.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(samples: &[f64]) -> Option<Spread> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[half]
        } else {
            (sorted[half - 1] + sorted[half]) / 2.0
        };
        Some(Spread {
            median,
            least,
            most,
        })
    }
}

fn cell(row: &Row, ours: Option<&Row>, at: usize, digits: usize) -> String {
    let Some(spread) = Spread::of(&row.samples[at]) else {
        return "-".to_owned();
    };
    let mut text = format!(
        "{:.digits$} ({:.digits$}-{:.digits$})",
        spread.median, spread.least, spread.most
    );
    let reference = ours.and_then(|ours| Spread::of(&ours.samples[at]));
    if let Some(reference) = reference.filter(|_| spread.median > 0.0) {
        text.push_str(&format!(" ×{:.2}", reference.median / spread.median));
    }
    text
}

fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            let longest = lines.iter().map(|line| line[at].chars().count()).max();
            longest.unwrap_or(0).max(3)
        })
        .collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            text.push_str(&format!("| {cell:<width$} "));
        }
        text.push_str("|\n");
        if number == 0 {
            for width in &widths {
                text.push_str(&format!("|{}", "-".repeat(width + 2)));
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Metric, Spread, Table};

    #[test]
    fn the_median_is_the_middle_sample_or_between_the_two_in_the_middle() {
        let median = |samples: &[f64]| Spread::of(samples).unwrap().median;
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_peer_s_row_says_how_many_times_its_median_ours_is() {
        let mut table = Table::new("rates", &[Metric::higher("MB/s", 0)]);
        for rate in [300.0, 310.0, 290.0] {
            table.add("ours", true, &[Some(rate)]);
            table.add("theirs", false, &[Some(rate / 2.0)]);
        }
        let text = table.markdown();
        assert!(text.starts_with("**rates, medians of 3 runs**"), "{text}");
        assert!(text.contains("| ours   | 300 (290-310)       |"), "{text}");
        assert!(text.contains("| theirs | 150 (145-155) ×2.00 |"), "{text}");
    }

    #[test]
    fn a_run_that_failed_is_counted_and_has_no_figures() {
        let mut table = Table::new("rates", &[Metric::higher("MB/s", 0)]);
        table.add_failure("theirs", false, "it hung".to_owned());
        assert!(table.markdown().contains("| theirs (1 failed) | -    |"));
        assert_eq!(table.failures(), 1);
        assert_eq!(table.json()["rows"][0]["failures"][0], "it hung");
    }
}
