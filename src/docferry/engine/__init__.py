"""The embedded engine: a local HTTP server that speaks both extraction APIs and really extracts.

A house of its own: it imports nothing of the daemon, and the daemon reaches it over HTTP like any
other provider.
"""
