"""The only package that knows HTTP: discovery, services, errors, guards, the call log and the server."""
