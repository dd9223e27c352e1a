"""What `make bench` measures: speed, start-up and memory, next to peers.

Every training runs in a process of its own, zoo's and the peers' by turns, on
the same images; the median of paired ratios is compared, so that a busy or
throttled machine slows all alike. There is no pass or fail.
"""
