//! What the options of TLS mean together.

use std::path::PathBuf;

use hub_types::env::{
    CONFIGPROXY_API_SSL_KEY_PASSPHRASE, CONFIGPROXY_CLIENT_SSL_KEY_PASSPHRASE,
    CONFIGPROXY_SSL_KEY_PASSPHRASE, EnvSource,
};

use crate::acme::AcmeOptions;
use crate::cli::TlsArgs;
use crate::config::ConfigError;
use crate::tls::Ordered;
use crate::tls::locked::Passphrase;
use crate::tls::{ClientCerts, ClientOptions, Dialect, Pair, ServerOptions, TlsOptions, suites};

/// The options of one listener, by the name that they begin with.
struct Side<'a> {
    name: &'static str,
    ca: &'a Option<PathBuf>,
    request: bool,
    reject: bool,
    pair: Option<Pair>,
    ordered: Option<Ordered>,
}

/// Checks the options of TLS, and takes the passphrases of keys from `env`. Files are read later. With `acme` the public
/// listener's certificate is ordered.
pub(crate) fn options(
    args: &TlsArgs,
    acme: Option<&AcmeOptions>,
    env: &dyn EnvSource,
) -> Result<TlsOptions, ConfigError> {
    if args.ssl_allow_rc4 {
        return Err(ConfigError::Rc4);
    }
    let dialect = dialect(args)?;
    if args.ssl_dhparam.is_some() {
        tracing::warn!("--ssl-dhparam has no effect: key exchange is by elliptic curves only");
    }
    let public = Side {
        name: "--ssl",
        pair: acme.map(ordered_pair).or_else(|| {
            pair(
                &args.ssl_key,
                &args.ssl_cert,
                env,
                CONFIGPROXY_SSL_KEY_PASSPHRASE,
            )
        }),
        ca: &args.ssl_ca,
        request: args.ssl_request_cert,
        reject: args.ssl_reject_unauthorized,
        ordered: acme.map(|acme| Ordered {
            names: acme.domains.clone(),
            answers: acme.answers.clone(),
        }),
    };
    let api = Side {
        name: "--api-ssl",
        pair: pair(
            &args.api_ssl_key,
            &args.api_ssl_cert,
            env,
            CONFIGPROXY_API_SSL_KEY_PASSPHRASE,
        ),
        ca: &args.api_ssl_ca,
        request: args.api_ssl_request_cert,
        reject: args.api_ssl_reject_unauthorized,
        ordered: None,
    };
    let options = TlsOptions {
        public: server(public, &dialect)?,
        api: server(api, &dialect)?,
        client: ClientOptions {
            pair: pair(
                &args.client_ssl_key,
                &args.client_ssl_cert,
                env,
                CONFIGPROXY_CLIENT_SSL_KEY_PASSPHRASE,
            ),
            ca: args.client_ssl_ca.clone(),
            insecure: args.insecure,
            dialect,
        },
    };
    let needing = [
        ("--redirect-port", args.redirect_port.is_some()),
        ("--hsts", args.hsts.is_some()),
    ];
    match needing.into_iter().find(|(_, given)| *given) {
        Some((option, _)) if options.public.is_none() => Err(ConfigError::NeedsCertificate {
            option: option.to_owned(),
            name: "--ssl",
        }),
        _ => Ok(options),
    }
}

fn dialect(args: &TlsArgs) -> Result<Dialect, ConfigError> {
    let mut dialect = Dialect::default();
    if let Some(name) = &args.ssl_protocol {
        dialect.versions =
            suites::versions(name).ok_or_else(|| ConfigError::TlsVersion(name.clone()))?;
    }
    if let Some(list) = &args.ssl_ciphers {
        let (chosen, unknown) = suites::suites(list);
        if !unknown.is_empty() {
            tracing::warn!(
                "--ssl-ciphers: not spoken here, left out: {}",
                unknown.join(" ")
            );
        }
        dialect.suites = chosen;
    }
    let usable = |version: &&rustls::SupportedProtocolVersion| {
        let of = |suite: &rustls::SupportedCipherSuite| suite.version().version == version.version;
        dialect.suites.iter().any(of)
    };
    let versions: Vec<_> = dialect.versions.iter().copied().filter(usable).collect();
    if versions.is_empty() {
        return Err(ConfigError::NoCipher);
    }
    Ok(Dialect {
        versions,
        ..dialect
    })
}

/// The certificate and the key; either file may hold both. The passphrase is in the environment as `name`.
fn pair(
    key: &Option<PathBuf>,
    cert: &Option<PathBuf>,
    env: &dyn EnvSource,
    name: &'static str,
) -> Option<Pair> {
    let (key, cert) = (key.as_ref(), cert.as_ref());
    Some(Pair {
        cert: cert.or(key)?.clone(),
        key: key.or(cert)?.clone(),
        passphrase: env.get_nonempty(name).map(Passphrase::new),
        passphrase_from: name,
    })
}

/// Certificate and key that an authority gives us.
fn ordered_pair(acme: &AcmeOptions) -> Pair {
    Pair {
        cert: acme.certificate(),
        key: acme.certificate(),
        passphrase: None,
        passphrase_from: CONFIGPROXY_SSL_KEY_PASSPHRASE,
    }
}

fn server(side: Side<'_>, dialect: &Dialect) -> Result<Option<ServerOptions>, ConfigError> {
    let Some(pair) = side.pair else {
        let given = [
            ("-ca", side.ca.is_some()),
            ("-request-cert", side.request),
            ("-reject-unauthorized", side.reject),
        ];
        return match given.into_iter().find(|(_, given)| *given) {
            Some((rest, _)) => Err(ConfigError::NeedsCertificate {
                option: format!("{}{rest}", side.name),
                name: side.name,
            }),
            None => Ok(None),
        };
    };
    let clients = match (side.request, side.reject) {
        (false, _) => ClientCerts::Ignored,
        (true, false) => ClientCerts::Asked,
        (true, true) => ClientCerts::Required,
    };
    if side.request && side.ca.is_none() {
        return Err(ConfigError::NeedsCa(side.name));
    }
    Ok(Some(ServerOptions {
        pair,
        ca: side.ca.clone(),
        clients,
        ordered: side.ordered,
        dialect: dialect.clone(),
    }))
}
