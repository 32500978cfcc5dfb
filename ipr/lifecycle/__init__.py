"""When an inner kernel lives: the restart machine, and the shell around it.

Everything that decides is in the machine: frozen *states*, *events* that happen,
*effects* to be performed, a table of which event does what in which state. The
restarter feeds it and performs what it says. A *cause* is why a kernel came to its
end, in words for a person.

Must not know messages, files or argv.

Pure: causes, limits, states, events, effects, endings, history, transitions,
machine, wording, standby, standbytable.
"""
