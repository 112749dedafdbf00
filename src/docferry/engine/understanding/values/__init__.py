"""Typed values as people print them: numbers, amounts, dates, identifiers, in the notations of many countries."""
