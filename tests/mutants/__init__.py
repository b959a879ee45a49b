"""Every rule of both profiles changed in every small way, and whether the tables notice.

    mutation   what is changed, one condition at a time
    score      the cases of a profile's table, asked under changed rules
    __main__   the program: ``python -m tests.mutants``

A change that no case notices is a hole in the table, or makes no difference; those stand in
``tests/specs/contract/equal_mutants.json``, each with the reason.
"""
