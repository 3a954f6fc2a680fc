//! Names that were probably meant, and hostile text cut to a bearable length.

/// Longest refused text that is repeated in a message, in characters.
const EXCERPT_CHARS_MAX: usize = 64;

/// The known name that `name` was probably meant to be: the one with the fewest edits, if those are few, and the first
/// in the alphabet of several. So the order in which the known names come does not matter.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > EXCERPT_CHARS_MAX {
        return None;
    }
    let wanted = name.to_lowercase();
    let allowed = wanted.chars().count().div_ceil(3);
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= EXCERPT_CHARS_MAX)
        .map(|candidate| {
            let edits = strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase());
            (edits, candidate)
        })
        .min()
        .filter(|(edits, _)| *edits <= allowed)
        .map(|(_, candidate)| candidate)
}

/// The start of hostile input, so that a refused megabyte does not travel on inside its problem.
pub(crate) fn excerpt(text: &str) -> String {
    let mut rest = text.chars();
    let mut start: String = rest.by_ref().take(EXCERPT_CHARS_MAX).collect();
    if rest.next().is_some() {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_if_one_is_near() {
        let known = ["category", "channel", "country"];
        for (name, want) in [
            ("categry", Some("category")),
            ("Category", Some("category")),
            ("cuontry", Some("country")),
            ("chanel", Some("channel")),
            ("price", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), want, "{name}");
        }
        assert_eq!(nearest(&"c".repeat(100_000), known), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(excerpt("short"), "short");
        assert_eq!(excerpt(&"ä".repeat(1_000)).chars().count(), 65);
    }
}
