//! The parameters of an address: which there are, and what they may say.
//!
//! They are checked here, before a driver sees them, because drivers repeat what they do not know in their errors or in
//! their logs, and it can be a password in the wrong place. What is wrong is said in fixed words: a parameter is named
//! only when it is a known one, and no value is ever repeated.

use url::form_urlencoded;

/// A parameter that a driver knows.
struct Parameter {
    name: &'static str,
    expected: &'static str,
    is_valid: fn(&str) -> bool,
}

const fn parameter(
    name: &'static str,
    expected: &'static str,
    is_valid: fn(&str) -> bool,
) -> Parameter {
    Parameter {
        name,
        expected,
        is_valid,
    }
}

/// Reads the parameters as the drivers decode them, and says what is wrong with the first that is not as it should be.
fn read(
    text: &str,
    known: &[Parameter],
    is_known_besides: fn(&str) -> bool,
) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        match known.iter().find(|parameter| parameter.name == name) {
            Some(parameter) if !(parameter.is_valid)(&value) => {
                let Parameter { name, expected, .. } = parameter;
                return Err(format!(
                    "expected {expected} for `{name}`, got another value"
                ));
            }
            None if !is_known_besides(&name) => {
                let names: Vec<_> = known.iter().map(|p| format!("`{}`", p.name)).collect();
                let names = names.join(", ");
                return Err(format!("expected only the parameters {names}, got another"));
            }
            _ => found.push((name.into_owned(), value.into_owned())),
        }
    }
    Ok(found)
}

#[cfg(feature = "sqlite")]
pub(super) use sqlite::FileAddress;

#[cfg(feature = "sqlite")]
mod sqlite {
    use super::{Parameter, parameter, read};

    const KNOWN: &[Parameter] = &[
        parameter("mode", "`ro`, `rw`, `rwc` or `memory`", |value| {
            matches!(value, "ro" | "rw" | "rwc" | "memory")
        }),
        parameter("cache", "`private` or `shared`", |value| {
            matches!(value, "private" | "shared")
        }),
        parameter("immutable", "`true` or `false`", |value| {
            matches!(value, "true" | "1" | "false" | "0")
        }),
        parameter("vfs", "a name", |value| {
            !value.is_empty() && !value.contains('\0')
        }),
    ];

    /// What the address of a file says, before anything in it is decoded.
    #[derive(Debug)]
    pub struct FileAddress<'u> {
        /// The path as it is written; nothing for memory without a name.
        pub path: Option<&'u str>,
        /// The parameters as they are written.
        pub parameters: &'u str,
        /// Whether it asks for memory instead of a file.
        pub is_in_memory: bool,
        /// Whether it says how the file is opened.
        pub has_mode: bool,
    }

    /// How addresses of files are written.
    const FORMS: &str =
        "`sqlite:///relative/file.db`, `sqlite:////absolute/file.db` or `sqlite::memory:`";

    impl<'u> FileAddress<'u> {
        /// Reads what follows the scheme `sqlite:`. As in SQLAlchemy, the path begins behind the third slash, so that one which
        /// is absolute has a fourth, and no path is memory.
        pub fn read(rest: &'u str) -> Result<Self, String> {
            let (place, text) = rest.split_once('?').unwrap_or((rest, ""));
            let parameters = read(text, KNOWN, |_| false)?;
            let asks_for_memory = |(name, value): &(String, String)| {
                matches!(
                    (name.as_str(), value.as_str()),
                    ("mode", "memory") | ("vfs", "memdb")
                )
            };
            let path = match place {
                ":memory:" | "//" | "//:memory:" | "///" | "///:memory:" => None,
                _ => match place.strip_prefix("///") {
                    Some(path) => Some(path),
                    None if place.starts_with("//") => {
                        return Err(format!("expected {FORMS}, got two slashes"));
                    }
                    None => return Err(format!("expected {FORMS}, got no three slashes")),
                },
            };
            let is_file_wanted =
                |(name, value): &(String, String)| name == "mode" && value != "memory";
            if path.is_none() && parameters.iter().any(is_file_wanted) {
                return Err("expected the path of a file with `mode`, got none".to_owned());
            }
            Ok(Self {
                path,
                parameters: text,
                is_in_memory: path.is_none() || parameters.iter().any(asks_for_memory),
                has_mode: parameters.iter().any(|(name, _)| name == "mode"),
            })
        }
    }
}

/// What the address of a server says about encryption, beside what the driver reads.
#[cfg(feature = "postgres")]
#[derive(Debug)]
pub(super) struct ServerAddress {
    /// The address as the driver reads it.
    pub url: String,
    /// The schema that it names.
    pub schema: Option<String>,
    /// Whether it sets a search path.
    pub has_search_path: bool,
    /// Whether it says how much encryption is asked for.
    pub has_ssl_mode: bool,
    /// The file with the certificates of those who may vouch for the server.
    pub root_cert: Option<String>,
    /// The file with the certificate of the client.
    pub cert: Option<String>,
    /// The file with the private key of the client.
    pub key: Option<String>,
}

#[cfg(feature = "postgres")]
impl ServerAddress {
    /// Reads an address that starts with `postgres:` or `postgresql:`.
    pub fn read(url: &str) -> Result<Self, String> {
        // What is wrong with the other parts is said in fixed words by the parser itself.
        let mut url = url::Url::parse(url).map_err(|error| error.to_string())?;
        let is_option = |name: &str| name.starts_with("options[") && name.ends_with(']');
        let parameters = read(url.query().unwrap_or_default(), POSTGRES, is_option)?;
        let (mut has_ssl_mode, mut has_search_path) = (false, false);
        let mut schema = None;
        let (mut root_cert, mut cert, mut key) = (None, None, None);
        let mut of_driver = form_urlencoded::Serializer::new(String::new());
        for (name, value) in parameters {
            // As the driver of Python that goes by this name has it.
            let name = if name == "ssl" { "sslmode" } else { &name };
            if name == "schema" {
                schema = Some(value);
                continue;
            }
            has_search_path |= name.starts_with("options")
                && (name.contains("search_path") || value.contains("search_path"));
            of_driver.append_pair(name, &value);
            match name {
                "sslmode" | "ssl-mode" => has_ssl_mode = true,
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => root_cert = Some(value),
                "sslcert" | "ssl-cert" => cert = Some(value),
                "sslkey" | "ssl-key" => key = Some(value),
                _ => {}
            }
        }
        if cert.is_some() != key.is_some() {
            return Err("expected `sslcert` and `sslkey` together, got one of them".to_owned());
        }
        let of_driver = of_driver.finish();
        url.set_query(Some(of_driver.as_str()).filter(|query| !query.is_empty()));
        Ok(Self {
            url: url.into(),
            schema,
            has_search_path,
            has_ssl_mode,
            root_cert,
            cert,
            key,
        })
    }
}

#[cfg(feature = "postgres")]
const POSTGRES: &[Parameter] = &[
    parameter("sslmode", SSL_MODES, is_ssl_mode),
    parameter("ssl", SSL_MODES, is_ssl_mode),
    parameter("ssl-mode", SSL_MODES, is_ssl_mode),
    parameter("sslrootcert", TEXT, is_text),
    parameter("ssl-root-cert", TEXT, is_text),
    parameter("ssl-ca", TEXT, is_text),
    parameter("sslcert", TEXT, is_text),
    parameter("ssl-cert", TEXT, is_text),
    parameter("sslkey", TEXT, is_text),
    parameter("ssl-key", TEXT, is_text),
    parameter("statement-cache-capacity", "a number", |value| {
        value.parse::<usize>().is_ok()
    }),
    parameter("host", TEXT, is_text),
    parameter("hostaddr", "the address of a host", |value| {
        value.parse::<std::net::IpAddr>().is_ok()
    }),
    parameter("port", "the number of a port", |value| {
        value.parse::<u16>().is_ok()
    }),
    parameter("dbname", TEXT, is_text),
    parameter("user", TEXT, is_text),
    parameter("password", TEXT, is_text),
    parameter("application_name", TEXT, is_text),
    parameter("options", TEXT, is_text),
    parameter("schema", SCHEMA, is_schema_name),
];

#[cfg(feature = "postgres")]
const SSL_MODES: &str = "`disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`";

/// What the name of a schema is.
pub(super) const SCHEMA: &str = "up to 63 lower-case letters, digits and `_`";

/// Whether a text can be the name of a schema. Names that would have to be quoted are none, so that everybody who reads one in
/// an address and in `psql` reads the same.
pub(super) fn is_schema_name(text: &str) -> bool {
    let begins = |c: char| c.is_ascii_lowercase() || c == '_';
    (1..=63).contains(&text.len())
        && text.starts_with(begins)
        && text.chars().all(|c| begins(c) || c.is_ascii_digit())
        && !text.starts_with("pg_")
}

#[cfg(feature = "postgres")]
const TEXT: &str = "text without a NUL";

#[cfg(feature = "postgres")]
fn is_ssl_mode(value: &str) -> bool {
    let modes = [
        "disable",
        "allow",
        "prefer",
        "require",
        "verify-ca",
        "verify-full",
    ];
    modes.iter().any(|mode| mode.eq_ignore_ascii_case(value))
}

#[cfg(feature = "postgres")]
fn is_text(value: &str) -> bool {
    !value.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_named_without_quotes() {
        for name in ["rewards", "public", "_x1", "user", &"a".repeat(63)] {
            assert!(is_schema_name(name), "{name}");
        }
        let long = "a".repeat(64);
        for name in [
            "",
            "Rewards",
            "1a",
            "a-b",
            "a b",
            "pg_catalog",
            "a\"b",
            "a,b",
            "ä",
            &long,
        ] {
            assert!(!is_schema_name(name), "{name}");
        }
    }
}
