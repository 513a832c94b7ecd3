"""Is one deployment as good as another? Verdicts that stay right however often one looks, and plain descriptions.

Every test here is an e-process: a number that starts at 1 and, while its hypothesis is true, reaches 1/α with
probability α at most, at any time and after any number of looks (Ramdas, Grünwald, Vovk and Shafer, "Game-theoretic
statistics and safe anytime-valid inference", Statistical Science 38, 2023; Ville's inequality, 1939). All is pure.
"""
