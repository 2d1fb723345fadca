//! What somebody may have meant.

/// How many letters may differ.
const NEAR: usize = 3;

/// `: did you mean …?` for a name that is close to a known one, else nothing.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known.into_iter().map(|known| (strsim::osa_distance(name, known), known)).min();
    match nearest {
        Some((distance, known)) if distance <= NEAR && distance < known.len() => format!("; did you mean `{known}`?"),
        _ => String::new(),
    }
}
