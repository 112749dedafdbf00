"""From bytes to one model of a document: every output of both APIs is rendered from it."""
