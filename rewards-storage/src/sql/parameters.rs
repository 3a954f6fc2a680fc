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

    /// What the address of a file says beside what the driver reads.
    #[derive(Debug)]
    pub struct FileAddress {
        /// Whether it asks for memory instead of a file.
        pub is_in_memory: bool,
        /// Whether it says how the file is opened.
        pub has_mode: bool,
    }

    impl FileAddress {
        /// Reads an address that starts with `sqlite:`.
        pub fn read(url: &str) -> Result<Self, String> {
            let (place, text) = url.split_once('?').unwrap_or((url, ""));
            // As the driver takes the scheme off.
            let place = place
                .trim_start_matches("sqlite://")
                .trim_start_matches("sqlite:");
            let parameters = read(text, KNOWN, |_| false)?;
            let asks_for_memory = |(name, value): &(String, String)| {
                matches!(
                    (name.as_str(), value.as_str()),
                    ("mode", "memory") | ("vfs", "memdb")
                )
            };
            Ok(Self {
                is_in_memory: place == ":memory:" || parameters.iter().any(asks_for_memory),
                has_mode: parameters.iter().any(|(name, _)| name == "mode"),
            })
        }
    }
}

/// What the address of a server says about encryption, beside what the driver reads.
#[cfg(feature = "postgres")]
#[derive(Debug, Default)]
pub(super) struct ServerAddress {
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
        let url = url::Url::parse(url).map_err(|error| error.to_string())?;
        let is_option = |name: &str| name.starts_with("options[") && name.ends_with(']');
        let parameters = read(url.query().unwrap_or_default(), POSTGRES, is_option)?;
        let mut address = Self::default();
        for (name, value) in parameters {
            match name.as_str() {
                "sslmode" | "ssl-mode" => address.has_ssl_mode = true,
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => address.root_cert = Some(value),
                "sslcert" | "ssl-cert" => address.cert = Some(value),
                "sslkey" | "ssl-key" => address.key = Some(value),
                _ => {}
            }
        }
        if address.cert.is_some() != address.key.is_some() {
            return Err("expected `sslcert` and `sslkey` together, got one of them".to_owned());
        }
        Ok(address)
    }
}

#[cfg(feature = "postgres")]
const POSTGRES: &[Parameter] = &[
    parameter("sslmode", SSL_MODES, is_ssl_mode),
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
];

#[cfg(feature = "postgres")]
const SSL_MODES: &str = "`disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`";

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
