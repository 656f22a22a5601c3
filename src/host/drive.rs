//! The loop: decide, commit, do what is awaited, fold what came back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::credentials::Credentials;
use super::identity::{self, Answers, Identities};
use super::journal::Journal;
use super::shared::Surroundings;
use super::{Host, HostError, RunReport, report, send};
use crate::base::Timestamp;
use crate::engine::{Engine, Event, Need, Path, PauseCause, Phase, What};
use crate::plan::{Plan, Verified};

/// What a task brings back.
enum Completion {
    Verdict(Answers),
    Outcome(Event),
    /// A child run let go; what there is to record of it.
    Flow(Option<Event>),
}

impl Host {
    pub(super) async fn drive(
        &self,
        plan: &Arc<Verified<Plan>>,
        engine: &Engine<'_>,
        mut journal: Journal<'_>,
        credentials: Arc<Credentials>,
        mut pause: watch::Receiver<bool>,
    ) -> Result<RunReport, HostError> {
        let identities =
            Arc::new(Identities::new(plan.clone(), self.parts.config.clone(), self.observations.clone()));
        // Until the warm-up is done no step starts: our own agent and operator are asked for at start.
        tokio::select! {
            () = identities.warm_up() => {}
            () = asked(&mut pause) => {}
        }
        let mut under_way = BTreeSet::new();
        let mut tasks: JoinSet<Result<Completion, HostError>> = JoinSet::new();
        let mut now = Surroundings {
            plan,
            shared: &self.shared,
            clock: self.clock.as_ref(),
            random: &self.parts.random,
            moment: journal.state.at,
        };
        loop {
            let pausing = *pause.borrow();
            if !pausing {
                self.settle(engine, &identities, &mut journal, &mut now).await?;
            }
            journal.commit().await?;
            if journal.state.phase != Phase::Running {
                break;
            }
            let mut wake = None;
            now.advance();
            for need in engine.needs(&journal.state, now.moment) {
                match need {
                    Need::Time(moment) => {
                        wake = Some(wake.map_or(moment, |wake: Timestamp| wake.min(moment)))
                    }
                    // A request that is intended goes out even while pausing: it is journalled as about to be sent.
                    Need::Send { path, attempt } => {
                        if under_way.insert((path.clone(), attempt, true)) {
                            let task = send::Task::new(
                                self,
                                engine,
                                plan,
                                &journal.state,
                                &credentials,
                                path,
                                attempt,
                            )?;
                            tasks.spawn(async { task.run().await.map(Completion::Outcome) });
                        }
                    }
                    Need::Verdict { path, attempt } if !pausing => {
                        if under_way.insert((path.clone(), attempt, false)) {
                            let call = engine.call(&path).cloned();
                            let asked = identity::ask(identities.clone(), call, path, attempt);
                            tasks.spawn(async { asked.await.map(Completion::Verdict) });
                        }
                    }
                    // While pausing none begins; one that is under way pauses by itself.
                    Need::Flow { path } if !pausing => {
                        if under_way.insert((path.clone(), 1, true)) {
                            let child = engine.child(&journal.state, &path);
                            let child =
                                child.ok_or_else(|| HostError::Event(format!("`{path}` intends no run")))?;
                            let running = self.clone().child(child, path, credentials.clone(), pause.clone());
                            tasks.spawn(async { running.await.map(Completion::Flow) });
                        }
                    }
                    Need::Verdict { .. } | Need::Flow { .. } => {}
                }
            }
            if pausing && tasks.is_empty() {
                now.advance();
                let what = What::RunPaused { because: PauseCause::Asked };
                journal.push(Event { path: None, attempt: None, what }, now.moment)?;
                continue;
            }
            tokio::select! {
                Some(completion) = tasks.join_next() => {
                    let completion = completion.map_err(|error| HostError::Task(error.to_string()))??;
                    now.advance();
                    match completion {
                        Completion::Verdict(answers) => {
                            under_way.remove(&(answers.path.clone(), answers.attempt, false));
                            // Another handoff's answers may have served this one meanwhile; or they are too old by now.
                            let due = journal.state.verdict_due(&answers.path, answers.attempt);
                            let verdict = due.and_then(|due| identities.verdict(engine, answers, due, now.moment));
                            if let Some(event) = verdict {
                                journal.push(event, now.moment)?;
                            }
                        }
                        Completion::Flow(event) => {
                            if let Some(event) = event {
                                journal.push(event, now.moment)?;
                            }
                        }
                        Completion::Outcome(event) => {
                            self.fold(engine, &mut journal, &now, &mut under_way, event)?;
                        }
                    }
                }
                () = sleep_until(wake, now.moment), if !pausing => {}
                () = asked(&mut pause), if !pausing => {}
            }
        }
        Ok(report(journal.state, plan, journal.root))
    }

    /// Takes decisions until none is left. Identities that are known already are decided on without leaving the batch.
    async fn settle(
        &self,
        engine: &Engine<'_>,
        identities: &Arc<Identities>,
        journal: &mut Journal<'_>,
        now: &mut Surroundings<'_>,
    ) -> Result<(), HostError> {
        loop {
            now.advance();
            if let Some(event) = engine.decide(&journal.state, now) {
                let moment = now.moment;
                journal.push(event, moment)?;
                continue;
            }
            let known = engine.needs(&journal.state, now.moment).into_iter().find_map(|need| match need {
                Need::Verdict { path, attempt } => identities.known(engine, &path, attempt, now.moment),
                _ => None,
            });
            match known {
                Some(event) => journal.push(event, now.moment)?,
                None => return Ok(()),
            }
        }
    }

    /// An attempt's outcome, and what it does to the breaker.
    fn fold(
        &self,
        engine: &Engine<'_>,
        journal: &mut Journal<'_>,
        now: &Surroundings<'_>,
        under_way: &mut BTreeSet<(Path, u32, bool)>,
        event: Event,
    ) -> Result<(), HostError> {
        let (path, attempt) = (event.path.clone(), event.attempt.unwrap_or(1));
        let settled = match &event.what {
            What::AttemptAnswered { outcome, status, elapsed_ms, .. } => {
                Some((*outcome, Some(*status), *elapsed_ms))
            }
            What::AttemptFailed { outcome, elapsed_ms, .. } => Some((*outcome, None, *elapsed_ms)),
            _ => None,
        };
        if let Some(path) = &path {
            under_way.remove(&(path.clone(), attempt, true));
        }
        let api = path.as_ref().and_then(|path| engine.call(path)).map(|call| call.api.as_str());
        let change = match (settled, api) {
            (Some((outcome, status, elapsed_ms)), Some(api)) => {
                now.report(api, outcome, status, elapsed_ms, attempt)
            }
            _ => None,
        };
        journal.push(event, now.moment)?;
        if let Some(what) = change {
            journal.push(Event { path, attempt: None, what }, now.moment)?;
        }
        Ok(())
    }
}

/// Until a pause is asked for; for ever where nobody can ask any more.
async fn asked(pause: &mut watch::Receiver<bool>) {
    if pause.wait_for(|asked| *asked).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn sleep_until(wake: Option<Timestamp>, now: Timestamp) {
    match wake {
        Some(moment) => tokio::time::sleep(Duration::from_millis(moment.since(now))).await,
        None => std::future::pending().await,
    }
}
