"""All metadata is in setup.cfg; this file is what ``pip`` looks for."""

from setuptools import setup

setup()
