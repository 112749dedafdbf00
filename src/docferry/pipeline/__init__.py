"""From a claimed file to a delivered one: states, steps, retries, and who may go next.

``advance.advance`` takes one document one step further and knows nothing of the loop that called it.
"""
