//! The loop: decide, commit, do what is awaited, fold what came back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::credentials::Credentials;
use super::identity::{self, Answers, Identities};
use super::journal::Journal;
use super::places::{Place, Places};
use super::shared::Surroundings;
use super::{Host, HostError, RunReport, report, send};
use crate::base::Timestamp;
use crate::engine::{Engine, Event, Need, Path, PauseCause, Phase, What};
use crate::plan::{Call, Plan, Verified};

/// What a task brings back.
enum Completion {
    Verdict(Answers, Option<Place>),
    /// A pause was asked for while the call waited for its place.
    NoPlace(Path, u32),
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
        self.shared.expect(plan);
        let identities =
            Arc::new(Identities::new(plan.clone(), self.parts.config.clone(), self.observations.clone()));
        // Until the warm-up is done no step starts: our own agent and operator are asked for at start.
        tokio::select! {
            () = identities.warm_up() => {}
            () = asked(&mut pause) => {}
        }
        let mut under_way = BTreeSet::new();
        let mut tasks: JoinSet<Result<Completion, HostError>> = JoinSet::new();
        // By call that is on its way: its place at its counterparty.
        let mut places: BTreeMap<Path, Place> = BTreeMap::new();
        let mut now = Surroundings {
            run: journal.state.run.as_str().into(),
            plan,
            shared: &self.shared,
            clock: self.clock.as_ref(),
            random: &self.parts.random,
            moment: journal.state.at,
        };
        loop {
            let pausing = *pause.borrow();
            if !pausing {
                let failing = journal.state.failing;
                self.settle(engine, &identities, &mut journal, &mut now).await?;
                if journal.state.failing && !failing {
                    now.forget();
                }
            }
            journal.commit().await?;
            places.retain(|path, _| journal.state.is_on_its_way(path, now.moment));
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
                            let line = match places.contains_key(&path) {
                                true => None,
                                false => self.line(plan, call.as_ref()),
                            };
                            let (identities, pause) = (identities.clone(), pause.clone());
                            tasks.spawn(async move {
                                let place = match line {
                                    None => None,
                                    Some((line, most)) => match in_line(line, most, pause).await {
                                        None => return Ok(Completion::NoPlace(path, attempt)),
                                        place => place,
                                    },
                                };
                                let answers = identity::ask(identities, call, path, attempt).await?;
                                Ok(Completion::Verdict(answers, place))
                            });
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
                        Completion::NoPlace(path, attempt) => {
                            under_way.remove(&(path, attempt, false));
                        }
                        Completion::Verdict(answers, place) => {
                            under_way.remove(&(answers.path.clone(), answers.attempt, false));
                            places.extend(place.map(|place| (answers.path.clone(), place)));
                            // Another handoff's answers may have served this one meanwhile, and it may wait again since; or
                            // they are too old by now.
                            let due = journal.state.verdict_due(&answers.path, answers.attempt);
                            let due = due.filter(|due| *due <= now.moment);
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
                // Where places are scarce, a call stands in line before its identities are judged.
                Need::Verdict { path, attempt } if self.line(engine.plan(), engine.call(&path)).is_none() => {
                    identities.known(engine, &path, attempt, now.moment)
                }
                _ => None,
            });
            match known {
                Some(event) => journal.push(event, now.moment)?,
                None => return Ok(()),
            }
        }
    }

    /// The line for a place that a call has to stand in, and how many places there are.
    fn line(&self, plan: &Plan, call: Option<&Call>) -> Option<(Arc<Places>, u32)> {
        self.shared.places(plan.apis.get(&call?.api)?)
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

/// A place for a call; none where a pause is asked for before there is one.
async fn in_line(line: Arc<Places>, most: u32, mut pause: watch::Receiver<bool>) -> Option<Place> {
    tokio::select! {
        place = line.take(most) => Some(place),
        () = asked(&mut pause) => None,
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
