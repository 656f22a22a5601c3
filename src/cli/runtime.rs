//! The async runtime, and what Ctrl-C and SIGTERM mean: first pause, then quit.

use std::future::Future;
use std::pin::pin;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::error::CliError;
use super::output;

/// Starts a runtime.
pub(crate) fn start() -> Result<Runtime, CliError> {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Runtime { reason: error.to_string() })
}

/// Waits for Ctrl-C, or for the SIGTERM by which a machine asks; for ever where the system does not tell.
pub(crate) async fn interrupt() {
    let pressed = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = pressed => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let asked = match signal(SignalKind::terminate()) {
        Ok(mut signal) => signal.recv().await,
        Err(_) => None,
    };
    if asked.is_none() {
        std::future::pending::<()>().await;
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending::<()>().await;
}

/// Drives a run. The first Ctrl-C asks it to pause, the second leaves it where it is: `None`.
pub(crate) async fn pausing<T>(run: impl Future<Output = T>, pause: watch::Sender<bool>) -> Option<T> {
    drive(run, pause, interrupt).await
}

async fn drive<T, I: Future<Output = ()>>(
    run: impl Future<Output = T>,
    pause: watch::Sender<bool>,
    mut interrupt: impl FnMut() -> I,
) -> Option<T> {
    let mut run = pin!(run);
    loop {
        tokio::select! {
            biased;
            done = &mut run => return Some(done),
            () = interrupt() => {
                if pause.send_replace(true) {
                    return None;
                }
                output::tell("pausing once what is under way has been answered; Ctrl-C again quits at once");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn the_first_interrupt_asks_and_the_second_quits() {
        let asked = |quits: bool| {
            block_on(async move {
                let (sender, mut receiver) = watch::channel(false);
                let mut interrupts = 0;
                let run = async move {
                    let _ = receiver.wait_for(|asked| *asked).await;
                    if quits {
                        std::future::pending::<()>().await;
                    }
                    "paused"
                };
                drive(run, sender, move || {
                    interrupts += 1;
                    async move {
                        if interrupts > 2 {
                            std::future::pending::<()>().await;
                        }
                    }
                })
                .await
            })
        };
        assert_eq!(asked(false), Some("paused"));
        assert_eq!(asked(true), None);
    }
}
