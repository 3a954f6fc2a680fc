//! Encrypted connections to PostgreSQL: what is asked for, what is found out, and how a refusal reads.

use std::error::Error;
use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rewards_core::rejection::Fault;
use rewards_storage::address::Address;
use rewards_storage::sql::SqlOptions;
use rewards_tests::postgres::Cluster;

type Failed = Box<dyn Error + Send + Sync>;
type Authority = CertifiedIssuer<'static, KeyPair>;

/// A name by which the tests find their connections among those of the server.
const NAME: &str = "rewards_tls";

/// How a case ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// In a connection that is encrypted or not.
    Open { encrypted: bool },
    /// In `store_refused`, with these words.
    Refused(&'static str),
}

const PLAIN: End = End::Open { encrypted: false };
const ENCRYPTED: End = End::Open { encrypted: true };

/// An address that is no loopback address and leads to this machine all the same.
const ELSEWHERE: &str = "0.0.0.0";

/// On a server without encryption: host, parameters and end.
const WITHOUT: &[(&str, &str, End)] = &[
    ("127.0.0.1", "", PLAIN),
    ("localhost", "", PLAIN),
    ("{socket}", "", PLAIN),
    ("{socket}", "&sslmode=require", PLAIN),
    (ELSEWHERE, "", End::Refused("`sslmode=disable`")),
    (ELSEWHERE, "&sslmode=require", End::Refused("`sslmode`")),
    (ELSEWHERE, "&sslmode=disable", PLAIN),
    (ELSEWHERE, "&sslmode=prefer", PLAIN),
    ("127.0.0.1", "&sslmode=require", End::Refused("`sslmode`")),
];

/// On a server whose certificate is for 127.0.0.1 and db.example.
const WITH: &[(&str, &str, End)] = &[
    ("127.0.0.1", "", ENCRYPTED),
    ("127.0.0.1", "&sslmode=disable", PLAIN),
    ("{socket}", "&sslmode=verify-full", PLAIN),
    (ELSEWHERE, "", ENCRYPTED),
    (
        "127.0.0.1",
        "&sslmode=verify-full&sslrootcert={ca}",
        ENCRYPTED,
    ),
    ("127.0.0.1", "&sslrootcert={ca}", ENCRYPTED),
    (
        "localhost",
        "&sslmode=verify-ca&sslrootcert={ca}",
        ENCRYPTED,
    ),
    (
        "localhost",
        "&sslmode=verify-full&sslrootcert={ca}",
        End::Refused("not valid for name"),
    ),
    (
        ELSEWHERE,
        "&sslrootcert={ca}",
        End::Refused("not valid for name"),
    ),
    (
        "127.0.0.1",
        "&sslmode=verify-full",
        End::Refused("`sslrootcert`"),
    ),
    (
        "127.0.0.1",
        "&sslmode=verify-full&sslrootcert={other}",
        End::Refused("`sslrootcert`"),
    ),
    (
        ELSEWHERE,
        "&sslmode=require&sslrootcert={other}",
        End::Refused("`sslrootcert`"),
    ),
    (
        "127.0.0.1",
        "&sslrootcert={missing}",
        End::Refused("the file that `sslrootcert` names cannot be read"),
    ),
    (
        "127.0.0.1",
        "&sslrootcert={key}",
        End::Refused("the file that `sslrootcert` names has no certificate"),
    ),
    (
        "127.0.0.1",
        "&sslcert={missing}&sslkey={key}",
        End::Refused("the file that `sslcert` names cannot be read"),
    ),
    (
        "127.0.0.1",
        "&sslcert={cert}&sslkey={cert}",
        End::Refused("the file that `sslkey` names has no private key"),
    ),
    (
        "127.0.0.1",
        "&sslmode=verify-full&sslrootcert={ca}&sslcert={cert}&sslkey={key}",
        ENCRYPTED,
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_machine_is_reached_encrypted_or_not_at_all() -> Result<(), Failed> {
    let cluster = Cluster::start_private()?;
    let folder = tempfile::tempdir()?;
    cluster.create_database("books")?;
    for case in WITHOUT {
        check(&cluster, folder.path(), case).await?;
    }
    let settings = "ssl = on\nssl_ca_file = 'ca.pem'\n";
    let files = certificates(folder.path())?;
    cluster.reconfigure(
        settings,
        &[
            ("server.crt", &files.server),
            ("server.key", &files.server_key),
            ("ca.pem", &files.authority),
        ],
    )?;
    for case in WITH {
        check(&cluster, folder.path(), case).await?;
    }
    Ok(())
}

async fn check(
    cluster: &Cluster,
    folder: &Path,
    (host, parameters, end): &(&str, &str, End),
) -> Result<(), Failed> {
    let case = format!("{host} {parameters}");
    match (open(cluster, folder, host, parameters).await?, end) {
        (Ok(is_encrypted), End::Open { encrypted }) => {
            assert_eq!(is_encrypted, *encrypted, "{case}");
        }
        (Err(fault), End::Refused(words)) => {
            assert_eq!(fault.code, "store_refused", "{case}: {fault}");
            assert!(fault.detail.contains(words), "{case}: {fault}");
            assert!(fault.detail.contains("`ssl"), "{case}: {fault}");
            let folder = folder.display().to_string();
            for hidden in ["secret", folder.as_str(), "PRIVATE KEY"] {
                assert!(!fault.to_string().contains(hidden), "{case}: {fault}");
            }
        }
        (found, _) => return Err(format!("{case}: {found:?}").into()),
    }
    Ok(())
}

/// Opens the store and finds out whether its connection is encrypted.
async fn open(
    cluster: &Cluster,
    folder: &Path,
    host: &str,
    parameters: &str,
) -> Result<Result<bool, Fault>, Failed> {
    let url = cluster.url("books");
    let port = url
        .rsplit(':')
        .next()
        .and_then(|rest| rest.split('/').next());
    let port = port.ok_or("an address has a port")?;
    let mut parameters = parameters.to_owned();
    for name in ["ca", "other", "missing", "cert", "key"] {
        let path = folder.join(format!("{name}.pem")).display().to_string();
        parameters = parameters.replace(&format!("{{{name}}}"), &path);
    }
    let socket = cluster.folder().ok_or("a private cluster has a folder")?;
    let host = match host {
        "{socket}" => socket.display().to_string().replace('/', "%2F"),
        host => host.to_owned(),
    };
    let url = format!(
        "postgresql://postgres:secret@{host}:{port}/books?application_name={NAME}{parameters}"
    );
    let store = match Address::parse(&url)?.open(SqlOptions::default()).await {
        Ok(store) => store,
        Err(fault) => return Ok(Err(fault)),
    };
    let sql = format!(
        "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where application_name = '{NAME}'"
    );
    let encrypted = cluster.execute("books", &sql)?;
    store.close().await?;
    Ok(Ok(encrypted == "t"))
}

struct Files {
    authority: String,
    server: String,
    server_key: String,
}

/// Makes an authority, a certificate of the server and one of a client; and another authority, which nobody trusts.
fn certificates(folder: &Path) -> Result<Files, Failed> {
    let authority = authority("the authority of this test")?;
    fs::write(folder.join("ca.pem"), authority.pem())?;
    fs::write(folder.join("other.pem"), self::authority("another")?.pem())?;
    let names = vec!["127.0.0.1".to_owned(), "db.example".to_owned()];
    let (server, server_key) = issued(&authority, CertificateParams::new(names)?)?;
    let (client, client_key) = issued(&authority, named("postgres")?)?;
    fs::write(folder.join("cert.pem"), client)?;
    fs::write(folder.join("key.pem"), client_key)?;
    Ok(Files {
        authority: authority.pem(),
        server,
        server_key,
    })
}

fn named(name: &str) -> Result<CertificateParams, Failed> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn authority(name: &str) -> Result<Authority, Failed> {
    let mut params = named(name)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// A certificate and its private key, both in PEM.
fn issued(authority: &Authority, params: CertificateParams) -> Result<(String, String), Failed> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, authority)?;
    Ok((certificate.pem(), key.serialize_pem()))
}
