"""End-to-end tests: real kernels, started by jupyter_client, talked to over ZMQ."""
