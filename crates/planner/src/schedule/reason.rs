//! The reasons of what is said of schedules, in one table. How its last run ended a schedule says by that run's own reason.
use crate::words::words;

words! {
    /// One CamelCase word: why a schedule is as it is.
    // The schedule itself.
    Valid                "The schedule is valid." "Nothing to do."
    Invalid              "The schedule is wrong as it stands." "Correct the fields that the message names."
    Suspended            "No run is started on ticks." "Set spec.suspend to false when runs are wanted again."
    NotSuspended         "Runs are started on ticks." "Nothing to do."
    Resumed              "Event: runs are started on ticks again." "Nothing to do."
    // Its runs.
    RunCreated           "Event: a run was created for a tick." "Nothing to do."
    RunTriggered         "Event: a run was created because the schedule is annotated so." "Nothing to do."
    RunRefused           "The API server does not take the run; it is tried again." "Make room in the quota, or change the policy that the message names."
    NameTaken            "A run of the tick's name exists that the schedule did not make." "Delete the run that the message names; trigger the schedule to make a backup now."
    TooManyMissedTimes   "Event: more than 100 ticks were missed; the last one is run." "See whether the operator was away, or its clock wrong."
    ClockWasAhead        "Event: the last tick that was taken up is one that has not come yet; ticks are counted from now on." "See to the clocks of the nodes; delete what a wrong clock has made once it is not needed."
    RunsAdopted          "Event: what an earlier schedule of this name left was taken up." "Nothing to do."
    Idle                 "No run is under way." "Nothing to do."
    RunUnderWay          "A run is under way." "Nothing to do."
    // One keeps another waiting.
    NextWaits            "A run waits until the one under way has ended (Forbid)." "Nothing to do, unless it lasts: then see what the run under way waits for."
    StoppingForNext      "A run waits until the one under way has stopped (Replace)." "Nothing to do, unless it lasts: then see what keeps the Pod of the run that stops."
    RunReplaced          "Event: a run is stopped to make room for the next (Replace)." "Have the schedule come less often, or say concurrencyPolicy: Forbid, where runs are to end."
    RestoreUnderWay      "A run is being restored." "Nothing to do."
    NextWaitsForRestore  "A run waits until a restore has ended." "Nothing to do: it starts when the restore has ended."
    RunBesideRestore     "A run was started beside a restore (Allow)." "Say concurrencyPolicy: Forbid where a backup is not to be made during a restore."
    // None comes to an end.
    Starving             "Event: run after run comes to nothing." "See the condition Starving: its message has what the runs wait for."
    RunsReplaced         "Run after run is replaced before it ends (Replace)." "Have the schedule come less often, make the command faster, or say concurrencyPolicy: Forbid."
    TicksPassedOver      "Tick after tick is passed over while one run is under way (Forbid)." "Have the schedule come less often, make the command faster, or give it a deadlineSeconds."
    RunsWait             "Three runs or more wait for the same, and each tick adds one (Allow)." "Cure what the message names; with concurrencyPolicy: Forbid one run waits, and no more."
    RunsGoOn             "Fewer than three runs wait again." "Nothing to do."
    RunEnded             "A run has ended by itself again." "Nothing to do."
    // People are told.
    Missed               "No good backup came when one was due." "See why none was made: the operator was away, the schedule suspended or starving, or its runs failed."
    NotificationFailed   "Event: a notification could not be delivered." "See what the message says of the receiver, its Secret and the hosts that the installation allows."
}
