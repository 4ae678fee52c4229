"""OpenTelemetry: the spans of a request and of its attempts, and where they go. Imported only where asked for."""
