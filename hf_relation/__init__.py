"""Discover and extract relations from text, the Hugging Face way."""

__version__ = "0.1.0"
