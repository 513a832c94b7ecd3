"""What Sluice does, with no screen in it: typed, synchronous, thread-safe."""
