"""The library of an endpoint on screen: saved payloads, what is expected of their answers, import and export."""
