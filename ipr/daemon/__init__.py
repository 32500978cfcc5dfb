"""What runs, and who is told: the parts are put together here.

The service builds and wires everything else; around it are the ways to start it (a
kernelspec's argv, ``twistd``), the watch over parent and clients, ``%ipr`` and what
it shows, the log.

Must not decide anything that the restart machine or the relay decides.

Pure: status.
"""
