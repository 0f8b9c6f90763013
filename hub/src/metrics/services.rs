//! Services of the configuration.

use ::metrics::{Key, Label, Recorder as _};
use ::services::supervisor::{ServiceStatus, State};

use super::names::{SERVICE_ANSWERS, SERVICE_RESTARTS, SERVICE_STATE};
use super::{Metrics, metadata};

impl Metrics {
    /// How a service of the configuration is. (Of those, because they stay as long as this process: what has been shown
    /// once is shown for ever.)
    /// `has_url`: whether there is anything to answer.
    pub fn set_service(&self, name: &str, status: &ServiceStatus, has_url: bool) {
        let named = |metric: &str, state: Option<&'static str>| {
            let mut labels = vec![Label::new("service", name.to_owned())];
            labels.extend(state.map(|state| Label::from_static_parts("state", state)));
            Key::from_parts(self.name(metric), labels)
        };
        let gauge = |key: &Key, on: bool| {
            let gauge = self.0.recorder.register_gauge(key, &metadata());
            gauge.set(if on { 1.0 } else { 0.0 });
        };
        if status.state != State::External {
            for state in State::MANAGED {
                gauge(
                    &named(SERVICE_STATE, Some(state.as_str())),
                    state == status.state,
                );
            }
            let restarts = named(SERVICE_RESTARTS, None);
            let restarts = self.0.recorder.register_counter(&restarts, &metadata());
            restarts.absolute(status.restarts);
        }
        // A service that does not run does not answer either; one that has just been started was not asked yet.
        let silent = status.state != State::External && status.state != State::Running;
        let answers = status.answers.or(silent.then_some(false));
        if let (true, Some(answers)) = (has_url, answers) {
            gauge(&named(SERVICE_ANSWERS, None), answers);
        }
    }
}
