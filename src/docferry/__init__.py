"""docferry: drop a document into a folder, its data comes back in another."""

__version__ = "0.1.0"
