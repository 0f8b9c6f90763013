//! Talks to the authority: accounts and orders.

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType,
    Error, HttpClient, Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use serde::{Deserialize, Serialize};

use crate::acme::answers::Answers;
use crate::acme::{AcmeOptions, Proof};
use crate::forward::upstream::Connector;
use crate::tls::ClientOptions;
use crate::tls::connect;

/// Longest wait for one answer of the authority.
const ANSWER: Duration = Duration::from_secs(30);
/// How often an order is looked at until the authority has decided.
const PATIENCE: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .timeout(Duration::from_secs(120));

/// How often it is asked for the certificate: what was issued and not fetched is lost, and counts all the same.
const ISSUING: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .timeout(Duration::from_secs(900));

/// An account as it is kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    credentials: AccountCredentials,
    contacts: Vec<String>,
}

/// A client for authorities.
#[derive(Debug, Clone)]
pub(crate) struct Authority(Client<Connector, BodyWrapper<Bytes>>);

impl HttpClient for Authority {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let asking = self.0.request(request);
        Box::pin(async move {
            let asked = tokio::time::timeout(ANSWER, asking).await;
            let answer = asked.map_err(|late| Error::Other(Box::new(late)))?;
            answer
                .map(BytesResponse::from)
                .map_err(|error| Error::Other(Box::new(error)))
        })
    }
}

impl Authority {
    /// `ca` is who signed the authority's own certificate, if not one of the system's authorities.
    pub(crate) fn new(ca: Option<PathBuf>) -> anyhow::Result<Self> {
        let options = ClientOptions {
            ca,
            ..ClientOptions::default()
        };
        let tls = connect::Connector::new(options).context("--acme-ca")?;
        let client = Client::builder(TokioExecutor::new()).build(Connector::new(tls));
        Ok(Self(client))
    }

    /// Makes an account; its terms were accepted on the command line.
    pub(crate) async fn register(&self, options: &AcmeOptions) -> anyhow::Result<(Account, Kept)> {
        let contact: Vec<&str> = options.contacts.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let builder = Account::builder_with_http(Box::new(self.clone()));
        let made = builder.create(&new, options.directory.clone(), None).await;
        let (account, credentials) = made.context("cannot make an account")?;
        let kept = Kept {
            credentials,
            contacts: options.contacts.clone(),
        };
        Ok((account, kept))
    }

    /// The account that was `kept`, with the contacts of now.
    pub(crate) async fn known(&self, kept: Kept, options: &AcmeOptions) -> anyhow::Result<Account> {
        let builder = Account::builder_with_http(Box::new(self.clone()));
        let account = builder.from_credentials(kept.credentials).await?;
        if kept.contacts != options.contacts {
            let contacts: Vec<&str> = options.contacts.iter().map(String::as_str).collect();
            account
                .update_contacts(&contacts)
                .await
                .context("cannot change the contacts of the account")?;
        }
        Ok(account)
    }

    /// Orders a certificate: the PEM of certificate, chain and key.
    pub(crate) async fn order(
        &self,
        account: &Account,
        options: &AcmeOptions,
    ) -> anyhow::Result<String> {
        let names: Vec<_> = options
            .domains
            .iter()
            .cloned()
            .map(Identifier::Dns)
            .collect();
        let mut order = account.new_order(&NewOrder::new(&names)).await?;
        let _out = Out(&options.answers);
        answer(&mut order, options).await?;
        // When the authority did not like an answer, the order says less about it than the challenge.
        let ready = order.poll_ready(&PATIENCE).await;
        if !matches!(ready, Ok(OrderStatus::Ready)) {
            let reasons = complaints(&mut order).await;
            match ready {
                _ if !reasons.is_empty() => bail!("{}", reasons.join("; ")),
                Err(error) => return Err(error).context("the order failed"),
                Ok(status) => bail!("the order is {status:?}"),
            }
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(options.domains.clone())?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key)?;
        order.finalize_csr(request.der()).await?;
        let chain = order.poll_certificate(&ISSUING).await?;
        Ok(format!("{}\n{}", chain.trim_end(), key.serialize_pem()))
    }
}

/// Takes back the answers when the order is over, however it ends.
struct Out<'a>(&'a Answers);

impl Drop for Out<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Prepares the answers to everything that the authority wants to know, and tells it to ask.
async fn answer(order: &mut Order, options: &AcmeOptions) -> anyhow::Result<()> {
    let kind = match options.proof {
        Proof::TlsAlpn01 => ChallengeType::TlsAlpn01,
        Proof::Http01 => ChallengeType::Http01,
    };
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let name = authorization.identifier().to_string();
        match authorization.status {
            AuthorizationStatus::Pending => {}
            AuthorizationStatus::Valid => continue,
            status => bail!("the authority does not let us prove that {name} is ours: {status:?}"),
        }
        let mut challenge = authorization.challenge(kind.clone()).ok_or_else(|| {
            anyhow!("the authority does not offer the proof of --acme-challenge for {name}")
        })?;
        let proof = challenge.key_authorization();
        match options.proof {
            Proof::TlsAlpn01 => options.answers.show(&name, proof.digest().as_ref())?,
            Proof::Http01 => options.answers.say(&challenge.token, proof.as_str()),
        }
        challenge.set_ready().await?;
    }
    Ok(())
}

/// What the authority says was wrong with our answers.
async fn complaints(order: &mut Order) -> Vec<String> {
    let mut all = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let name = authorization.identifier().to_string();
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let errors = state.challenges.iter().filter_map(|it| it.error.as_ref());
        all.extend(errors.map(|error| format!("{name}: {error}")));
    }
    all
}
