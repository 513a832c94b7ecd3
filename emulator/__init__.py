"""The local Azure: real TLS, the real wire protocol, real scoring processes."""
