"""The workbench: what its page shows, as plain values and HTML. ``web.workbench`` serves it."""
