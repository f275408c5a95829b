"""The handlers of the runner's routes, by what they work on; `app` routes to them by name."""
