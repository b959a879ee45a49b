"""The demo: an emulator in this process, customers who write by themselves, and an inbox.

cast       who the customers are and what they say
stage      the emulator with the shipped rules, and an admin who signs in there
customers  a customer who plays their part through the customer's client
headless   an admin who plays theirs, and the checks afterwards
run        both ways to run it; :func:`~imbari_chat.cli.demo.run.run_demo`
"""
