//! The reasons of what is said of schedules, in one table. How its last run ended a schedule says by that run's own reason.
use crate::words::words;

words! {
    /// One CamelCase word: why a schedule is as it is.
    // The schedule itself.
    Valid                "The schedule is valid."
    Invalid              "The schedule is wrong as it stands."
    Suspended            "No run is started on ticks."
    NotSuspended         "Runs are started on ticks."
    Resumed              "Event: runs are started on ticks again."
    // Its runs.
    RunCreated           "Event: a run was created for a tick."
    RunTriggered         "Event: a run was created because the schedule is annotated so."
    RunRefused           "The API server does not take the run; it is tried again."
    NameTaken            "A run of the tick's name exists that the schedule did not make."
    TooManyMissedTimes   "Event: more than 100 ticks were missed; the last one is run."
    RunsAdopted          "Event: what an earlier schedule of this name left was taken up."
    Idle                 "No run is under way."
    RunUnderWay          "A run is under way."
    // One keeps another waiting.
    NextWaits            "A run waits until the one under way has ended (Forbid)."
    StoppingForNext      "A run waits until the one under way has stopped (Replace)."
    RunReplaced          "Event: a run is stopped to make room for the next (Replace)."
    RestoreUnderWay      "A run is being restored."
    NextWaitsForRestore  "A run waits until a restore has ended."
    RunBesideRestore     "A run was started beside a restore (Allow)."
    // None comes to an end.
    Starving             "Event: run after run comes to nothing."
    RunsReplaced         "Run after run is replaced before it ends (Replace)."
    TicksPassedOver      "Tick after tick is passed over while one run is under way (Forbid)."
    RunsWait             "Three runs or more wait for the same, and each tick adds one (Allow)."
    RunsGoOn             "Fewer than three runs wait again."
    RunEnded             "A run has ended by itself again."
    // People are told.
    Missed               "No good backup came when one was due."
    NotificationFailed   "Event: a notification could not be delivered."
}
