//! Collects figures over rounds and prints them as one table.

use std::collections::BTreeMap;
use std::error::Error;

/// Figures by name, one value a round, and goals as ratios of medians.
#[derive(Debug, Default)]
pub struct Report {
    names: Vec<String>,
    figures: BTreeMap<String, Vec<f64>>,
    goals: Vec<(String, f64, f64, bool)>,
}

impl Report {
    /// Adds a round's value.
    pub fn add(&mut self, name: &str, value: f64) {
        if !self.figures.contains_key(name) {
            self.names.push(name.to_owned());
        }
        self.figures.entry(name.to_owned()).or_default().push(value);
    }

    /// The median over the rounds.
    pub fn median(&self, name: &str) -> f64 {
        let mut values = self.figures.get(name).cloned().unwrap_or_default();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Adds a goal: a ratio that should be at least (or at most) a bound.
    pub fn goal(&mut self, name: &str, ratio: f64, bound: f64, at_least: bool) {
        self.goals.push((name.to_owned(), ratio, bound, at_least));
    }

    /// Prints both tables.
    pub fn print(&self) {
        println!(
            "\n{:<52} {:>12} {:>12} {:>12}",
            "figure", "median", "min", "max"
        );
        for (name, values) in self
            .names
            .iter()
            .filter_map(|n| self.figures.get_key_value(n))
        {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            println!(
                "{name:<52} {:>12.3} {low:>12.3} {high:>12.3}",
                self.median(name)
            );
        }
        println!("\n{:<52} {:>8} {:>10}", "goal", "ratio", "wanted");
        for (name, ratio, bound, at_least) in &self.goals {
            let met = if *at_least {
                ratio >= bound
            } else {
                ratio <= bound
            };
            let sign = if *at_least { "≥" } else { "≤" };
            println!(
                "{name:<52} {ratio:>8.2} {sign:>4} {bound:<5} {}",
                if met { "met" } else { "MISSED" }
            );
        }
    }

    /// Writes the figures as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, name: &str) -> Result<(), Box<dyn Error>> {
        let folder = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
        let folder = std::path::Path::new(&folder).join("bench");
        std::fs::create_dir_all(&folder)?;
        let goals: Vec<_> = self
            .goals
            .iter()
            .map(|(name, ratio, bound, at_least)| {
                serde_json::json!({"goal": name, "ratio": ratio, "bound": bound, "at_least": at_least})
            })
            .collect();
        let content = serde_json::json!({"figures": self.figures, "goals": goals});
        std::fs::write(
            folder.join(format!("{name}.json")),
            serde_json::to_string_pretty(&content)?,
        )?;
        Ok(())
    }
}
