"""The demo: the stored patients behind a read-only FHIR API, as plain values. ``web.demo`` serves it."""
