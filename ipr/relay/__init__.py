"""The way of a message, from the clients to the inner kernel and back.

A *conversation* is with one inner kernel: what it was sent. *Hearing* is what comes
back. Both are made with their kernel and thrown away with it. The *gate* is open,
holding or refusing. A *request* is what a client sent and is not finished with; the
*ledger* holds those that are open. An *errand* is what ipr asks a kernel itself. A
*turn* is a ``%restart`` that waits for the cells before it. What ipr itself answers
is worked out as steps (publish, reply) and spoken by the *voice*.

Must not know how a kernel is started or stopped, files, or the global reactor.

Pure: aborting, answers, asshown, cellhistory, ledger, linerules, namesakes, obituary,
outputs, passing, ran, replayplan, replaywords, request, subshells, turneffects,
turnevents, turnrules, turns, turntable.
"""
