"""The HTTP paths, one file a subject. Each route reads, asks engine, and renders; none decides."""
