//! Every operation for every caller.

use std::collections::BTreeSet;
use std::process::Command;

use e2e::peers;
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::Value;

use super::answer::Answer;
use super::callers::{self, Caller};
use super::deviations::Suite;
use super::model::expected;
use super::operations::{OPERATIONS, Operation};
use super::report::{Exchange, Report};
use super::scopes::{METASCOPES, SCOPES};
use super::world::{self, AT_ONCE, Request, World};

#[tokio::test]
async fn every_operation_answers_every_caller_as_jupyterhub_does() {
    let callers = callers::all();
    let (theirs, ours) = world::both(&callers, &[]).await;
    let (reading, writing): (Vec<_>, Vec<_>) = OPERATIONS
        .iter()
        .partition(|operation| operation.method == "GET");
    let mut report = Report::new(Suite::Operations);
    for operations in [reading, writing] {
        let (their_answers, our_answers) = tokio::join!(
            answers(&theirs, &callers, &operations),
            answers(&ours, &callers, &operations)
        );
        for ((number, operation, theirs_said), (_, _, ours_said)) in
            their_answers.into_iter().zip(our_answers)
        {
            let (caller, target) = (&callers[number], &theirs.targets[number]);
            report.add(Exchange {
                call: operation.id.to_owned(),
                caller: caller.name(),
                expected: Some(expected(operation, caller, target)),
                theirs: theirs_said,
                ours: ours_said,
            });
        }
    }
    if let Some(exchange) = the_end(&theirs, &ours, &callers).await {
        report.add(exchange);
    }
    report.judge();
}

/// An administrator stops both hubs.
async fn the_end(theirs: &World, ours: &World, callers: &[Caller]) -> Option<Exchange> {
    let caller = callers.iter().position(|one| *one == Caller::Admin)?;
    let request = Request {
        method: Method::POST,
        path: "/shutdown".to_owned(),
        headers: Vec::new(),
        body: Some(br#"{"servers": true, "proxy": true}"#.to_vec()),
    };
    let (their_answer, our_answer) =
        tokio::join!(theirs.ask(caller, &request), ours.ask(caller, &request));
    Some(Exchange {
        call: "post-shutdown in earnest".to_owned(),
        caller: Caller::Admin.name(),
        expected: Some(202),
        theirs: Answer::of(&their_answer, &theirs.targets[caller]),
        ours: Answer::of(&our_answer, &ours.targets[caller]),
    })
}

/// What each caller gets for each operation. The calls of one caller follow one another, as their order matters.
async fn answers<'a>(
    world: &World,
    callers: &[Caller],
    operations: &[&'a Operation],
) -> Vec<(usize, &'a Operation, Answer)> {
    let of_one = async |number: usize| {
        let mut answers = Vec::new();
        for operation in operations {
            let reply = world.ask(number, &request(operation)).await;
            let mut answer = Answer::of(&reply, &world.targets[number]);
            if answer.status == 202 && operation.starts_or_stops() {
                // Slow, not different: 201 and 204 become 202 after ten seconds, at either hub.
                world.settled(&world.targets[number].user).await;
                answer.status = operation.success;
                answer.slow = true;
            }
            answers.push((number, *operation, answer));
        }
        answers
    };
    let all: Vec<_> = stream::iter(0..callers.len())
        .map(of_one)
        .buffered(AT_ONCE)
        .collect()
        .await;
    all.into_iter().flatten().collect()
}

fn request(operation: &Operation) -> Request {
    Request {
        method: Method::from_bytes(operation.method.as_bytes()).expect("a method"),
        path: operation.path.to_owned(),
        headers: Vec::new(),
        body: operation.body.map(|body| body.as_bytes().to_vec()),
    }
}

/// Upstream's API description, as JSON.
fn description() -> Value {
    let file = peers::sdist().join("docs/source/_static/rest-api.yml");
    let read = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout, default=str)";
    let output = Command::new(peers::python("python"))
        .args(["-c", read])
        .arg(&file)
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_table_has_every_operation_and_every_scope_of_the_description() {
    let description = description();
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let id = operation["operationId"].as_str().expect("an id").to_owned();
            described.insert((id, method.to_uppercase(), path.matches('/').count()));
        }
    }
    let ours: BTreeSet<_> = OPERATIONS
        .iter()
        .map(|one| {
            (
                one.id.to_owned(),
                one.method.to_owned(),
                one.path.matches('/').count(),
            )
        })
        .collect();
    assert_eq!(ours, described);
    assert_eq!(OPERATIONS.len(), 54);

    let oauth = &description["components"]["securitySchemes"]["oauth2"];
    let scopes = oauth["flows"]["authorizationCode"]["scopes"].as_object();
    let described: BTreeSet<_> = scopes.expect("scopes").keys().map(String::as_str).collect();
    let ours: BTreeSet<_> = SCOPES
        .iter()
        .map(|(name, _)| *name)
        .chain(METASCOPES.iter().copied())
        .collect();
    assert_eq!(ours, described);
}
