"""What runs, and who is told: the parts are put together here.

The *service* builds and wires everything else. Around it: the ways to start it by hand
(``twistd``), the *watch* over parent and clients, ``%ipr`` (*commands*, the *report*
that it shows, Python *inside* the daemon), what the *next kernel* starts with, the
log, Slurm.

Must not decide anything that the restart machine or the relay decides.

Pure: limits, status.
"""
