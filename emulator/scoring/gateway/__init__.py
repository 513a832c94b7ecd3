"""The gateway, a process of its own: who may call, which deployment answers, and what is remembered of it."""
