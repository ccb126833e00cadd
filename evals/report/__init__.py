"""A run's report: one HTML page with its curves, tables and transcripts."""
