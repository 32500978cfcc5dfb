"""What runs before attrs, Twisted and ZeroMQ are imported.

The first inner kernel is started from here, and its start hides everything that is
imported after it. So each millisecond here is one that every start takes longer:
these modules import next to nothing, not even ``typing``, ``json`` or ``re``.

Words: *outer* is the clients' connection file, *inner* that of one generation of the
inner kernel; a *launch* is a kernel's command before it is filled in; a *private
folder* is one that only its owner can read, and *places* are where it may lie; the
*guardian* is the parent process of one inner kernel, and sees to it that nothing of the
kernel is left.

Must not know messages, the reactor, or why a kernel is started.
"""
