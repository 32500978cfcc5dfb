"""What goes over the wire: the layout of a message, and what is said in it.

Pure, the whole room: no clock, no socket, no process. *Frames* are the parts of a
ZeroMQ message, an *envelope* is one Jupyter message cut at its delimiter, a *draft*
is one of our own that has no header and no signature yet, a *magic* is a cell that
is ours.

Must not know who sends what when.
"""
