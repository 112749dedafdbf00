"""The daemon: wiring, start, run, stop. It decides nothing about documents."""
