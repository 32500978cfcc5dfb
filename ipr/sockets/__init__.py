"""The only modules of the daemon that know ZeroMQ.

*Front* sockets are bound where the clients' connection file says and live as long as
the daemon; *inner* ones are connected to one generation of the inner kernel and are
closed with it. The heartbeat has a thread of its own.

Must not know what a message means: everything here deals in frames.
"""
