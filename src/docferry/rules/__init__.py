"""Facts, conditions and routing: which rule takes a document, what it decides, and why."""
