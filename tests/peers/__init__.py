"""Test suites of other projects, run once with a plain kernel and once behind ipr.

``python -m tests.peers`` runs one by hand and prints the comparison.
"""
