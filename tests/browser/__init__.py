"""A person at JupyterLab, as far as a program can be one."""
