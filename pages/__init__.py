"""One file per page: read inputs, call one service, render."""
