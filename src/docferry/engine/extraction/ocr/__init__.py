"""Recognition of text in pictures of pages, and the layout of what was recognised."""
