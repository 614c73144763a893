"""What a tracer looks at or hands on."""
