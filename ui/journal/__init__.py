"""The journal on screen: its page, an endpoint's history, and lines on charts."""
