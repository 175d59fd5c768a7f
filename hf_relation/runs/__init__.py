"""Whole training runs, shared by the example scripts and the command line."""
