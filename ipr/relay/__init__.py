"""The way of a message, from the clients to the inner kernel and back.

A *request* is what a client sent and is not finished with; the *ledger* holds those
that are open. A *turn* is a ``%restart`` that waits for the cells before it. What
ipr itself answers is worked out as steps (publish, reply) and spoken by the author.

Must not know how a kernel is started or stopped, files, or the global reactor.

Pure: answers, ledger, obituary, request, turntable.
"""
