"""Typed Python client for the Imbari Coffee customer chat on Firebase Realtime Database."""

__version__ = "0.1.0"
