"""Is one deployment as good as another? Verdicts that stay right however often one looks, and plain descriptions.

Every test here begins with an e-process: a number that starts at 1 and, while its hypothesis is true, reaches 1/α with
probability α at most, at any time and after any number of looks (Ramdas, Grünwald, Vovk and Shafer, "Game-theoretic
statistics and safe anytime-valid inference", Statistical Science 38, 2023; Ville's inequality, 1939). Evidence from
latencies is then divided by how much more minutes differ than chance explains (:attr:`ranks.SameMinute.spread`): how
often that errs is simulated. All is pure.
"""
