//! A line chart as an SVG that is readable on light and on dark ground.

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 320.0;

/// Where the axes are: left, top, right, bottom. Right of them stand the names of the lines.
const PLOT: [f64; 4] = [58.0, 40.0, 420.0, 268.0];

/// Pixels between two names of lines at the least.
const NAME_HEIGHT: f64 = 15.0;

/// Marks on a linear axis, at the most.
const MARKS: f64 = 6.0;

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#1f2328}\
.t{font-weight:600;font-size:14px}\
.g{stroke:#8c959f;stroke-opacity:.35}\
.a{stroke:#8c959f}\
.l{fill:none;stroke-width:2;stroke-linejoin:round}\
.c0{stroke:#0969da}.f0{fill:#0969da}\
.c1{stroke:#bc4c00;stroke-dasharray:7 3}.f1{fill:#bc4c00}\
.c2{stroke:#1a7f37;stroke-dasharray:2 3}.f2{fill:#1a7f37}\
.c3{stroke:#8250df;stroke-dasharray:9 3 2 3}.f3{fill:#8250df}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}\
.c0{stroke:#58a6ff}.f0{fill:#58a6ff}.c1{stroke:#f0883e}.f1{fill:#f0883e}\
.c2{stroke:#3fb950}.f2{fill:#3fb950}.c3{stroke:#bc8cff}.f3{fill:#bc8cff}}";

/// A chart, drawn, and the file that it goes to.
pub type Drawing = (&'static str, String);

pub struct Chart<'a> {
    pub title: &'a str,
    pub x: Axis<'a>,
    pub y: Axis<'a>,
    /// Up to four.
    pub lines: Vec<Line<'a>>,
}

#[derive(Clone, Copy)]
pub struct Axis<'a> {
    label: &'a str,
    /// Where it begins; a logarithmic one at its first point.
    from: Option<f64>,
}

pub struct Line<'a> {
    pub name: &'a str,
    /// By x.
    pub points: Vec<(f64, f64)>,
}

impl<'a> Line<'a> {
    /// A line with a point for each of what was measured.
    pub fn through<T>(name: &'a str, measured: &[T], point: impl Fn(&T) -> (f64, f64)) -> Self {
        Self {
            name,
            points: measured.iter().map(point).collect(),
        }
    }
}

impl<'a> Axis<'a> {
    pub fn linear(label: &'a str, from: f64) -> Self {
        Self {
            label,
            from: Some(from),
        }
    }

    pub fn logarithmic(label: &'a str) -> Self {
        Self { label, from: None }
    }

    /// The values that are marked, and the ends of the axis.
    fn marks(&self, values: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
        let most = values.clone().fold(f64::MIN, f64::max);
        match self.from {
            Some(from) => {
                let rough = ((most - from) / MARKS).max(1e-9);
                let power = 10f64.powf(rough.log10().floor());
                let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
                let step = steps.into_iter().find(|s| *s >= rough).unwrap_or(rough);
                let count = ((most - from) / step).ceil().max(1.0) as usize;
                (0..=count).map(|mark| from + mark as f64 * step).collect()
            }
            None => {
                let least = values.fold(f64::MAX, f64::min);
                let power = |value: f64| value.log10().floor() as i32;
                let mut marks: Vec<f64> = (power(least)..=power(most) + 1)
                    .map(|power| 10f64.powi(power))
                    .collect();
                // No decade in which nothing is.
                if marks.len() > 2 && marks[marks.len() - 2] >= most {
                    marks.pop();
                }
                marks
            }
        }
    }

    /// Where between the first and the last mark a value is, from 0 to 1.
    fn place(&self, marks: &[f64], value: f64) -> f64 {
        let scale = |value: f64| {
            if self.from.is_some() {
                value
            } else {
                value.log10()
            }
        };
        let (first, last) = (marks[0], marks[marks.len() - 1]);
        (scale(value) - scale(first)) / (scale(last) - scale(first))
    }
}

impl Chart<'_> {
    pub fn svg(&self) -> String {
        let [left, top, right, bottom] = PLOT;
        let points = || self.lines.iter().flat_map(|line| line.points.iter());
        let x_marks = self.x.marks(points().map(|(x, _)| *x));
        let y_marks = self.y.marks(points().map(|(_, y)| *y));
        let x_of = |x: f64| left + self.x.place(&x_marks, x) * (right - left);
        let y_of = |y: f64| bottom - self.y.place(&y_marks, y) * (bottom - top);
        let mut svg = String::new();
        let mut put = |line: String| svg.extend([line.as_str(), "\n"]);
        put(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\"><title>{}</title><style>{STYLE}</style>",
            self.title
        ));
        put(format!(
            "<text class=\"t\" x=\"{left}\" y=\"22\">{}</text>",
            self.title
        ));
        for mark in &y_marks {
            let y = y_of(*mark);
            put(format!(
                "<path class=\"g\" d=\"M{left} {y:.1}H{right}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 7.0,
                y + 4.0,
                number(*mark)
            ));
        }
        for mark in &x_marks {
            let x = x_of(*mark);
            put(format!(
                "<path class=\"a\" d=\"M{x:.1} {bottom}v5\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 19.0,
                number(*mark)
            ));
        }
        put(format!(
            "<path class=\"a\" d=\"M{left} {bottom}H{right}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
             <text transform=\"translate(14 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            (left + right) / 2.0,
            bottom + 40.0,
            self.x.label,
            (top + bottom) / 2.0,
            self.y.label
        ));
        for (number, line) in self.lines.iter().enumerate() {
            let mut path = String::new();
            for (at, (x, y)) in line.points.iter().enumerate() {
                let command = if at == 0 { 'M' } else { 'L' };
                path += &format!("{command}{:.1} {:.1}", x_of(*x), y_of(*y));
            }
            put(format!("<path class=\"l c{number}\" d=\"{path}\"/>"));
            for (x, y) in &line.points {
                put(format!(
                    "<circle class=\"f{number}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>",
                    x_of(*x),
                    y_of(*y)
                ));
            }
        }
        for (number, name, y) in self.names(y_of) {
            put(format!(
                "<text class=\"f{number}\" x=\"{}\" y=\"{:.1}\">{name}</text>",
                right + 10.0,
                y + 4.0
            ));
        }
        put("</svg>".to_owned());
        svg
    }

    /// The name of each line, beside its end and clear of the others.
    fn names(&self, y_of: impl Fn(f64) -> f64) -> Vec<(usize, &str, f64)> {
        let ends = self.lines.iter().enumerate().filter_map(|(number, line)| {
            let (_, y) = line.points.last()?;
            Some((number, line.name, y_of(*y)))
        });
        let mut names: Vec<_> = ends.collect();
        names.sort_by(|a, b| a.2.total_cmp(&b.2));
        for at in 1..names.len() {
            names[at].2 = names[at].2.max(names[at - 1].2 + NAME_HEIGHT);
        }
        names
    }
}

/// With thousands set apart, and no more digits than it needs.
fn number(value: f64) -> String {
    if value >= 1000.0 {
        let whole = value.round() as u64;
        return format!("{},{:03}", whole / 1000, whole % 1000);
    }
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
