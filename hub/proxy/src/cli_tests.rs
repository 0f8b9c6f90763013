use super::*;

fn parse(options: &[&str]) -> Result<Args, clap::Error> {
    parse_from(std::iter::once("hub-proxy").chain(options.iter().copied()))
}

#[test]
fn unknown_options_exit_with_one() {
    for options in [
        &["--frobnicate"][..],
        &["--port", "x"],
        &["--port"],
        &["--socket=/s", "--port=1"],
        &["extra"],
    ] {
        assert_eq!(exit_code(&parse(options).unwrap_err()), 1, "{options:?}");
    }
    for options in ["--help", "--version", "-V", "-h"] {
        assert_eq!(exit_code(&parse(&[options]).unwrap_err()), 0);
    }
}

/// What `configurable-http-proxy --help` of 5.3.0 lists, with a value where it takes one.
const UPSTREAM: &str = "--ip=h --port=1 --socket=/s --ssl-key=f --ssl-cert=f --ssl-ca=f --ssl-request-cert \
    --ssl-reject-unauthorized --ssl-protocol=TLSv1_2 --ssl-ciphers=HIGH --ssl-allow-rc4 --ssl-dhparam=f --api-ip=h \
    --api-port=1 --api-socket=/s --api-ssl-key=f --api-ssl-cert=f --api-ssl-ca=f --api-ssl-request-cert \
    --api-ssl-reject-unauthorized --client-ssl-key=f --client-ssl-cert=f --client-ssl-ca=f --client-ssl-request-cert \
    --client-ssl-reject-unauthorized --default-target=u --error-target=u --error-path=d --redirect-port=1 \
    --pid-file=f --no-x-forward --no-prepend-path --no-include-prefix --auto-rewrite \
    --change-origin --protocol-rewrite=https --custom-header=a:b --insecure --host-routing --metrics-ip=h \
    --metrics-port=1 --metrics-socket=/s --log-level=info --timeout=1 --proxy-timeout=1 --storage-backend=memory \
    --keep-alive-timeout=1";

#[test]
fn every_option_of_upstream_is_known() {
    for option in UPSTREAM.split_whitespace() {
        parse(&[option]).unwrap_or_else(|error| panic!("{option}: {error}"));
        if let Some((name, value)) = option.split_once('=') {
            parse(&[name, value]).unwrap_or_else(|error| panic!("{option}: {error}"));
        }
    }
    // It means nothing alone.
    parse(&["--redirect-port=1", "--redirect-to=1"]).unwrap();
}

#[test]
fn help_tells_of_every_option() {
    let help = <Args as clap::CommandFactory>::command()
        .render_help()
        .to_string();
    // Those that have no effect are left out.
    let silent = ["--ssl-allow-rc4", "--ssl-dhparam", "--client-ssl-re"];
    for option in UPSTREAM.split_whitespace() {
        let name = option.split('=').next().unwrap();
        let told = help.contains(&format!("{name} ")) || help.contains(&format!("{name}\n"));
        assert_eq!(
            told,
            !silent.iter().any(|one| name.starts_with(one)),
            "{name}"
        );
    }
    for variable in [
        "CONFIGPROXY_AUTH_TOKEN",
        "CONFIGPROXY_SSL_KEY_PASSPHRASE",
        "h2c://",
    ] {
        assert!(help.contains(variable), "{variable}");
    }
}

#[test]
fn the_last_of_repeated_options_wins() {
    let args = parse(&[
        "--port",
        "1",
        "--port=2",
        "--host-routing",
        "--host-routing",
    ])
    .unwrap();
    assert_eq!((args.port, args.host_routing), (Some(2), true));
}
