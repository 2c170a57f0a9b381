"""Scores in, a decision out: the newsroom's policy file and the rules that read it."""
