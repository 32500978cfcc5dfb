"""What runs, and who is told: the parts are put together here.

The *service* is the daemon's life; its *parts* are wired in one place. Around them: the
ways to start it by hand (``twistd``), the *watch* over parent and clients, ``%ipr``
(*commands*, the *report* that it shows, Python *inside* the daemon), what the *next
kernel* starts with, the log, Slurm.

Must not decide anything that the restart machine or the relay decides.

Pure: limits, status.
"""
