"""Kernels of other languages, plain and behind ``ipr``: is a row never worse?"""
