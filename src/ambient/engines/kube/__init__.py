"""The cluster engine: the only package that knows Kubernetes."""
