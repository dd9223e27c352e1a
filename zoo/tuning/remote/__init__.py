"""A sweep over several machines: a chief hands out trials, workers train them.

The chief holds the sweep: its tuner and its ledger. A worker gets one job at a
time for each of its processes, trains it as `pool.work` does, and sends back
what came of it. Whoever is lost, the ledger of the chief is the truth.
"""
