"""Stored patients and calls, run through the same core or against any CDS Hooks service, and compared."""
