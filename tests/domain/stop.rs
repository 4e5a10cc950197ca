//! Stop: a daemon's session is named, and nobody else's.

use millrace::domain::ids::SessionId;
use millrace::domain::transition::input::Input;

use crate::support::play::Play;

fn session(n: u8) -> SessionId {
    format!("{n:032x}").parse().expect("a session")
}

fn stop(n: u8, now: bool) -> Input {
    Input::Stop { session: session(n), now, reason: "update".to_owned() }
}

fn begin(n: u8) -> Input {
    Input::BeginSession { session: session(n), program: "test".to_owned() }
}

#[test]
fn m02_it_is_asked_of_the_session_that_runs() {
    let mut play = Play::new();
    assert_eq!(play.refused(&stop(1, false)).to_string(), format!("no daemon has session {}", session(1)));
    play.done(&begin(1));
    play.done(&stop(1, false));
    let wish = play.control().sessions[0].stop.clone().expect("a wish");
    assert_eq!((wish.reason.as_str(), wish.now), ("update", false));
    assert_eq!(play.unchanged(&stop(1, false)), [format!("session {} is asked to end already", session(1))]);
    // More can still be asked, and less is no news.
    play.done(&stop(1, true));
    play.unchanged(&stop(1, false));
    play.unchanged(&stop(1, true));
    assert!(play.control().sessions[0].stop.as_ref().is_some_and(|wish| wish.now));
    // The wish ends with the session: the next daemon does not stop for it.
    play.done(&begin(2));
    assert_eq!(play.control().sessions[0].stop, None);
    play.refused(&stop(1, false));
    play.done(&Input::EndSession { session: session(2), reason: "asked to".to_owned() });
    play.refused(&stop(2, false));
    play.end();
}
