//! Encryption of the connections to a server: how much is asked for, and what its failures mean.
//!
//! The driver asks for encryption and makes do without, whichever machine the server is on, and trusts whoever answers. Here
//! another machine is reached encrypted or not at all, unless the address says otherwise.

use std::fs;
use std::io;
use std::net::IpAddr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::error::StoreError;
use crate::sql::fault::classify;
use crate::sql::parameters::ServerAddress;

/// Where the driver looks for what an address does not say, as every client of PostgreSQL does.
const MODE_VARIABLE: &str = "PGSSLMODE";
const ROOT_CERT_VARIABLE: &str = "PGSSLROOTCERT";

/// With what starts each certificate of a file.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
/// With what ends the first line of each private key of a file, of whatever kind it is.
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// The options with as much encryption as the address asks for.
pub(super) fn secured(connect: PgConnectOptions, address: &ServerAddress) -> PgConnectOptions {
    let is_set = |variable| std::env::var_os(variable).is_some();
    let mode = mode(
        Place::of(&connect),
        (address.has_ssl_mode || is_set(MODE_VARIABLE)).then(|| connect.get_ssl_mode()),
        address.root_cert.is_some() || is_set(ROOT_CERT_VARIABLE),
    );
    connect.ssl_mode(mode)
}

/// Where a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind a socket of this machine, which nobody can listen to.
    Socket,
    /// On this machine.
    Here,
    /// On another machine.
    Elsewhere,
}

impl Place {
    fn of(connect: &PgConnectOptions) -> Self {
        let host = connect.get_host();
        if connect.get_socket().is_some() || host.starts_with('/') {
            return Self::Socket;
        }
        let is_here = match host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        };
        if is_here { Self::Here } else { Self::Elsewhere }
    }
}

/// How much encryption is asked for, where an address says so much or nothing about it.
fn mode(place: Place, given: Option<PgSslMode>, has_root_cert: bool) -> PgSslMode {
    match (place, given) {
        // As for every client of PostgreSQL.
        (Place::Socket, _) => PgSslMode::Disable,
        (_, Some(PgSslMode::Require)) if has_root_cert => PgSslMode::VerifyCa,
        (_, Some(given)) => given,
        // Whoever says who vouches for the server wants it to be vouched for.
        (_, None) if has_root_cert => PgSslMode::VerifyFull,
        (Place::Here, None) => PgSslMode::Prefer,
        (Place::Elsewhere, None) => PgSslMode::Require,
    }
}

/// Refuses files that cannot be used: the driver would take a missing file for a server that is away, and one without
/// certificates for one that adds none.
///
/// # Errors
/// [`StoreError::Refused`] with the name of the parameter.
pub(super) fn check_files(address: &ServerAddress) -> Result<(), StoreError> {
    let files = [
        (
            "sslrootcert",
            &address.root_cert,
            CERTIFICATE,
            "certificate",
        ),
        ("sslcert", &address.cert, CERTIFICATE, "certificate"),
        ("sslkey", &address.key, PRIVATE_KEY, "private key"),
    ];
    for (name, file, mark, what) in files {
        let Some(file) = file else { continue };
        let detail = match fs::read(file) {
            Ok(text) if text.windows(mark.len()).any(|part| part == mark.as_bytes()) => continue,
            Ok(_) => format!("the file that `{name}` names has no {what} in PEM"),
            Err(error) => format!("the file that `{name}` names cannot be read: {error}"),
        };
        return Err(StoreError::Refused { detail });
    }
    Ok(())
}

/// The error of a first connection in the words of the store. Where encryption failed, trying again does not help.
pub(super) fn explained(error: sqlx::Error) -> StoreError {
    const OFFER: &str =
        "turn on `ssl` on the server; or say `sslmode=disable`, where nobody can listen on the way";
    const TRUST: &str =
        "check `sslmode`, the name of the host, and the file that `sslrootcert` names";
    let detail = match &error {
        sqlx::Error::Tls(source) if source.to_string().contains("does not support TLS") => {
            format!(
                "the server does not take encrypted connections, and `sslmode` asks for one: {OFFER}"
            )
        }
        sqlx::Error::Tls(source) => format!("no encrypted connection: {source}; {TRUST}"),
        // What is wrong with a certificate comes as data that cannot be read.
        sqlx::Error::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
            format!("no encrypted connection: {source}; {TRUST}")
        }
        _ => return classify(error),
    };
    StoreError::Refused { detail }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    fn mode_of(url: &str, has_root_cert: bool) -> String {
        let address = ServerAddress::read(url).unwrap();
        let connect = PgConnectOptions::from_str(url).unwrap();
        let given = address.has_ssl_mode.then(|| connect.get_ssl_mode());
        format!("{:?}", mode(Place::of(&connect), given, has_root_cert))
    }

    #[test]
    fn another_machine_is_reached_encrypted_unless_the_address_says_otherwise() {
        for (url, want, with_root_cert) in [
            ("postgres://db.example/books", "Require", "VerifyFull"),
            ("postgres://10.0.0.7/books", "Require", "VerifyFull"),
            ("postgres://0.0.0.0/books", "Require", "VerifyFull"),
            (
                "postgres://h/books?hostaddr=10.0.0.7",
                "Require",
                "VerifyFull",
            ),
            (
                "postgres://localhost.example/books",
                "Require",
                "VerifyFull",
            ),
            ("postgres://localhost/books", "Prefer", "VerifyFull"),
            ("postgres://LocalHost/books", "Prefer", "VerifyFull"),
            ("postgres://127.0.0.1/books", "Prefer", "VerifyFull"),
            ("postgres://127.8.8.8/books", "Prefer", "VerifyFull"),
            ("postgres://h/books?host=::1", "Prefer", "VerifyFull"),
            (
                "postgres://h/books?host=/run/postgresql",
                "Disable",
                "Disable",
            ),
            (
                "postgres://%2Frun%2Fpostgresql/books?sslmode=require",
                "Disable",
                "Disable",
            ),
            (
                "postgres://db.example/books?sslmode=disable",
                "Disable",
                "Disable",
            ),
            (
                "postgres://db.example/books?ssl-mode=prefer",
                "Prefer",
                "Prefer",
            ),
            (
                "postgres://db.example/books?sslmode=require",
                "Require",
                "VerifyCa",
            ),
            (
                "postgres://db.example/books?sslmode=verify-ca",
                "VerifyCa",
                "VerifyCa",
            ),
            (
                "postgres://localhost/books?sslmode=verify-full",
                "VerifyFull",
                "VerifyFull",
            ),
        ] {
            assert_eq!(mode_of(url, false), want, "{url}");
            assert_eq!(
                mode_of(url, true),
                with_root_cert,
                "{url} with a root certificate"
            );
        }
    }
}
