//! The reasons of what is said of drills, in one table. How its last run ended a drill says by that run's own reason.
use crate::words::words;

words! {
    /// One CamelCase word: why a drill is as it is.
    // The drill itself.
    Valid                "The drill is valid." "Nothing to do."
    Invalid              "The drill is wrong as it stands." "Correct the fields that the message names."
    NamesakeSchedule     "A schedule of the drill's namespace has its name: their runs would have the same names." "Give the drill another name."
    Suspended            "No drill is started on ticks." "Set spec.suspend to false when drills are wanted again."
    NotSuspended         "Drills are started on ticks." "Nothing to do."
    Resumed              "Event: drills are started on ticks again." "Nothing to do."
    // Its runs.
    RunCreated           "Event: a run was created for a tick." "Nothing to do."
    RunTriggered         "Event: a run was created because the drill is annotated so." "Nothing to do."
    RunRefused           "The API server does not take the run; it is tried again." "Make room in the quota, or change the policy that the message names."
    NameTaken            "A run of the tick's name exists that the drill did not make." "Delete the run that the message names; trigger the drill to prove a backup now."
    NothingToProve       "A tick, or a trigger, was passed over: there was no good backup, or none that this drill can restore." "See the message: the schedule has to have a good backup, and with mode Restore the drill, or that backup's run, a restore command."
    TooManyMissedTimes   "Event: more than 100 ticks were missed; the last one is run." "See whether the operator was away, or its clock wrong."
    ClockWasAhead        "Event: the last tick that was taken up is one that has not come yet; ticks are counted from now on." "See to the clocks of the nodes; delete what a wrong clock has made once it is not needed."
    Idle                 "No drill is under way." "Nothing to do."
    RunUnderWay          "A drill is under way." "Nothing to do."
    NextWaits            "A drill waits until the one under way has ended." "Nothing to do, unless it lasts: then see what the run under way waits for."
}
