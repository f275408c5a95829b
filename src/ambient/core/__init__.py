"""The domain: decisions, use cases, ports. No input or output, no framework."""
