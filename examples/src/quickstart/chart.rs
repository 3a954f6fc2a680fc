//! The picture: where the cashback stood and how many members each tier had, day by day.

use std::path::Path;

use plotters::chart::{ChartBuilder, ChartContext, SeriesLabelPosition};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::combinators::WithKeyPoints;
use plotters::coord::types::{RangedCoordf64, RangedCoordi32};
use plotters::prelude::{
    AreaSeries, BindKeyPoints, Color, DrawingArea, DrawingAreaErrorKind, IntoDrawingArea,
    LineSeries, PathElement, RGBColor, Rectangle, SVGBackend, WHITE,
};
use rewards_core::money::Asset;
use rewards_core::program::Program;
use rewards_core::time::LocalDate;

use super::QuickstartError;
use super::books::Books;
use super::ladders::LadderBook;
use super::table::grouped;

const SIZE: (u32, u32) = (1_200, 980);
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(45, 52, 64);
const GRID: RGBColor = RGBColor(225, 228, 232);
const PENDING: RGBColor = RGBColor(240, 180, 70);
const AVAILABLE: RGBColor = RGBColor(60, 150, 120);
const EXPIRED: RGBColor = RGBColor(190, 196, 204);
/// Colours of tiers from the lowest up; more tiers than colours begin again.
const TIERS: [RGBColor; 4] = [
    RGBColor(201, 152, 110),
    RGBColor(160, 174, 190),
    RGBColor(232, 190, 60),
    RGBColor(120, 130, 190),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Panel<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<WithKeyPoints<RangedCoordi32>, RangedCoordf64>>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// One coloured layer: its height above all layers before it, for every day.
struct Layer {
    name: String,
    colour: RGBColor,
    heights: Vec<f64>,
}

/// Draws the picture as SVG.
pub(super) fn draw(
    path: &Path,
    program: &Program,
    books: &Books,
    ladders: &[LadderBook],
) -> Result<(), QuickstartError> {
    let Some((first, last)) = books.span() else {
        return Ok(());
    };
    let days: Vec<i32> = (first..=last).collect();
    paint(path, program, books, ladders, &days)
        .map_err(|error| QuickstartError::Chart(error.to_string()))
}

fn paint(
    path: &Path,
    program: &Program,
    books: &Books,
    ladders: &[LadderBook],
    days: &[i32],
) -> Drawn {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let name = program.name.as_deref().unwrap_or(program.id.as_str());
    let root = root.margin(12, 12, 12, 24);
    let panels = root.split_evenly((1 + ladders.len().min(1), 1));
    let mut panels = panels.iter();
    if let Some(area) = panels.next() {
        let code = program.currency.code();
        let caption = format!("{name}: all cashback ever granted, and where it is ({code})");
        panel(
            area,
            &caption,
            days,
            &cashback(program, books, days),
            Some("granted"),
        )?;
    }
    if let (Some(area), Some(ladder)) = (panels.next(), ladders.first()) {
        let caption = format!("{name}: members by tier");
        panel(area, &caption, days, &population(ladder, days), None)?;
    }
    root.present()
}

fn cashback(program: &Program, books: &Books, days: &[i32]) -> Vec<Layer> {
    let asset = Asset::from(program.currency);
    let unit = 10_f64.powi(i32::from(asset.scale()));
    let sums: Vec<_> = days.iter().map(|day| books.by(asset, *day)).collect();
    // Amounts below 2^53 minor units are exact; beyond that a picture does not show the difference.
    let layer = |name: &str, colour, of: fn(&super::books::Sums) -> i64| Layer {
        name: name.to_owned(),
        colour,
        heights: sums.iter().map(|sums| of(sums) as f64 / unit).collect(),
    };
    vec![
        layer("available", AVAILABLE, |sums| sums.available),
        layer("pending", PENDING, |sums| sums.pending),
        layer("expired", EXPIRED, |sums| sums.expired),
    ]
}

fn population(ladder: &LadderBook, days: &[i32]) -> Vec<Layer> {
    let counts: Vec<Vec<i64>> = days.iter().map(|day| ladder.population(*day)).collect();
    let tiers = ladder.tiers.iter().zip(TIERS.iter().cycle()).enumerate();
    let layers: Vec<Layer> = tiers
        .map(|(rank, ((_, name), colour))| Layer {
            name: name.clone(),
            colour: *colour,
            heights: counts
                .iter()
                .map(|counts| counts.get(rank).copied().unwrap_or(0) as f64)
                .collect(),
        })
        .collect();
    // The highest tier at the bottom: there its size is read most easily.
    layers.into_iter().rev().collect()
}

/// Layers upon each other, with axes and a legend.
fn panel(
    area: &Area<'_>,
    caption: &str,
    days: &[i32],
    layers: &[Layer],
    total: Option<&str>,
) -> Drawn {
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return Ok(());
    };
    let tops = tops(layers);
    let highest = tops
        .iter()
        .flatten()
        .fold(1.0_f64, |max, top| max.max(*top));
    let x = (*first..*last).with_key_points(month_starts(days));
    let mut chart = ChartBuilder::on(area)
        .caption(caption, (FONT, 22, &INK))
        .margin(8)
        .margin_right(24)
        .x_label_area_size(44)
        .y_label_area_size(78)
        .build_cartesian_2d(x, 0.0..highest * 1.06)?;
    axes(&mut chart)?;
    // From the top down, so that each layer covers the part of the one above that is not its own.
    for (layer, top) in layers.iter().zip(&tops).rev() {
        let points = || days.iter().copied().zip(top.iter().copied());
        chart.draw_series(AreaSeries::new(points(), 0.0, layer.colour.filled()))?;
        let colour = layer.colour;
        chart
            .draw_series(LineSeries::new(points(), INK.stroke_width(1)))?
            .label(layer.name.clone())
            .legend(move |(x, y)| Rectangle::new([(x, y - 6), (x + 18, y + 6)], colour.filled()));
    }
    // The sum of all layers, as a line of its own.
    if let (Some(name), Some(top)) = (total, tops.last()) {
        let points = days.iter().copied().zip(top.iter().copied());
        chart
            .draw_series(LineSeries::new(points, INK.stroke_width(2)))?
            .label(name)
            .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], INK.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .margin(14)
        .legend_area_size(26)
        .background_style(WHITE.mix(0.9))
        .border_style(GRID)
        .label_font((FONT, 16, &INK))
        .draw()?;
    Ok(())
}

fn axes(chart: &mut Panel<'_, '_>) -> Drawn {
    let number = |value: &f64| grouped(&format!("{value:.0}"));
    chart
        .configure_mesh()
        .x_labels(24)
        .y_labels(7)
        .x_label_formatter(&|day| month_label(*day))
        .y_label_formatter(&number)
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .axis_style(INK)
        .label_style((FONT, 15, &INK))
        .draw()
}

/// For every layer the height of its upper edge, day by day.
fn tops(layers: &[Layer]) -> Vec<Vec<f64>> {
    let mut tops: Vec<Vec<f64>> = Vec::new();
    for layer in layers {
        let top = match tops.last() {
            Some(below) => below
                .iter()
                .zip(&layer.heights)
                .map(|(a, b)| a + b)
                .collect(),
            None => layer.heights.clone(),
        };
        tops.push(top);
    }
    tops
}

/// The first day of every second month, or of every month of a short time.
fn month_starts(days: &[i32]) -> Vec<i32> {
    let ymd = |day: i32| LocalDate::from_day(day).map_or((0, 0, 0), LocalDate::ymd);
    let starts = days.iter().copied().filter(|day| ymd(*day).2 == 1);
    let starts: Vec<i32> = starts.collect();
    let step = starts.len().div_ceil(13).max(1);
    starts.into_iter().step_by(step).collect()
}

fn month_label(day: i32) -> String {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (year, month, _) = LocalDate::from_day(day).map_or((0, 1, 1), LocalDate::ymd);
    let name = NAMES
        .iter()
        .zip(1_u32..)
        .find(|(_, number)| *number == month);
    name.map_or_else(String::new, |(name, _)| format!("{name} {year}"))
}
