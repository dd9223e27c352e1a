"""What `make bench` measures: speed, start-up and memory, ours and our peers.

Every training runs in a process of its own, ours and the peers' by turns, on
the same images; what is compared is the median of paired ratios, so that a
busy or throttled machine slows all sides alike. Figures, no pass or fail.
"""
