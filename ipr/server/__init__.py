"""What runs in the Jupyter server's process: the Restart button's half of ipr.

The *manager* is jupyter_client's KernelManager, the *provisioner* what it starts its
kernel with, and the *owner* the manager whose provisioner the daemon has agreed with.
The *line* is the provisioner's own connection to the daemon. A kernel is *gone* for a
task that restarts it, although it runs; for every other task it is there.

Must not know the daemon, and imports neither Twisted nor txZMQ: between the two there
is nothing but the control channel. Must not block the server's event loop.

Pure: changes.
"""
