"""How well documents are read, measured on documents whose content is known."""
