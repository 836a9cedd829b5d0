"""Do the tests notice a fault in a rule? Faults are put in on purpose, one at a time.

``make mutants`` runs them. A mutant is one file with one operator, constant or
condition changed (``c_source``, ``python_source``); a trial builds it in a copy of
the tree and runs the tests that should notice, cheapest first, up to the first
that fails (``c_trial``, ``python_trial``). ``same.txt`` lists mutants that are the
same program, with the reason.
"""
