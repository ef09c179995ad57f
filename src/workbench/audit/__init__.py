"""The arithmetic of the audit log. It knows only bytes: a stranger can run it alone."""
