"""Where FHIR data comes from: one Source protocol, its implementations, and tolerant typed readers."""
